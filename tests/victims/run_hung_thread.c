// A thread makes a folder and then wakes the main thread, which waits for that and nothing else.
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int ends[2];

static void* worker(void* folder) {
  mkdir(folder, 0755);
  (void)!write(ends[1], "x", 1);
  return NULL;
}

int main(int argc, char** argv) {
  char byte = 0;
  pthread_t thread;
  if (argc < 2 || pipe(ends) != 0) return 2;
  pthread_create(&thread, NULL, worker, argv[1]);
  if (read(ends[0], &byte, 1) != 1) return 3;
  pthread_join(thread, NULL);
  puts("woken");
  return 0;
}
