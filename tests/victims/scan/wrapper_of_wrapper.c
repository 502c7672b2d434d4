/* The number passes through two functions, and changes its place on the way. */
#include "bare.h"
START;
NOINLINE static long inner(long nr, long a) { return raw_call(nr, a, 0); }
NOINLINE static long outer(long a, long b, long nr) { return inner(nr, a) + b; }
NOINLINE static long tail(long a, long nr) { return inner(nr, a); }
void bare_main(int argc) {
  outer(argc, 2, SYS_getpid);
  outer(argc, 3, SYS_getuid);
  tail(argc, SYS_getgid);
}
