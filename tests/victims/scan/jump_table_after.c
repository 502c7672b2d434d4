/* What a table of jumps leads to makes the calls. */
#include "bare.h"
START;
CHOICE;
void bare_main(int argc) {
  switch (g_choice) {
    case 0:
      raw_call(SYS_getuid, argc, 0);
      break;
    case 1:
      raw_call(SYS_getgid, argc, 1);
      break;
    case 2:
      raw_call(SYS_geteuid, argc, 2);
      break;
    case 3:
      raw_call(SYS_getegid, argc, 3);
      break;
    case 4:
      raw_call(SYS_getppid, argc, 4);
      break;
    case 5:
      raw_call(SYS_getpgrp, argc, 5);
      break;
    case 6:
      raw_call(SYS_gettid, argc, 6);
      break;
    default:
      break;
  }
}
