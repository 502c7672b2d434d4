/* A switch without a bound, of which one case lies in the cold part of its function. */
#include "bare.h"
START;
CHOICE;
__attribute__((cold)) NOINLINE static void seldom(void) { raw_call(SYS_getuid, 0, 0); }
NOINLINE static int run(unsigned i) {
  int sum = 0;
  switch (i & 7) {
    case 0:
      raw_call(SYS_getpid, 0, 0);
      break;
    case 1:
      seldom();
      sum = 4;
      break;
    case 2:
      raw_call(SYS_getgid, 0, 0);
      break;
    case 3:
      raw_call(SYS_geteuid, 0, 0);
      break;
    case 4:
      raw_call(SYS_getegid, 0, 0);
      sum = 3;
      break;
    case 5:
      raw_call(SYS_getppid, 0, 0);
      break;
    case 6:
      raw_call(SYS_getpgrp, 0, 0);
      sum = 6;
      break;
    case 7:
      raw_call(SYS_gettid, 0, 0);
      sum = 7;
      break;
  }
  return sum + (int)i;
}
void bare_main(int argc) {
  for (int i = 0; i < 8; ++i) g_choice += run((unsigned)(g_choice + argc));
}
