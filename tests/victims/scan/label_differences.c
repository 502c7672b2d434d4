/* Computed goto by the distance of labels, as gcc's manual has it ("Labels as Values"). */
#include "bare.h"
START;
CHOICE;
NOINLINE static void run(int i) {
  static const int kInts[] = {&&first - &&first, &&second - &&first, &&third - &&first};
  goto*(&&first + kInts[i]);
first:
  raw_call(SYS_getpid, 0, 0);
  return;
second:
  raw_call(SYS_getuid, 0, 0);
  return;
third:
  raw_call(SYS_getgid, 0, 0);
}
NOINLINE static void run_again(int i) {
  static const short kShorts[] = {&&first - &&first, &&second - &&first, &&third - &&first};
  goto*(&&first + kShorts[i]);
first:
  raw_call(SYS_getppid, 0, 0);
  return;
second:
  raw_call(SYS_getpgrp, 0, 0);
  return;
third:
  raw_call(SYS_gettid, 0, 0);
}
void bare_main(int argc) {
  run(g_choice + argc);
  run_again(g_choice + argc);
}
