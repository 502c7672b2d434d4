// births: one child of each way to make one; each makes one getppid and ends. So: getppid 10
// (fork, vfork, clone x 4, clone3 x 2, a bare thread, posix_spawn).
// births untraced: one more, made with CLONE_UNTRACED, whose getppid no tracer sees.
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;
static char stack[65536] __attribute__((aligned(16)));

static int child(void* unused) {
  (void)unused;
  syscall(SYS_getppid);
  syscall(SYS_exit, 0);
  return 0;
}

static void reap(pid_t pid) {
  while (pid > 0 && waitpid(pid, NULL, __WALL) != pid) {
  }
}

static void born(pid_t pid) {
  if (pid == 0) {
    syscall(SYS_getppid);
    _exit(0);
  }
  reap(pid);
}

static pid_t with_clone3(uint64_t flags, uint64_t exit_signal) {
  struct clone_args args;
  memset(&args, 0, sizeof args);
  args.flags = flags;
  args.exit_signal = exit_signal;
  return (pid_t)syscall(SYS_clone3, &args, sizeof args);
}

static void bare_thread(void) {
  static volatile int tid = 1;
  const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
                    CLONE_SYSVSEM | CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID;
  if (clone(child, stack + sizeof stack, flags, NULL, NULL, NULL, (void*)&tid) < 0) _exit(9);
  while (tid != 0) {  // not by futex: how often that is called would depend on who is faster
  }
}

int main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[1], "spawned") == 0) return syscall(SYS_getppid) < 0;

  // Or it would interrupt a wait now and then, and calls would not come as often in each run.
  sigset_t chld;
  sigemptyset(&chld);
  sigaddset(&chld, SIGCHLD);
  sigprocmask(SIG_BLOCK, &chld, NULL);

  born((pid_t)syscall(SYS_fork));
  const pid_t vforked = vfork();
  if (vforked == 0) {
    syscall(SYS_getppid);
    _exit(0);
  }
  reap(vforked);
  born((pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL));
  born((pid_t)syscall(SYS_clone, 0, NULL, NULL, NULL, NULL));  // no signal at its end
  reap(clone(child, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL));
  // Its parent is ours, who has to reap it.
  if (syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL) == 0) {
    syscall(SYS_getppid);
    _exit(0);
  }
  born(with_clone3(0, SIGCHLD));
  born(with_clone3(CLONE_FS, 0));
  bare_thread();
  pid_t spawned = 0;
  char* const words[] = {argv[0], "spawned", NULL};
  if (posix_spawn(&spawned, "/proc/self/exe", NULL, NULL, words, environ) != 0) return 1;
  reap(spawned);

  if (argc > 1 && strcmp(argv[1], "untraced") == 0) {
    born((pid_t)syscall(SYS_clone, CLONE_UNTRACED | SIGCHLD, NULL, NULL, NULL, NULL));
  }
  return 0;
}
