// A symbol by a name from outside: it may be one of what the library needs, the C library's above
// all.
#include <dlfcn.h>
int main(int argc, char** argv) {
  void* library = dlopen("libz.so.1", RTLD_NOW);
  int (*function)(const char*, int) = (int (*)(const char*, int))dlsym(library, argv[argc - 1]);
  return function ? function("/nonexistent/x", 0777) : 1;
}
