// Addresses of two variables of the stack go to memory in one register of vectors.
#include <sys/syscall.h>
#include <unistd.h>
struct Pair {
  long* first;
  long* second;
};
static struct Pair g_space;
static struct Pair* volatile g_pair;
__attribute__((noinline, noclone)) static void change(void) {
  *g_pair->first = SYS_ioprio_get;
  *g_pair->second = 1;
}
int main(int argc, char** argv) {
  long nr = SYS_getpid;
  long other = argc;
  struct Pair* pair = argc > 5 ? (struct Pair*)argv : &g_space;
  pair->first = &nr;
  pair->second = &other;
  g_pair = pair;
  nr = SYS_getpid;
  change();
  return (int)syscall(nr, 1, 0);
}
