// The C library carries setuid(2) out in all threads: the number lies in a struct meanwhile.
#include <unistd.h>
int main(void) { return setuid(1) != 0; }
