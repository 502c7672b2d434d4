/* Programs without a C library: what they can call is what stands here, to the last number. */
#pragma once
#include <sys/syscall.h>

/* Not inlined where a victim says so: the number arrives in a register then, and is copied. */
static inline long raw_call(long nr, long a, long b) {
  long result = nr;
  __asm__ volatile("syscall" : "+a"(result) : "D"(a), "S"(b) : "rcx", "r11", "memory");
  return result;
}

#define NOINLINE __attribute__((noinline, noclone))
/* Not known to the compiler, nor to a reader of the file. */
extern volatile int g_choice;
#define CHOICE volatile int g_choice

void bare_main(int argc);

/* argc is where the kernel puts it: on top of the stack. */
#define START                                        \
  __asm__(                                           \
      ".globl _start\n_start:\n\tmov (%rsp), %edi\n" \
      "\tand $-16, %rsp\n\tcall bare_main\n"         \
      "\tmov $231, %eax\n\txor %edi, %edi\n\tsyscall\n\thlt\n")
