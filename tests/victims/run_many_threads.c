// Eight threads wait, a ninth makes the folder argv[1]: who is to blame for the death of all?
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

static void* waiter(void* unused) {
  char byte;
  int ends[2];
  (void)unused;
  if (pipe(ends) == 0) (void)!read(ends[0], &byte, 1);
  return NULL;
}

static void* maker(void* folder) {
  mkdir(folder, 0755);
  return NULL;
}

int main(int argc, char** argv) {
  pthread_t thread;
  if (argc < 2) return 2;
  for (int i = 0; i < 8; ++i) pthread_create(&thread, NULL, waiter, NULL);
  pthread_create(&thread, NULL, maker, argv[1]);
  pthread_join(thread, NULL);
  return 0;
}
