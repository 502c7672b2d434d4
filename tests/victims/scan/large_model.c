// Addresses as numbers that are added to another, in the variant of the large code model.
#include <sys/syscall.h>
#include <unistd.h>
typedef long (*Function)(void);
static long one(void) { return syscall(SYS_ioprio_get, 1, 0); }
static long two(void) { return syscall(SYS_syncfs, -1); }
static Function g_table[] = {two, two};
__attribute__((noinline)) static long call(Function function) { return function(); }
int main(int argc, char** argv) {
  (void)argv;
  return (int)(call(one) + g_table[argc & 1]());
}
