/* Makes a call with a stack that is a lie: argv[1] says which. Exits with 0 after it. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* write(1, "x", 1) with the stack and frame pointer as given, from memory that no table covers. */
static void call_with(unsigned long sp, unsigned long fp) {
  /* mov rsp,rdi-saved in r12; set rsp, rbp; syscall; restore */
  static const unsigned char code[] = {
      0x41, 0x54, 0x55,                         /* push r12; push rbp */
      0x49, 0x89, 0xe4,                         /* mov r12,rsp */
      0x48, 0x89, 0xfc,                         /* mov rsp,rdi */
      0x48, 0x89, 0xf5,                         /* mov rbp,rsi */
      0x48, 0x89, 0xd6,                         /* mov rsi,rdx (text) */
      0xbf, 0x01, 0x00, 0x00, 0x00,             /* mov edi,1 */
      0xba, 0x01, 0x00, 0x00, 0x00,             /* mov edx,1 */
      0xb8, 0x01, 0x00, 0x00, 0x00, 0x0f, 0x05, /* mov eax,1; syscall */
      0x4c, 0x89, 0xe4, 0x5d, 0x41, 0x5c, 0xc3, /* mov rsp,r12; pop rbp; pop r12; ret */
  };
  unsigned char* page =
      mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memcpy(page, code, sizeof code);
  ((void (*)(unsigned long, unsigned long, const char*))page)(sp, fp, "x");
}

int main(int argc, char** argv) {
  static unsigned long stack[4096] __attribute__((aligned(64)));
  const char* how = argc > 1 ? argv[1] : "";
  const unsigned long here = (unsigned long)stack;
  /* Behind a call instruction of this program: a return address that is believed. */
  const unsigned long believed = (unsigned long)__builtin_return_address(0);
  if (strcmp(how, "nowhere") == 0) call_with(0x10, 0x10);
  if (strcmp(how, "kernel") == 0) call_with(0xffff800000001000ul, 0xffff800000001000ul);
  if (strcmp(how, "last") == 0) call_with(0xfffffffffffffff8ul, 0xfffffffffffffff8ul);
  if (strcmp(how, "loop") == 0) {
    /* Two frames that point at each other. */
    stack[0] = here + 64;
    stack[1] = believed;
    stack[8] = here;
    stack[9] = believed;
    call_with(here, here);
  }
  if (strcmp(how, "self") == 0) {
    stack[0] = here;
    stack[1] = believed;
    call_with(here, here);
  }
  if (strcmp(how, "endless") == 0) {
    /* 2,000 frames in code that no table covers: the page itself, which has calls in it. */
    unsigned char* page =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(page, 0xe8, 4096);
    for (int i = 0; i + 2 < 4096; i += 2) {
      stack[i] = here + 8 * (i + 2);
      stack[i + 1] = (unsigned long)page + 64;
    }
    call_with(here, here);
  }
  if (strcmp(how, "unaligned") == 0) call_with(here + 3, here + 3);
  return 0;
}
