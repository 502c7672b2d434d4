// Calls by phase, each known:
//   load    getsid 3, by a constructor
//   start   getppid 5, and getgid 2 in a thread, which then waits until the mark is past
//   steady  getuid 7, and getgid 4 in that thread
//
// The argument says what the mark is: `accept`, `poll` (after listen), `none` (no server; all of
// steady is made in start), `line` (prints "it is ready now" in two writes, and goes on when a line
// comes from standard input), or `until FILE`: says "looping", then getuid in a loop until FILE is
// there.
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int go_on[2];
static int is_there[2];

static void repeat(long nr, int times) {
  for (int i = 0; i < times; ++i) syscall(nr, 0);
}

__attribute__((constructor)) static void before_main(void) { repeat(SYS_getsid, 3); }

static void* beside(void* unused) {
  char byte;
  repeat(SYS_getgid, 2);
  if (write(is_there[1], "x", 1) != 1) _exit(3);
  if (read(go_on[0], &byte, 1) != 1) _exit(3);
  repeat(SYS_getgid, 4);
  return unused;
}

static int listen_somewhere(void) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  // Abstract, of a name that the kernel chooses: unix(7), "autobind feature".
  if (bind(fd, (struct sockaddr*)&address, sizeof(sa_family_t)) != 0) _exit(4);
  if (listen(fd, 1) != 0) _exit(4);
  return fd;
}

static void come_to_mark(const char* mark) {
  char byte;
  if (strcmp(mark, "accept") == 0) {
    const int fd = listen_somewhere();
    struct sockaddr_un address;
    socklen_t size = sizeof address;
    getsockname(fd, (struct sockaddr*)&address, &size);
    const int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(client, (struct sockaddr*)&address, size) != 0) _exit(5);
    if (accept4(fd, NULL, NULL, SOCK_CLOEXEC) < 0) _exit(5);
  } else if (strcmp(mark, "poll") == 0) {
    struct pollfd wait = {0, POLLIN, 0};
    poll(&wait, 0, 0);  // nobody listens yet: no mark
    repeat(SYS_getppid, 1);
    wait.fd = listen_somewhere();
    poll(&wait, 1, 0);
  } else if (strcmp(mark, "line") == 0) {
    if (write(1, "it is rea", 9) != 9 || write(1, "dy now\n", 7) != 7) _exit(6);
    while (read(0, &byte, 1) == 1 && byte != '\n') {
    }
  }
}

int main(int argc, char** argv) {
  const char* mark = argc > 1 ? argv[1] : "none";
  if (pipe(go_on) != 0 || pipe(is_there) != 0) return 1;
  repeat(SYS_getppid, strcmp(mark, "poll") == 0 ? 4 : 5);
  pthread_t thread;
  pthread_create(&thread, NULL, beside, NULL);
  struct timespec moment = {0, 1000000};
  char byte;
  if (read(is_there[0], &byte, 1) != 1) return 2;
  come_to_mark(mark);
  repeat(SYS_getuid, 7);
  if (write(go_on[1], "x", 1) != 1) return 2;
  pthread_join(thread, NULL);
  if (strcmp(mark, "until") != 0) return 0;
  if (argc != 3 || write(1, "looping\n", 8) != 8) return 7;
  while (access(argv[2], F_OK) != 0) {
    repeat(SYS_getuid, 1);
    nanosleep(&moment, NULL);
  }
  return 0;
}
