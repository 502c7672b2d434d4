// quick_death N: N children that end at once, N that are killed at once (before their first
// instruction, or in a call), N killed while their threads run, and one killed in nanosleep for
// sure. So: getppid N, fork 3N + 1, kill 2N + 1, nanosleep 1 (which never returns).
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void* spins(void* unused) {
  for (;;) syscall(SYS_sched_yield);
  return unused;
}

static void reap(pid_t pid) { waitpid(pid, NULL, 0); }

static void kill_asleep(void) {
  const struct timespec long_time = {1000, 0};
  const pid_t pid = (pid_t)syscall(SYS_fork);
  if (pid == 0) {
    syscall(SYS_nanosleep, &long_time, NULL);
    _exit(0);
  }
  char path[64];
  char stat[512] = "";
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  for (const char* state = NULL; state == NULL || state[2] != 'S';) {
    const int fd = open(path, O_RDONLY);
    const ssize_t length = read(fd, stat, sizeof stat - 1);
    close(fd);
    state = length > 0 ? strrchr(stat, ')') : NULL;
  }
  kill(pid, SIGKILL);
  reap(pid);
}

int main(int argc, char** argv) {
  kill_asleep();
  const int times = argc > 1 ? atoi(argv[1]) : 5;
  for (int i = 0; i < times; ++i) {
    pid_t pid = (pid_t)syscall(SYS_fork);
    if (pid == 0) {
      syscall(SYS_getppid);
      _exit(0);
    }
    reap(pid);
    pid = (pid_t)syscall(SYS_fork);
    if (pid == 0) {
      for (;;) syscall(SYS_pause);
    }
    kill(pid, SIGKILL);
    reap(pid);
    int ends[2];
    char byte;
    if (pipe(ends) != 0) return 1;
    pid = (pid_t)syscall(SYS_fork);
    if (pid == 0) {
      pthread_t id;
      for (int k = 0; k < 3; ++k) pthread_create(&id, NULL, spins, NULL);
      if (write(ends[1], "x", 1) != 1) return 1;
      for (;;) syscall(SYS_sched_yield);
    }
    if (read(ends[0], &byte, 1) != 1) return 1;
    kill(pid, SIGKILL);
    reap(pid);
    close(ends[0]);
    close(ends[1]);
  }
  return 0;
}
