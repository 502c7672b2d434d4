// Another program, by a path that stands in this one.
#include <unistd.h>
int main(void) { return execl("/bin/true", "true", (char*)0); }
