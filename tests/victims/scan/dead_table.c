/* A constant table of functions that dead code alone uses, and a function that nobody calls. */
#include "bare.h"
START;
CHOICE;
NOINLINE static void first(void) { raw_call(SYS_getuid, 0, 0); }
NOINLINE static void second(void) { raw_call(SYS_getgid, 0, 0); }
static void (*const kTable[])(void) = {first, second};
__attribute__((used)) NOINLINE static void dead(void) { kTable[g_choice & 1](); }
__attribute__((used)) NOINLINE static void dead_too(void) { raw_call(SYS_reboot, 0, 0); }
void bare_main(int argc) { raw_call(SYS_getpid, argc, 0); }
