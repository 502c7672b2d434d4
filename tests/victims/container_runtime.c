// container_runtime DIR HOOK PROGRAM ARGS...: what runc's init does, as far as a recorder sees it.
// Goes into the cgroup DIR, makes 3 calls of getuid, loads a filter that refuses getpgid with
// EPERM, makes 5 of getppid and 2 of getpgid, runs HOOK (`HOOK getuid 4`) as a child unless it is
// "-", and becomes PROGRAM.
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int load_filter(void) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpgid, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const struct sock_fprog program = {sizeof code / sizeof *code, code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 1;
  return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

int main(int argc, char** argv) {
  if (argc < 4) return 1;
  char path[4096];
  snprintf(path, sizeof path, "%s/cgroup.procs", argv[1]);
  const int procs = open(path, O_WRONLY | O_CLOEXEC);
  if (procs < 0 || write(procs, "0", 1) != 1) return 2;
  for (int i = 0; i < 3; ++i) syscall(SYS_getuid);
  if (load_filter() != 0) return 3;
  for (int i = 0; i < 5; ++i) syscall(SYS_getppid);
  for (int i = 0; i < 2; ++i) syscall(SYS_getpgid, 0);
  if (strcmp(argv[2], "-") != 0) {
    const pid_t hook = fork();
    if (hook == 0) {
      execl(argv[2], argv[2], "getuid", "4", (char*)NULL);
      _exit(127);
    }
    int status = 0;
    if (hook < 0 || waitpid(hook, &status, 0) != hook || status != 0) return 4;
  }
  execv(argv[3], argv + 3);
  return 5;
}
