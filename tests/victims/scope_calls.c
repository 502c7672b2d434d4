// scope_calls NAME N: N calls of getppid, getuid, getsid or getpgrp (NAME), and none of the others.
// The last two are not made by a shell that starts.
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc != 3) return 1;
  long nr = SYS_getppid;
  if (strcmp(argv[1], "getuid") == 0) nr = SYS_getuid;
  if (strcmp(argv[1], "getsid") == 0) nr = SYS_getsid;
  if (strcmp(argv[1], "getpgrp") == 0) nr = SYS_getpgrp;
  for (long i = atol(argv[2]); i > 0; --i) syscall(nr, 0);
  return 0;
}
