// same_pid N: N children one after the other, each of the same pid where we may ask the kernel for
// it (root: /proc/sys/kernel/ns_last_pid, in a pid namespace of our own), each with one getppid.
// Prints how many different pids there were. So: fork N and 1, getppid N, exit_group N and 2.
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int children(long wanted, int in_own_namespace) {
  // Anybody may open it; writing is refused.
  const int last = in_own_namespace ? open("/proc/sys/kernel/ns_last_pid", O_WRONLY) : -1;
  long different = 0;
  long before = 0;
  for (long i = 0; i < wanted; ++i) {
    // The next pid is one more than what is written here.
    if (last >= 0 && pwrite(last, "2", 1, 0) != 1) return 2;
    const long pid = syscall(SYS_fork);
    if (pid < 0) return 3;
    if (pid == 0) {
      syscall(SYS_getppid);
      _exit(0);
    }
    if (pid != before) ++different;
    before = pid;
    if (wait4((int)pid, NULL, 0, NULL) != pid) return 4;
  }
  printf("%ld\n", different);
  fflush(stdout);
  return 0;
}

int main(int argc, char** argv) {
  const long wanted = argc > 1 ? atol(argv[1]) : 100;
  const int in_own_namespace = unshare(CLONE_NEWPID) == 0;  // else the children have other pids
  const long first = syscall(SYS_fork);
  if (first == 0) _exit(children(wanted, in_own_namespace));
  int status = 0;
  if (first < 0 || wait4((int)first, &status, 0, NULL) != first) return 1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 5;
}
