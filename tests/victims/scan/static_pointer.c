/* A static pointer that begins as the address of a number, in a program that is loaded anywhere. */
#include <sys/syscall.h>
struct Command {
  long nr;
};
static struct Command first = {SYS_ioprio_get};
static struct Command second = {SYS_munlockall};
static struct Command* volatile command = &first;
int main(int argc, char** argv) {
  (void)argv;
  long result = command->nr;
  __asm__ volatile("syscall" : "+a"(result) : "D"(0), "S"(0) : "rcx", "r11", "memory");
  if (argc > 1) command = &second;
  result = command->nr;
  __asm__ volatile("syscall" : "+a"(result) : "D"(0), "S"(0) : "rcx", "r11", "memory");
  return 0;
}
