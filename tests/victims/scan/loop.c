/* The number is counted up: no small set. */
#include "bare.h"
START;
CHOICE;
void bare_main(int argc) {
  for (long nr = g_choice; nr < argc; ++nr) raw_call(nr, 0, 0);
}
