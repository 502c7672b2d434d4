// Calls that its own filters deny, each with an argument that it knows.
//   socket 3: ERRNO      ioctl 1: TRAP      kill 1: KILL_PROCESS in a child
//   personality 1: KILL_THREAD in a second thread of another child
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
  syscall(SYS_personality, 0x55);
  return unused;
}

static void wait_for(pid_t pid) {
  while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
  }
}

int main(void) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 1;
  signal(SIGSYS, on_sigsys);
  if (load(SYS_socket, SECCOMP_RET_ERRNO | EACCES) != 0) return 2;
  if (load(SYS_ioctl, SECCOMP_RET_TRAP) != 0) return 2;
  if (load(SYS_kill, SECCOMP_RET_KILL_PROCESS) != 0) return 2;
  if (load(SYS_personality, SECCOMP_RET_KILL_THREAD) != 0) return 2;
  syscall(SYS_socket, 2, 1, 6);
  syscall(SYS_socket, 10, 3, 0);
  syscall(SYS_socket, 2, 1, 6);
  syscall(SYS_ioctl, -1, 0x11, 0);
  pid_t pid = fork();
  if (pid == 0) {
    syscall(SYS_kill, -99999, 33);
    _exit(0);
  }
  wait_for(pid);
  pid = fork();
  if (pid == 0) {
    pthread_t id;
    pthread_create(&id, NULL, killed, NULL);
    while (pthread_tryjoin_np(id, NULL) != 0) {
    }
    _exit(0);
  }
  wait_for(pid);
  return 0;
}
