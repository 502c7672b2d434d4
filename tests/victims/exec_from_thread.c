// A thread calls exec while the main thread sits in pause and others spin; the new program makes 3
// getppid. So: execve 2, pause 1 (never returns), getppid 3, exit_group 1.
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static pid_t process;

/// Whether the main thread sleeps: under a tracer, that its pause has really begun.
static int main_sleeps(void) {
  char stat[512] = "";
  char path[64];
  snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)process);
  const int fd = open(path, O_RDONLY);
  const ssize_t length = read(fd, stat, sizeof stat - 1);
  close(fd);
  const char* state = length > 0 ? strrchr(stat, ')') : NULL;
  return state != NULL && state[2] == 'S';
}

static void* execs(void* program) {
  while (!main_sleeps()) usleep(500);
  char* const words[] = {program, "after", NULL};
  execv("/proc/self/exe", words);
  return NULL;
}

static void* spins(void* unused) {
  for (;;) syscall(SYS_sched_yield);
  return unused;
}

int main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[1], "after") == 0) {
    for (int i = 0; i < 3; ++i) syscall(SYS_getppid);
    return 0;
  }
  process = getpid();
  pthread_t id;
  for (int i = 0; i < 3; ++i) pthread_create(&id, NULL, spins, NULL);
  pthread_create(&id, NULL, execs, argv[0]);
  for (;;) syscall(SYS_pause);
}
