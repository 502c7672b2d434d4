/* What the caller left behind a pointer is changed before it is used. */
#include "bare.h"
START;
struct Command {
  volatile long nr;
  long argument;
};
NOINLINE static long carry_out(struct Command* command) {
  command->nr = SYS_getuid;
  return raw_call(command->nr, command->argument, 0);
}
void bare_main(int argc) {
  struct Command command = {SYS_getpid, argc};
  carry_out(&command);
}
