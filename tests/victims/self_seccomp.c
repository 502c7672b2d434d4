// A program with seccomp filters of its own.
//   getppid 3: EACCES       getuid 2: errno 2222     getgid 1: TRAP, SIGSYS handler
//   geteuid 2: TRACE, so ENOSYS       mkdir 1: KILL_PROCESS in a child
//   rmdir 1: KILL_THREAD in a second thread of another child
#include <errno.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "load_filter.h"

static void on_sigsys(int number) { (void)number; }

static void* killed(void* unused) {
  syscall(SYS_rmdir, "/nonexistent");
  return unused;
}

static int wait_status(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

int main(void) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 1;
  signal(SIGSYS, on_sigsys);
  // Or it would interrupt a wait now and then, and calls would not come as often in each run.
  sigset_t chld;
  sigemptyset(&chld);
  sigaddset(&chld, SIGCHLD);
  sigprocmask(SIG_BLOCK, &chld, NULL);
  if (load(SYS_getppid, SECCOMP_RET_ERRNO | EACCES) != 0) return 2;
  if (load(SYS_getuid, SECCOMP_RET_ERRNO | 2222) != 0) return 2;
  if (load(SYS_getgid, SECCOMP_RET_TRAP) != 0) return 2;
  if (load(SYS_geteuid, SECCOMP_RET_TRACE) != 0) return 2;
  if (load(SYS_mkdir, SECCOMP_RET_KILL_PROCESS) != 0) return 2;
  if (load(SYS_rmdir, SECCOMP_RET_KILL_THREAD) != 0) return 2;
  for (int i = 0; i < 3; ++i) {
    if (syscall(SYS_getppid) != -1 || errno != EACCES) return 3;
  }
  for (int i = 0; i < 2; ++i) {
    if (syscall(SYS_getuid) != -1 || errno != 2222) return 4;
  }
  syscall(SYS_getgid);
  for (int i = 0; i < 2; ++i) {
    if (syscall(SYS_geteuid) != -1 || errno != ENOSYS) return 5;
  }
  pid_t pid = fork();
  if (pid == 0) {
    syscall(SYS_mkdir, "/nonexistent/folder", 0700);
    _exit(0);
  }
  const int of_process = wait_status(pid);
  if (!WIFSIGNALED(of_process) || WTERMSIG(of_process) != SIGSYS) return 6;
  pid = fork();
  if (pid == 0) {
    pthread_t id;
    pthread_create(&id, NULL, killed, NULL);
    while (pthread_tryjoin_np(id, NULL) != 0) {  // no futex: its count would differ
    }
    _exit(7);
  }
  return wait_status(pid) >> 8 == 7 ? 0 : 7;
}
