// 64-bit code that makes an i386 call (getpid, 20) with int 0x80.
#include <stdio.h>

int main(void) {
#if defined(__x86_64__)
  int result = 20;
  __asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
  printf("%s\n", result > 0 ? "answered" : "refused");
#endif
  return 0;
}
