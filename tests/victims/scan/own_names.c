// Functions of the C library that never return have these names; here they do return.
#include <sys/syscall.h>
#include <unistd.h>

static volatile int count;
__attribute__((noinline)) void __assert(const char* text, const char* file, int line) {
  count += text != file && line > 0;
}
__attribute__((noinline)) void __assert_perror_fail(int number) { count += number; }

int main(int argc, char** argv) {
  __assert(argv[0], "file", argc);
  syscall(SYS_ioprio_get, 1, 0);
  __assert_perror_fail(argc);
  syscall(SYS_syncfs, -1);
  return count < 0;
}
