// Every errno a known number of times:
//   close 3 EBADF, 1 good     access 4 ENOENT       mkdir 2 EEXIST     rmdir 1 ENOTDIR
//   kill 2 ESRCH              getpriority 1 EINVAL  write 1 EFAULT, 1 EPIPE
//   syscall_0x3e7 2 ENOSYS    getppid 5 good        read 1 EISDIR
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void) {
  int ends[2];
  if (pipe(ends) != 0) return 1;
  signal(SIGPIPE, SIG_IGN);
  for (int i = 0; i < 3; ++i) syscall(SYS_close, -1);
  for (int i = 0; i < 4; ++i) syscall(SYS_access, "/nonexistent", 0);
  for (int i = 0; i < 2; ++i) syscall(SYS_mkdir, "/", 0700);
  syscall(SYS_rmdir, "/proc/version/x");
  for (int i = 0; i < 2; ++i) syscall(SYS_kill, 0x7ffffff0, 0);
  syscall(SYS_getpriority, 99, 0);
  syscall(SYS_write, ends[1], 8, 1);
  const long folder = syscall(SYS_openat, AT_FDCWD, "/", O_RDONLY);
  char byte;
  syscall(SYS_read, folder, &byte, 1);
  syscall(SYS_close, ends[0]);
  syscall(SYS_write, ends[1], "x", 1);
  for (int i = 0; i < 2; ++i) syscall(999);
  for (int i = 0; i < 5; ++i) syscall(SYS_getppid);
  return 0;
}
