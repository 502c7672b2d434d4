/* What the caller left behind a pointer is changed by a function that the pointer goes on to. */
#include "bare.h"
START;
struct Command {
  volatile long nr;
  long argument;
};
NOINLINE static void change(struct Command* command) {
  command->nr = SYS_getuid;
  __asm__ volatile("" ::: "memory");
}
NOINLINE static void change_member(volatile long* nr) {
  *nr = SYS_getgid;
  __asm__ volatile("" ::: "memory");
}
NOINLINE static long carry_out(struct Command* command) {
  change(command);
  return raw_call(command->nr, command->argument, 0);
}
NOINLINE static long carry_out_other(struct Command* command) {
  change_member(&command->nr);
  return raw_call(command->nr, command->argument, 0);
}
void bare_main(int argc) {
  struct Command command = {SYS_getpid, argc};
  carry_out(&command);
  struct Command other = {SYS_getpid, argc};
  carry_out_other(&other);
}
