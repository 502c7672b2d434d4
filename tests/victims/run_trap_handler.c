// Handles SIGSYS: says which call was trapped, and that the program goes on.
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static volatile int trapped_nr = -1;
static volatile int trapped_code = 0;
static volatile int trapped_errno = 0;

static void on_sigsys(int number, siginfo_t* info, void* context) {
  (void)number;
  (void)context;
  trapped_nr = info->si_syscall;
  trapped_code = info->si_code;
  trapped_errno = info->si_errno;
}

int main(int argc, char** argv) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_sigsys;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSYS, &action, NULL);
  if (argc > 1) mkdir(argv[1], 0755);
  printf("trapped %d code %d data %d\n", trapped_nr, trapped_code, trapped_errno);
  return trapped_nr < 0;
}
