/* The number is an immediate in the same block. */
#include "bare.h"
START;
void bare_main(int argc) {
  raw_call(SYS_getpid, argc, 0);
  raw_call(SYS_getuid, argc, 0);
}
