// The main thread exits first; another goes on, makes 500 getppid and ends the process with 6.
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/// Whether the main thread has ended: else this one could be done before it, and its exit never be.
static int main_has_ended(void) {
  char stat[512] = "";
  char path[64];
  snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)getpid());
  const int fd = open(path, O_RDONLY);
  const ssize_t length = read(fd, stat, sizeof stat - 1);
  close(fd);
  const char* state = length > 0 ? strrchr(stat, ')') : NULL;
  return state != NULL && state[2] == 'Z';
}

static void* work(void* unused) {
  while (!main_has_ended()) usleep(500);
  for (int i = 0; i < 500; ++i) syscall(SYS_getppid);
  _exit(6);
  return unused;
}

int main(void) {
  pthread_t id;
  if (pthread_create(&id, NULL, work, NULL) != 0) return 1;
  syscall(SYS_exit, 0);
  return 2;
}
