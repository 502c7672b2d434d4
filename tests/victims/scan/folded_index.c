// A small table whose beginning the compiler has moved into the index: the address in the code lies
// in what stands before it.
#include <sys/syscall.h>
#include <unistd.h>
static int one(int i) { return (int)syscall(SYS_ioprio_get, 1, i); }
static int two(int i) { return (int)syscall(SYS_mlockall, i) + 1; }
static int three(int i) { return (int)syscall(SYS_munlockall) + i; }
int (*const other[9])(int);
static int (*const table[3])(int) = {one, two, three};
static int (*const after[5])(int);
__attribute__((noinline)) int run(long n) { return table[n - 4](1); }
int main(int argc, char** argv) {
  (void)argv;
  for (long n = 4; n < 7; ++n) run(n);
  return argc > 100 ? after[argc & 3] == 0 : 0;
}
