// Does what its words say, so that a test can choose which call is outside the profile and who
// makes it. Each step prints "NAME=RESULT" (0 or the errno) with one write.
//
//   mkdir PATH          mkdir(2)
//   execve PATH         execve(2), returns only when it fails
//   spawn PATH          fork, execve in the child, wait: prints the child's wait status
//   fork-mkdir PATH     mkdir in a child
//   threads PATH        8 threads make PATH0 .. PATH7
//   storm PATH          mkdir 50 times under a 1 kHz signal; prints the failures
//   repeat N            N times getppid
//   crowd N             N threads call getppid 3 times each; prints how many could not be made
//   ret N               getppid's return value, N ignored
//   x32 N               call N by its x32 number
//   seccomp             loads a filter of its own (allow all), then a listener of its own
//   exec-race A B       execve of A while a thread writes B over the path
//   daemon PATH         a child that outlives its parent makes PATH when its standard input ends
//   pid N               its process id, N ignored
//   open-of-parent F    open of /proc/PARENT/F for reading and writing
//   limit-parent N      sets its parent's resource limit N to what it is, by prlimit64
//   limit-self N        the same for itself
//   wait PATH           waits until PATH exists, by access(2)
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void say(const char* name, long result) {
  char line[128];
  int size = snprintf(line, sizeof line, "%s=%ld\n", name, result);
  if (write(1, line, size) != size) _exit(99);
}

static int make(const char* path) { return syscall(SYS_mkdir, path, 0777) == 0 ? 0 : errno; }

static void* make_in_thread(void* path) { return (void*)(long)make(path); }

static void* ask_thrice(void* unused) {
  for (int n = 0; n < 3; ++n) syscall(SYS_getppid);
  return unused;
}

static void on_signal(int number) { (void)number; }

static char raced[4096];
static const char* race_from;
static const char* race_to;
static void* race(void* unused) {
  for (;;) {
    strcpy(raced, race_to);
    strcpy(raced, race_from);
  }
  return unused;
}

int main(int argc, char** argv) {
  char* none[] = {NULL};
  for (int i = 1; i < argc; ++i) {
    const char* step = argv[i];
    char* word = i + 1 < argc ? argv[++i] : "";
    if (!strcmp(step, "mkdir")) {
      say(step, make(word));
    } else if (!strcmp(step, "execve")) {
      char* args[] = {word, NULL};
      execve(word, args, none);
      say(step, errno);
    } else if (!strcmp(step, "spawn")) {
      int status = 0;
      pid_t child = fork();
      if (child == 0) {
        char* args[] = {word, NULL};
        execve(word, args, none);
        _exit(100 + errno);
      }
      waitpid(child, &status, 0);
      say(step, WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
    } else if (!strcmp(step, "fork-mkdir")) {
      int status = 0;
      pid_t child = fork();
      if (child == 0) _exit(make(word));
      waitpid(child, &status, 0);
      say(step, WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
    } else if (!strcmp(step, "threads")) {
      pthread_t threads[8];
      static char paths[8][4096];
      for (int t = 0; t < 8; ++t) {
        snprintf(paths[t], sizeof paths[t], "%.4000s%d", word, t);
        pthread_create(&threads[t], NULL, make_in_thread, paths[t]);
      }
      long failed = 0;
      for (int t = 0; t < 8; ++t) {
        void* result = NULL;
        pthread_join(threads[t], &result);
        failed += result != NULL;
      }
      say(step, failed);
    } else if (!strcmp(step, "storm")) {
      struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
      sigaction(SIGALRM, &action, NULL);
      struct itimerval every = {{0, 1000}, {0, 1000}};
      setitimer(ITIMER_REAL, &every, NULL);
      long failed = 0;
      for (int n = 0; n < 50; ++n) {
        char path[4096];
        snprintf(path, sizeof path, "%.4000s%d", word, n);
        failed += make(path) != 0;
      }
      say(step, failed);
    } else if (!strcmp(step, "crowd")) {
      long count = atol(word);
      pthread_t* threads = calloc(count, sizeof *threads);
      pthread_attr_t small;
      pthread_attr_init(&small);
      pthread_attr_setstacksize(&small, 65536);
      long made = 0;
      while (made < count && !pthread_create(&threads[made], &small, ask_thrice, NULL)) ++made;
      for (long t = 0; t < made; ++t) pthread_join(threads[t], NULL);
      say(step, count - made);
    } else if (!strcmp(step, "repeat")) {
      for (long n = atol(word); n > 0; --n) syscall(SYS_getppid);
    } else if (!strcmp(step, "ret")) {
      say(step, syscall(SYS_getppid));
    } else if (!strcmp(step, "x32")) {
      say(step, syscall(0x40000000 | atol(word)) >= 0 ? 0 : errno);
    } else if (!strcmp(step, "seccomp")) {
      struct sock_filter allow[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
      struct sock_fprog program = {1, allow};
      say("filter", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0 ? 0 : errno);
      say("listener", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                              SECCOMP_FILTER_FLAG_NEW_LISTENER, &program) >= 0
                          ? 0
                          : errno);
    } else if (!strcmp(step, "exec-race")) {
      pthread_t thread;
      race_from = word;
      race_to = argv[++i];
      strcpy(raced, race_from);
      pthread_create(&thread, NULL, race, NULL);
      char* args[] = {word, NULL};
      for (;;) execve(raced, args, none);
    } else if (!strcmp(step, "daemon")) {
      if (fork() == 0) {
        char byte;
        setsid();
        while (read(0, &byte, 1) > 0) {
        }
        say(step, make(word));
        _exit(0);
      }
    } else if (!strcmp(step, "pid")) {
      say(step, getpid());
    } else if (!strcmp(step, "open-of-parent")) {
      char path[128];
      snprintf(path, sizeof path, "/proc/%d/%.64s", getppid(), word);
      say(step, open(path, O_RDWR) >= 0 ? 0 : errno);
    } else if (!strcmp(step, "limit-parent") || !strcmp(step, "limit-self")) {
      const pid_t process = !strcmp(step, "limit-self") ? 0 : getppid();
      unsigned long long limit[2];
      // One that is only read is the program's own business, its parent's too.
      const long read = syscall(SYS_prlimit64, process, atoi(word), NULL, limit);
      say("limit-read", read == 0 ? 0 : errno);
      say(step, syscall(SYS_prlimit64, process, atoi(word), limit, NULL) == 0 ? 0 : errno);
    } else if (!strcmp(step, "wait")) {
      struct timespec pause = {0, 2000000};
      while (access(word, F_OK) != 0) nanosleep(&pause, NULL);
    } else {
      return 98;
    }
  }
  return 0;
}
