// Makes one raw call and says what it came to: run_call NR [ARG...] prints "RESULT ERRNO". With
// CATCH in the environment it says "caught" of a SIGSYS, and ends.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void on_sigsys(int number) {
  (void)number;
  const ssize_t written = write(STDOUT_FILENO, "caught\n", 7);
  _exit(written == 7 ? 0 : 1);
}

int main(int argc, char** argv) {
  if (getenv("CATCH") != NULL) signal(SIGSYS, on_sigsys);
  long a[7] = {0};
  for (int i = 1; i < argc && i < 8; ++i) a[i - 1] = strtol(argv[i], NULL, 0);
  errno = 0;
  const long result = syscall(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
  printf("%ld %d\n", result, errno);
  return 0;
}
