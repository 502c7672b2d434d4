// short_lives N: N processes that make one getppid and end at once, up to 16 at a time. So: fork N,
// getppid N, wait4 N, exit_group N + 1.
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kAtOnce = 16 };

int main(int argc, char** argv) {
  const int wanted = argc > 1 ? atoi(argv[1]) : 100;
  // For a tracer SIGCHLD is delivered, and a fork that it comes upon begins anew.
  sigset_t chld;
  sigemptyset(&chld);
  sigaddset(&chld, SIGCHLD);
  sigprocmask(SIG_BLOCK, &chld, NULL);
  int started = 0;
  for (int ended = 0; ended < wanted; ++ended) {
    while (started < wanted && started - ended < kAtOnce) {
      const long pid = syscall(SYS_fork);
      if (pid < 0) return 1;
      if (pid == 0) {
        syscall(SYS_getppid);
        _exit(0);
      }
      ++started;
    }
    if (wait4(-1, NULL, 0, NULL) < 0) return 2;
  }
  return 0;
}
