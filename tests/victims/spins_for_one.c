// 6 threads call sched_yield until a seventh has made 200 getppid. A tracer that serves whoever is
// ready first never comes to the seventh. So: getppid 200.
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_int done;

static void* spins(void* unused) {
  while (!done) syscall(SYS_sched_yield);
  return unused;
}

static void* works(void* unused) {
  for (int i = 0; i < 200; ++i) syscall(SYS_getppid);
  done = 1;
  return unused;
}

int main(void) {
  pthread_t ids[7];
  for (int i = 0; i < 6; ++i) pthread_create(&ids[i], NULL, spins, NULL);
  pthread_create(&ids[6], NULL, works, NULL);
  for (int i = 0; i < 7; ++i) pthread_join(ids[i], NULL);
  return 0;
}
