/* The caller stores the number in a struct of its own and passes the address. */
#include "bare.h"
START;
struct Command {
  long nr;
  long argument;
};
NOINLINE static long carry_out(struct Command* command) {
  return raw_call(command->nr, command->argument, 0);
}
void bare_main(int argc) {
  struct Command first = {SYS_getpid, argc};
  struct Command second = {SYS_getuid, argc};
  carry_out(&first);
  carry_out(&second);
}
