// Code before and after main, and a handler that nobody calls by name.
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
__attribute__((constructor)) static void before(void) { syscall(SYS_ioprio_get, 1, 0); }
__attribute__((destructor)) static void after(void) { syscall(SYS_syncfs, -1); }
static void at_exit(void) { syscall(SYS_mlockall, 0); }
static void handler(int number) { syscall(SYS_munlockall, number); }
int main(void) {
  atexit(at_exit);
  signal(SIGUSR1, handler);
  return (int)syscall(SYS_sched_yield);
}
