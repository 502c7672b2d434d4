/* Calls run() of each library that its arguments name, one loaded at a time. */
#include <dlfcn.h>
#include <unistd.h>
int main(int argc, char** argv) {
  write(1, "start\n", 6);
  for (int i = 1; i < argc; ++i) {
    void* library = dlopen(argv[i], RTLD_NOW);
    if (library == NULL) return 2;
    ((long (*)(const char*))dlsym(library, "run"))("plugin\n");
    dlclose(library);
  }
  return 0;
}
