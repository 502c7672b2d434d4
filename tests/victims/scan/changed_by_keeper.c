/* What the caller left behind a pointer is changed by who has the struct that keeps the pointer. */
#include "bare.h"
START;
struct Order {
  volatile long nr;
  long argument;
};
static struct {
  long before;
  struct Order* order;
} kept;
NOINLINE static void change(long* before) {
  ((struct Order**)before)[1]->nr = SYS_getuid;
  __asm__ volatile("" ::: "memory");
}
NOINLINE static long carry_out(struct Order* order) {
  kept.order = order;
  change(&kept.before);
  return raw_call(order->nr, order->argument, 0);
}
void bare_main(int argc) {
  struct Order order = {SYS_getpid, argc};
  carry_out(&order);
}
