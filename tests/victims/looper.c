// looper N: N threads that sleep and call getppid by turns until SIGTERM comes. Then it prints how
// many calls they made and how many sleeps failed, and ends with 0. "ready" once all run.
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static atomic_long calls;
static atomic_long failed_sleeps;
static atomic_int running;

static void* work(void* unused) {
  const struct timespec moment = {0, 2000000};
  ++running;
  for (;;) {
    syscall(SYS_getppid);
    ++calls;
    if (syscall(SYS_nanosleep, &moment, NULL) != 0) ++failed_sleeps;
  }
  return unused;
}

int main(int argc, char** argv) {
  const int threads = argc > 1 ? atoi(argv[1]) : 3;
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &term, NULL);
  pthread_t id;
  for (int i = 0; i < threads; ++i) {
    if (pthread_create(&id, NULL, work, NULL) != 0) return 1;
  }
  while (running != threads) usleep(100);
  puts("ready");
  fflush(stdout);
  int number = 0;
  sigwait(&term, &number);
  printf("calls %ld failed %ld\n", (long)calls, (long)failed_sleeps);
  return 0;
}
