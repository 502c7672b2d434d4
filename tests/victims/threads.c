// threads N M: N threads make M getppid each. So: getppid N*M, clone3 N, exit N.
// threads N M together: half of them before and the rest after all N are there.
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int calls;
static pthread_barrier_t* all_there;

static void* work(void* unused) {
  for (int i = 0; i < calls; ++i) {
    if (all_there != NULL && i == calls / 2) pthread_barrier_wait(all_there);
    syscall(SYS_getppid);
  }
  return unused;
}

int main(int argc, char** argv) {
  const int threads = argc > 1 ? atoi(argv[1]) : 4;
  calls = argc > 2 ? atoi(argv[2]) : 100;
  pthread_barrier_t barrier;
  if (argc > 3) {
    pthread_barrier_init(&barrier, NULL, (unsigned)threads);
    all_there = &barrier;
  }
  pthread_t* ids = calloc((size_t)threads, sizeof *ids);
  for (int i = 0; i < threads; ++i) {
    if (pthread_create(&ids[i], NULL, work, NULL) != 0) return 1;
  }
  for (int i = 0; i < threads; ++i) pthread_join(ids[i], NULL);
  free(ids);
  return 0;
}
