// A 32-bit program: getppid 7 times, openat of what does not exist twice.
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void) {
  for (int i = 0; i < 7; ++i) syscall(SYS_getppid);
  for (int i = 0; i < 2; ++i) open("/nonexistent/file", O_RDONLY);
  return 0;
}
