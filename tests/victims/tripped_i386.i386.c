// A 32-bit program that makes the directory named by its word, and prints 0 or -1. No headers:
// where those of 32 bits lie differs.
extern int mkdir(const char* path, unsigned mode);
extern int printf(const char* format, ...);

int main(int argc, char** argv) {
  printf("mkdir=%d\n", argc > 1 ? mkdir(argv[1], 0777) : 0);
  return 0;
}
