// A daemon: the first process ends at once; its child, by then an orphan, makes 5 setpgid that fail
// (the leader of a session cannot: EPERM), and has a child of its own. So: setpgid 5 EPERM,
// status 3.
#include <sys/syscall.h>
#include <unistd.h>

int main(void) {
  const pid_t first = getpid();
  if (fork() != 0) return 3;
  if (setsid() < 0) return 1;
  if (fork() == 0) return 5;
  while (getppid() == first) usleep(500);
  for (int i = 0; i < 5; ++i) syscall(SYS_setpgid, 0, 0);
  return 4;
}
