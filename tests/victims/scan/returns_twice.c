/* What setjmp and vfork return to a second time finds a variable that has changed since. */
#include <setjmp.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static long raw_call(long nr) {
  long result = nr;
  __asm__ volatile("syscall" : "+a"(result) : "D"(0), "S"(0) : "rcx", "r11", "memory");
  return result;
}
static jmp_buf place;
__attribute__((noinline)) static void by_jump(void) {
  volatile long nr = SYS_getpid;
  if (setjmp(place) != 0) {
    raw_call(nr);
    return;
  }
  nr = SYS_ioprio_get;
  longjmp(place, 1);
}
__attribute__((noinline)) static void by_child(void) {
  volatile long nr = SYS_getpid;
  if (vfork() == 0) {
    nr = SYS_munlockall;
    _exit(0);
  }
  raw_call(nr);
}
int main(void) {
  by_jump();
  by_child();
  return 0;
}
