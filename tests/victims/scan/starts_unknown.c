// Another program, by a path that comes from outside.
#include <unistd.h>
int main(int argc, char** argv) { return execv(argv[argc - 1], argv); }
