/* Two constants meet before the instruction. */
#include "bare.h"
START;
CHOICE;
void bare_main(int argc) {
  long nr = SYS_getpid;
  if (g_choice) {
    g_choice = 2;
    nr = SYS_getuid;
  }
  raw_call(nr, argc, 0);
}
