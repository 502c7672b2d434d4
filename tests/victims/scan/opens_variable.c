// A library that is loaded by a name in a variable that nobody writes to, though anybody could.
#include <dlfcn.h>
static const char* name = "libz.so.1";
int main(void) { return dlopen(name, RTLD_NOW) == 0; }
