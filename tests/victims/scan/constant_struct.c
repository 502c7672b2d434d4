/* The number is read from constant data, at a known place. */
#include "bare.h"
START;
struct Row {
  long argument;
  long nr;
};
static const struct Row kRow = {7, SYS_getpid};
NOINLINE static long wrapper(const struct Row* row) { return raw_call(row->nr, row->argument, 0); }
void bare_main(int argc) {
  (void)argc;
  wrapper(&kRow);
}
