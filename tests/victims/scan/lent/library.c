// Calls the program's function through a struct that it is given, with a number of its own.
#include <sys/syscall.h>
struct Operations {
  long (*call)(long nr);
};
static struct Operations* g_operations;
void lend(struct Operations* operations) { g_operations = operations; }
__attribute__((constructor)) static void nothing(void) {}
long use(void) { return g_operations->call(SYS_ioprio_get); }
void begin(void) {
  register long nr __asm__("rax") = SYS_syncfs;
  __asm__ volatile("syscall" : "+r"(nr) : "D"(-1) : "rcx", "r11", "memory");
}
