// The main thread exits first; another goes on, makes 500 getppid and ends the process with 6.
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static void* work(void* unused) {
  for (int i = 0; i < 500; ++i) syscall(SYS_getppid);
  _exit(6);
  return unused;
}

int main(void) {
  pthread_t id;
  if (pthread_create(&id, NULL, work, NULL) != 0) return 1;
  syscall(SYS_exit, 0);
  return 2;
}
