/* A wrapper that calls itself, and two that call each other: nothing may go round for ever. */
#include "bare.h"
START;
NOINLINE static long odd(long nr, int depth);
NOINLINE static long even(long nr, int depth) {
  return depth <= 0 ? raw_call(nr, depth, 0) + 1 : odd(nr, depth - 1) * 3;
}
NOINLINE static long odd(long nr, int depth) {
  return depth <= 0 ? raw_call(nr, depth, 1) + 2 : even(nr, depth - 1) * 5;
}
void bare_main(int argc) { even(SYS_getpid, argc); }
