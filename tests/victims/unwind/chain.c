/* main -> outer -> middle -> inner (inlined where the compiler may) -> write; then the same in a
   thread and in a signal handler. Prints nothing but the words of its calls. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline __attribute__((always_inline)) long inner(const char* word) {
  return write(1, word, strlen(word));
}

__attribute__((noinline)) long middle(const char* word) {
  long done = inner(word);
  __asm__ volatile("" ::: "memory"); /* no tail call */
  return done + 1;
}

__attribute__((noinline)) long outer(const char* word) {
  long done = middle(word);
  __asm__ volatile("" ::: "memory");
  return done + 1;
}

static void* thread_body(void* word) {
  outer(word);
  return NULL;
}

static void on_signal(int number) {
  (void)number;
  outer("signal\n");
  __asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) int interrupted(void) {
  int done = raise(SIGUSR1);
  __asm__ volatile("" ::: "memory");
  return done;
}

__attribute__((noinline)) long recurse(int depth) {
  long done = depth == 0 ? outer("deep\n") : recurse(depth - 1);
  __asm__ volatile("" ::: "memory");
  return done + 1;
}

int main(void) {
  pthread_t thread;
  signal(SIGUSR1, on_signal);
  outer("main\n");
  pthread_create(&thread, NULL, thread_body, "thread\n");
  pthread_join(thread, NULL);
  interrupted();
  recurse(100);
  return 0;
}
