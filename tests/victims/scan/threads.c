// Threads: the instructions of clone and clone3 lie behind the frames of their functions.
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>
static void* run(void* data) { return data + syscall(SYS_ioprio_get, 1, 0); }
int main(void) {
  pthread_t thread;
  if (pthread_create(&thread, 0, run, 0) != 0) return 1;
  return pthread_join(thread, 0);
}
