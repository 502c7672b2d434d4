/* What the caller left behind a pointer is changed by who has the object's address otherwise. */
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
/* By another argument. */
NOINLINE static long by_argument(struct Order* order, volatile long* nr) {
  *nr = SYS_getuid;
  return raw_call(order->nr, order->argument, 0);
}
/* By a struct that keeps it, which is known by its own address. */
NOINLINE static void change_kept(long* struct_of_kept) {
  ((struct Order**)struct_of_kept)[1]->nr = SYS_getgid;
  __asm__ volatile("" ::: "memory");
}
NOINLINE static long by_kept(struct Order* order) {
  kept.order = order;
  change_kept(&kept.before);
  return raw_call(order->nr, order->argument, 0);
}
void bare_main(int argc) {
  struct Order order = {SYS_getpid, argc};
  by_argument(&order, &order.nr);
  struct Order other = {SYS_getpid, argc};
  by_kept(&other);
}
