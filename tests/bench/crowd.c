/* A program that is there to be recorded. Prints "NANOSECONDS PID" as soon as it runs
   (CLOCK_MONOTONIC at its first line), makes COUNT children that wait, prints "ready" and waits for
   a signal. With COUNT 0 it ends after the first line. Linked statically: what the loader takes is
   not its start. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char** argv) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  char* end = NULL;
  const unsigned long count = argc == 2 ? strtoul(argv[1], &end, 10) : 0;
  if (argc != 2 || end == argv[1] || *end != '\0') {
    fprintf(stderr, "usage: crowd COUNT\n");
    return 2;
  }
  printf("%lld %d\n", (long long)now.tv_sec * 1000000000 + now.tv_nsec, (int)getpid());
  fflush(stdout);
  if (count == 0) return 0;
  const pid_t parent = getpid();
  for (unsigned long i = 0; i < count; ++i) {
    const pid_t pid = fork();
    if (pid < 0) {
      perror("fork");
      return 1;
    }
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      /* It may have died before that. */
      while (getppid() == parent) pause();
      return 0;
    }
  }
  printf("ready\n");
  fflush(stdout);
  for (;;) pause();
}
