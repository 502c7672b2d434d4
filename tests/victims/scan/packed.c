/* Pointers at odd addresses, of a program without relocations. */
#include "bare.h"
START;
CHOICE;
NOINLINE static void first(void) { raw_call(SYS_getuid, 0, 0); }
NOINLINE static void second(void) { raw_call(SYS_getgid, 0, 0); }
struct __attribute__((packed)) Row {
  char name;
  void (*act)(void);
};
struct Row g_rows[] = {{'a', first}, {'b', second}};
void bare_main(int argc) { g_rows[(g_choice + argc) & 1].act(); }
