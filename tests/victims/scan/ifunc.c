// Which of two functions it is, a resolver decides when the program is loaded.
#include <sys/syscall.h>
#include <unistd.h>
static long one(void) { return syscall(SYS_ioprio_get, 1, 0); }
static long other(void) { return syscall(SYS_syncfs, -1); }
volatile int g_choice;
static long (*choose(void))(void) { return g_choice ? one : other; }
long either(void) __attribute__((ifunc("choose")));
int main(void) { return (int)either(); }
