// paces COUNT EVERY sleep MS: COUNT calls of read, each EVERY-th waits for MS milliseconds, the
// others take a byte of /dev/zero.
// paces COUNT EVERY large BYTES: each EVERY-th takes so many bytes instead.
// Prints how long all of them took by its own clock, and the longest, in nanoseconds.
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int main(int argc, char** argv) {
  if (argc != 5) return 1;
  const long count = atol(argv[1]);
  const long every = atol(argv[2]);
  const int sleeps = strcmp(argv[3], "sleep") == 0;
  const long amount = atol(argv[4]);
  const int zero = open("/dev/zero", O_RDONLY);
  const int timer = timerfd_create(CLOCK_MONOTONIC, 0);
  const size_t large = sleeps ? sizeof(uint64_t) : (size_t)amount;
  char* bytes = calloc(1, large);
  if (zero < 0 || timer < 0 || bytes == NULL) return 1;
  const struct itimerspec once = {.it_value = {amount / 1000, amount % 1000 * 1000000}};
  uint64_t sum = 0;
  uint64_t longest = 0;
  for (long i = 1; i <= count; ++i) {
    const int is_long = every > 0 && i % every == 0;
    if (is_long && sleeps && timerfd_settime(timer, 0, &once, NULL) != 0) return 1;
    const uint64_t before = now_ns();
    if (syscall(SYS_read, is_long && sleeps ? timer : zero, bytes, is_long ? large : 1) <= 0)
      return 1;
    const uint64_t took = now_ns() - before;
    sum += took;
    if (took > longest) longest = took;
  }
  printf("%llu %llu\n", (unsigned long long)sum, (unsigned long long)longest);
  free(bytes);
  return 0;
}
