/* What does one system call cost this process? Makes getppid COUNT times, in 20 parts, and prints
   "COUNT NANOSECONDS-A-CALL SECCOMP-MODE", of the part that took least, by its own clock: whatever
   started it, and how long that took, is not in the figure, and what else the machine did is in few
   parts of it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* No libc around the call: nothing but the kernel is measured. */
static long raw_getppid(void) {
#if defined(__x86_64__)
  long result = SYS_getppid;
  __asm__ volatile("syscall" : "+a"(result) : : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = SYS_getppid;
  register long x0 __asm__("x0");
  __asm__ volatile("svc #0" : "=r"(x0) : "r"(x8) : "memory");
  return x0;
#else
  return syscall(SYS_getppid);
#endif
}

static double seconds_of(unsigned long calls, long* failed) {
  struct timespec start;
  struct timespec stop;
  clock_gettime(CLOCK_MONOTONIC, &start);
  for (unsigned long i = 0; i < calls; ++i) *failed |= raw_getppid() < 0;
  clock_gettime(CLOCK_MONOTONIC, &stop);
  return (double)(stop.tv_sec - start.tv_sec) + (double)(stop.tv_nsec - start.tv_nsec) / 1e9;
}

int main(int argc, char** argv) {
  enum { kParts = 20 };
  char* end = NULL;
  const unsigned long count = argc == 2 ? strtoul(argv[1], &end, 10) : 0;
  if (count == 0 || *end != '\0' || count % kParts != 0) {
    fprintf(stderr, "usage: getppid_loop COUNT   (a multiple of %d)\n", kParts);
    return 2;
  }
  const unsigned long part = count / kParts;
  long failed = 0;
  double least = seconds_of(part, &failed);
  for (int i = 1; i < kParts; ++i) {
    const double taken = seconds_of(part, &failed);
    if (taken < least) least = taken;
  }
  if (failed) {
    fprintf(stderr, "getppid was refused\n");
    return 3;
  }
  printf("%lu %.2f %d\n", count, least * 1e9 / (double)part, prctl(PR_GET_SECCOMP));
  return 0;
}
