// A library that is loaded by a name that stands in the program.
#include <dlfcn.h>
int main(void) { return dlopen("libz.so.1", RTLD_NOW) == 0; }
