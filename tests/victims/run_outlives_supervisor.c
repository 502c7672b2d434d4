// Eight threads make the folders PATH.T.N in a row while another kills their parent, the
// supervisor. Then the file RESULT says how many came to be: `made N`.
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { kThreads = 8 };

static const char* base;
static atomic_int made;
static atomic_int tried;
static atomic_int done;

static void* spam(void* number) {
  for (int i = 0; !done; ++i) {
    char path[4096];
    snprintf(path, sizeof path, "%.4000s.%ld.%d", base, (long)number, i);
    made += mkdir(path, 0755) == 0;
    ++tried;
  }
  return NULL;
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  base = argv[1];
  const pid_t supervisor = getppid();
  pthread_t threads[kThreads];
  for (long i = 0; i < kThreads; ++i) pthread_create(&threads[i], NULL, spam, (void*)i);
  const struct timespec pause = {0, 1000000};
  while (tried < 100) nanosleep(&pause, NULL);
  kill(supervisor, SIGKILL);
  // Its end makes this process another's child.
  while (getppid() == supervisor) nanosleep(&pause, NULL);
  const int before = tried;
  while (tried < before + 100) nanosleep(&pause, NULL);
  done = 1;
  for (int i = 0; i < kThreads; ++i) pthread_join(threads[i], NULL);
  FILE* file = fopen(argv[2], "w");
  if (file == NULL) return 3;
  fprintf(file, "made %d", made);
  fclose(file);
  return 0;
}
