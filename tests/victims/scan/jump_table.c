/* A switch, as a table of jumps, decides the number. */
#include "bare.h"
START;
CHOICE;
void bare_main(int argc) {
  long nr = SYS_getpid;
  switch (g_choice) {
    case 0:
      g_choice = 11;
      nr = SYS_getuid;
      break;
    case 1:
      g_choice += 2;
      nr = SYS_getgid;
      break;
    case 2:
      g_choice -= 3;
      nr = SYS_geteuid;
      break;
    case 3:
      g_choice *= 4;
      nr = SYS_getegid;
      break;
    case 4:
      g_choice |= 5;
      nr = SYS_getppid;
      break;
    case 5:
      g_choice &= 6;
      nr = SYS_getpgrp;
      break;
    case 6:
      g_choice ^= 7;
      nr = SYS_gettid;
      break;
    default:
      g_choice = 1;
      break;
  }
  raw_call(nr, argc, 0);
}
