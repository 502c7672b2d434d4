// syscall(3): the number is an argument of a function of libc.
#include <sys/syscall.h>
#include <unistd.h>
int main(void) { return syscall(SYS_ioprio_get, 1, 0) < 0; }
