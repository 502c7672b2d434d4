// A thread that is not the leader becomes `sh -c "exit 9"`; the others die of it.
#include <pthread.h>
#include <unistd.h>

static void* execer(void* unused) {
  (void)unused;
  execl("/bin/sh", "sh", "-c", "exit 9", (char*)NULL);
  return NULL;
}

static void* sleeper(void* unused) {
  (void)unused;
  for (;;) pause();
}

int main(void) {
  pthread_t thread;
  for (int i = 0; i < 8; ++i) pthread_create(&thread, NULL, sleeper, NULL);
  pthread_create(&thread, NULL, execer, NULL);
  for (;;) pause();
}
