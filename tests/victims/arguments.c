// Makes calls with arguments that it knows, and says so: what a recorder has to tell of them.
//
// The upper halves of int arguments are full of what the kernel does not look at. fork'ed children
// share sets with their parent, threads too.
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define JUNK 0xdead00000000L  // above the 32 bits of an int

int main(int argc, char** argv) {
  const int ioctls = argc > 1 ? atoi(argv[1]) : 3;
  syscall(SYS_socket, JUNK | AF_UNIX, JUNK | SOCK_STREAM, 0);
  syscall(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  syscall(SYS_socket, 12345, SOCK_STREAM, 77);  // fails, and counts
  int word = 0;
  for (int i = 0; i < 1000; ++i) syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
  for (int i = 0; i < ioctls; ++i) syscall(SYS_ioctl, -1, JUNK | (0x10000 + i), 0);
  if (fork() == 0) {
    syscall(SYS_kill, getpid(), JUNK);
    syscall(SYS_personality, 0xffffffff);
    _exit(0);
  }
  syscall(SYS_kill, getpid(), JUNK | SIGCONT);
  wait(NULL);
  return 0;
}
