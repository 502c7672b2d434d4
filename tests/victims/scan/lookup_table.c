// A switch that yields addresses: clang makes a table of distances of it, which no relocation
// shows.
#include <sys/syscall.h>
#include <unistd.h>
struct Operations {
  long (*act)(void);
  long more[5];
};
static long one(void) { return syscall(SYS_ioprio_get, 1, 0); }
static long two(void) { return syscall(SYS_mlockall, 0); }
static long three(void) { return syscall(SYS_munlockall); }
static long four(void) { return syscall(SYS_syncfs, -1); }
static const struct Operations kOne = {one}, kTwo = {two}, kThree = {three}, kFour = {four};
__attribute__((noinline)) static const struct Operations* choose(int i) {
  switch (i) {
    case 0:
      return &kOne;
    case 1:
      return &kTwo;
    case 2:
      return &kThree;
    case 3:
      return &kFour;
    default:
      return 0;
  }
}
int main(int argc, char** argv) {
  (void)argv;
  long sum = 0;
  for (int i = 0; i < 4; ++i) {
    const struct Operations* operations = choose(i * argc);
    if (operations) sum += operations->act();
  }
  return (int)sum;
}
