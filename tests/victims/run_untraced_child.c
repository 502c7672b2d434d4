// run_untraced_child FOLDER: a child made with CLONE_UNTRACED, of which no tracer is told, makes
// FOLDER. Ends as a shell would: with the child's status, or 128 + the signal that killed it.
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc < 2) return 1;
  const pid_t child = (pid_t)syscall(SYS_clone, CLONE_UNTRACED | SIGCHLD, NULL, NULL, NULL, NULL);
  if (child == 0) _exit(mkdir(argv[1], 0755) == 0 ? 0 : 2);
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return 1;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
