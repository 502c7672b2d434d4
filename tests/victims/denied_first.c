// Waits for SIGTERM with a filter that denies getppid. Whoever attaches meanwhile sees these calls
// and no others before them: getppid, denied, getuid, getppid, denied. "ready" before it waits.
#include <errno.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "load_filter.h"

int main(void) {
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  sigprocmask(SIG_BLOCK, &term, NULL);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 1;
  if (load(SYS_getppid, SECCOMP_RET_ERRNO | EACCES) != 0) return 2;
  puts("ready");
  fflush(stdout);
  int number = 0;
  sigwait(&term, &number);
  syscall(SYS_getppid);
  syscall(SYS_getuid);
  syscall(SYS_getppid);
  return 0;
}
