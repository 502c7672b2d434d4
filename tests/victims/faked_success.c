// A program whose filters answer calls with success: no errno tells that they were not made.
//   getppid 3, and 1 as the first call of a child, and 1 as the first after an exec: ERRNO with 0
//   getuid 2: NOTIFY, answered with 0 and 7
#define _GNU_SOURCE
#include <errno.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "load_filter.h"

static const long long kAnswers[] = {0, 7};

static void* answer(void* listener) {
  for (int i = 0; i < 2; ++i) {
    struct seccomp_notif asked;
    memset(&asked, 0, sizeof asked);
    if (ioctl(*(int*)listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) != 0) break;
    struct seccomp_notif_resp said = {.id = asked.id, .val = kAnswers[i]};
    ioctl(*(int*)listener, SECCOMP_IOCTL_NOTIF_SEND, &said);
  }
  return NULL;
}

static int wait_status(pid_t pid) {
  int status = 0;
  waitpid(pid, &status, 0);
  return status;
}

int main(int argc, char** argv) {
  if (argc > 1) return syscall(SYS_getppid) == 0 ? 0 : 1;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 2;
  if (load(SYS_getppid, SECCOMP_RET_ERRNO) != 0) return 2;
  for (int i = 0; i < 3; ++i) {
    if (syscall(SYS_getppid) != 0) return 3;
  }
  pid_t pid = fork();
  if (pid == 0) _exit(syscall(SYS_getppid) == 0 ? 0 : 1);
  if (wait_status(pid) != 0) return 4;
  pid = fork();
  if (pid == 0) {
    execl("/proc/self/exe", argv[0], "again", (char*)NULL);
    _exit(1);
  }
  if (wait_status(pid) != 0) return 5;
  int listener = load_listener(SYS_getuid);
  if (listener < 0) return 6;
  pthread_t id;
  pthread_create(&id, NULL, answer, &listener);
  for (int i = 0; i < 2; ++i) {
    if (syscall(SYS_getuid) != kAnswers[i]) return 7;
  }
  // Without a call: pthread_join waits by one where the thread has not ended yet.
  while (pthread_tryjoin_np(id, NULL) == EBUSY) {
  }
  return 0;
}
