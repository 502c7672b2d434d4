/* What the caller left behind a pointer is changed by another address of the same object. */
#include "bare.h"
START;
struct Order {
  volatile long nr;
  long argument;
};
NOINLINE static long carry_out(struct Order* order, volatile long* nr) {
  *nr = SYS_getuid;
  return raw_call(order->nr, order->argument, 0);
}
void bare_main(int argc) {
  struct Order order = {SYS_getpid, argc};
  carry_out(&order, &order.nr);
}
