/* What does one system call cost this process? Makes getppid COUNT times and prints
   "COUNT NANOSECONDS-A-CALL SECCOMP-MODE" by its own clock, so that whatever started it, and how
   long that took, is not in the figure. */
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

int main(int argc, char** argv) {
  char* end = NULL;
  const unsigned long count = argc == 2 ? strtoul(argv[1], &end, 10) : 0;
  if (count == 0 || *end != '\0') {
    fprintf(stderr, "usage: getppid_loop COUNT\n");
    return 2;
  }
  struct timespec start;
  struct timespec stop;
  long failed = 0;
  clock_gettime(CLOCK_MONOTONIC, &start);
  for (unsigned long i = 0; i < count; ++i) failed |= raw_getppid() < 0;
  clock_gettime(CLOCK_MONOTONIC, &stop);
  if (failed) {
    fprintf(stderr, "getppid was refused\n");
    return 3;
  }
  const double taken =
      (double)(stop.tv_sec - start.tv_sec) * 1e9 + (double)(stop.tv_nsec - start.tv_nsec);
  printf("%lu %.2f %d\n", count, taken / (double)count, prctl(PR_GET_SECCOMP));
  return 0;
}
