/* Who is given the address of a member writes to what lies before it. */
#include "bare.h"
START;
struct Link {
  struct Link* next;
};
struct Command {
  long nr;
  long argument;
  struct Link link;
};
NOINLINE static void change(struct Link* link) {
  struct Command* command = (struct Command*)((char*)link - __builtin_offsetof(struct Command, link));
  command->nr = SYS_getuid;
  __asm__ volatile("" ::: "memory");
}
void bare_main(int argc) {
  struct Command command = {SYS_getpid, argc, {0}};
  change(&command.link);
  raw_call(command.nr, 0, 0);
}
