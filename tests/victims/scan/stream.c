// A function that libc calls through a stream of ours: its address is taken, and nothing here calls
// it.
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
static ssize_t act(void* cookie, const char* text, size_t size) {
  (void)cookie, (void)text;
  syscall(SYS_ioprio_get, 1, 0);
  return (ssize_t)size;
}
int main(void) {
  FILE* file = fopencookie(0, "w", (cookie_io_functions_t){.write = act});
  if (file == 0) return 1;
  fputs("x", file);
  return fclose(file);
}
