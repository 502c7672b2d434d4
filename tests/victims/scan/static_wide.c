/* Static variables that are written sixteen bytes at a time, or added to where they lie. */
#include "bare.h"
#include <emmintrin.h>
START;
static volatile long pair[2] __attribute__((aligned(16))) = {SYS_getpid, SYS_getpid};
static volatile int counted = SYS_getuid - 1;
void bare_main(int argc) {
  _mm_store_si128((__m128i*)pair, _mm_set1_epi64x(SYS_getgid - 1 + argc));
  raw_call(pair[1], 0, 0);
  __asm__ volatile("incl %0" : "+m"(counted));
  raw_call(counted, 0, 0);
}
