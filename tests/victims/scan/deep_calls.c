/* Calls twelve deep. Stripped and without frames all of it looks like one function. */
#include "bare.h"
START;
CHOICE;
NOINLINE static void twelfth(void) { raw_call(SYS_getpid, 0, 0); }
#define CALLS(name, next)           \
  NOINLINE static void name(void) { \
    next();                         \
    g_choice = g_choice + 1;        \
  }
CALLS(eleventh, twelfth)
CALLS(tenth, eleventh)
CALLS(ninth, tenth)
CALLS(eighth, ninth)
CALLS(seventh, eighth)
CALLS(sixth, seventh)
CALLS(fifth, sixth)
CALLS(fourth, fifth)
CALLS(third, fourth)
CALLS(second, third)
CALLS(first, second)
void bare_main(int argc) {
  (void)argc;
  first();
}
