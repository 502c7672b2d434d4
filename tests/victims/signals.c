// Signals that interrupt, restart, stop and continue.
//   nanosleep 1: interrupted, ERESTART_RESTARTBLOCK     pause 1: ERESTARTNOHAND
//   read 2: one restarted (ERESTARTSYS), then 1 byte    rt_sigreturn 4 (with one SIGUSR1 by kill)
// A child stops itself and is continued: its parent sees both.
// Ends with 75 where an alarm came before the call that it was to interrupt.
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int ends[2];
static volatile sig_atomic_t write_in_handler;
static volatile sig_atomic_t alarms;

static void on_signal(int number) {
  if (number == SIGALRM) ++alarms;
  if (write_in_handler) syscall(SYS_write, ends[1], "x", 1);
}

static void handle(int number, int flags) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_signal;
  action.sa_flags = flags;
  sigaction(number, &action, NULL);
}

static void exit_if_early(int most) {
  if (alarms > most) _exit(75);
}

static void alarm_soon(int again) {
  // Late enough that the call it is to interrupt has begun, on most machines and under a tracer.
  const struct timeval time = {0, 300000};
  const struct itimerval soon = {again ? time : (struct timeval){0, 0}, time};
  alarms = 0;
  setitimer(ITIMER_REAL, &soon, NULL);
  exit_if_early(0);
}

static void alarm_no_more(void) {
  const struct itimerval never = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &never, NULL);
  exit_if_early(1);  // it took the second one
}

int main(void) {
  if (pipe(ends) != 0) return 1;
  handle(SIGUSR1, 0);
  handle(SIGALRM, 0);
  syscall(SYS_kill, getpid(), SIGUSR1);

  alarm_soon(1);
  const struct timespec long_time = {1000, 0};
  if (syscall(SYS_nanosleep, &long_time, NULL) != -1) return 2;
  alarm_no_more();
  alarm_soon(1);
  syscall(SYS_pause);
  alarm_no_more();

  handle(SIGALRM, SA_RESTART);
  write_in_handler = 1;
  alarm_soon(0);
  char byte = 0;
  if (syscall(SYS_read, ends[0], &byte, 1) != 1) return 3;

  // Or it would interrupt a wait now and then, and calls would not come as often in each run.
  sigset_t chld;
  sigemptyset(&chld);
  sigaddset(&chld, SIGCHLD);
  sigprocmask(SIG_BLOCK, &chld, NULL);
  int seen[2];
  if (pipe(seen) != 0) return 1;
  const pid_t child = fork();
  if (child == 0) {
    close(seen[1]);
    syscall(SYS_kill, getpid(), SIGSTOP);
    // A child that has ended is no longer one that was continued.
    struct pollfd until = {seen[0], 0, 0};
    poll(&until, 1, -1);
    _exit(0);
  }
  int status = 0;
  if (waitpid(child, &status, WUNTRACED) != child || !WIFSTOPPED(status)) return 4;
  kill(child, SIGCONT);
  if (waitpid(child, &status, WCONTINUED) != child || !WIFCONTINUED(status)) return 5;
  close(seen[1]);
  if (waitpid(child, &status, 0) != child || status != 0) return 6;
  return 0;
}
