/* A constant table of functions that live code uses: both may be called. */
#include "bare.h"
START;
CHOICE;
NOINLINE static void first(void) { raw_call(SYS_getuid, 0, 0); }
NOINLINE static void second(void) { raw_call(SYS_getgid, 0, 0); }
static void (*const kTable[])(void) = {first, second};
void bare_main(int argc) { kTable[(g_choice + argc) & 1](); }
