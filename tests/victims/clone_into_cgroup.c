// clone_into_cgroup DIR N: a child that begins its life in the cgroup DIR makes N calls of getppid;
// we stay outside, and make 7 of getuid. 77 where the kernel cannot (Linux 5.7 and later can).
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc != 3) return 1;
  const int dir = open(argv[1], O_RDONLY | O_DIRECTORY);
  if (dir < 0) return 2;
  struct clone_args args;
  memset(&args, 0, sizeof args);
  args.flags = 0x200000000ULL;  // CLONE_INTO_CGROUP
  args.exit_signal = SIGCHLD;
  args.cgroup = (uint64_t)dir;
  const long pid = syscall(SYS_clone3, &args, sizeof args);
  if (pid < 0) return 77;
  if (pid == 0) {
    for (long i = atol(argv[2]); i > 0; --i) syscall(SYS_getppid);
    _exit(0);
  }
  for (int i = 0; i < 7; ++i) syscall(SYS_getuid);
  return waitpid((int)pid, NULL, 0) == pid ? 0 : 3;
}
