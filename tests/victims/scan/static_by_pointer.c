/* Static variables that somebody else writes to, through a pointer, at any distance. */
#include "bare.h"
START;
static long number = SYS_getpid;
static long table[32] = {SYS_getpid};
NOINLINE static void set(long* at) {
  *at = SYS_getuid;
  __asm__ volatile("" ::: "memory");
}
NOINLINE static void fill(long* at, int count) {
  for (int i = 0; i < count; i++) ((volatile long*)at)[i] = SYS_getgid;
}
void bare_main(int argc) {
  set(&number);
  raw_call(number, 0, 0);
  fill(table, argc * 32);
  raw_call(((volatile long*)table)[20], 0, 0);
}
