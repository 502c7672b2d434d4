/* The number is a parameter. */
#include "bare.h"
START;
NOINLINE static long wrapper(long nr, long a) { return raw_call(nr, a, 0); }
void bare_main(int argc) {
  wrapper(SYS_getpid, argc);
  wrapper(SYS_getuid, argc + 1);
}
