// A library that is loaded by a name that comes from outside.
#include <dlfcn.h>
int main(int argc, char** argv) { return dlopen(argv[argc - 1], RTLD_NOW) == 0; }
