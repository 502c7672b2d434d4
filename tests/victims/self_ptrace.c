// A program that calls ptrace: PTRACE_TRACEME twice. Under a tracer: EPERM both times.
// Exit status: 0 when it was refused, 1 when not.
#include <errno.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void) {
  int refused = 0;
  for (int i = 0; i < 2; ++i) {
    refused += syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0) == -1 && errno == EPERM;
  }
  return refused == 2 ? 0 : 1;
}
