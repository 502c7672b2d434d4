// A variable that begins as a function which never returns, and becomes one that does.
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
void (*finish)(int) = exit;
static void go_on(int status) { (void)status; }
int main(int argc, char** argv) {
  (void)argv;
  if (argc > 0) finish = go_on;
  finish(3);
  return (int)syscall(SYS_ioprio_get, 1, 0);
}
