/* Programs without a C library: what they can call is what stands here, to the last number. */
#pragma once
#include <sys/syscall.h>

#ifndef SYS_getpgrp /* younger machines have getpgid alone */
#define SYS_getpgrp SYS_getpgid
#endif

/* Not inlined where a victim says so: the number arrives in a register then, and is copied. */
#ifdef __aarch64__
static inline long raw_call(long nr, long a, long b) {
  register long x8 __asm__("x8") = nr;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1) : "memory");
  return x0;
}
#else
static inline long raw_call(long nr, long a, long b) {
  long result = nr;
  __asm__ volatile("syscall" : "+a"(result) : "D"(a), "S"(b) : "rcx", "r11", "memory");
  return result;
}
#endif

#define NOINLINE __attribute__((noinline, noclone))
/* Not known to the compiler, nor to a reader of the file. */
extern volatile int g_choice;
#define CHOICE volatile int g_choice

void bare_main(int argc);

/* argc is where the kernel puts it: on top of the stack. */
#ifdef __aarch64__
#define START                                    \
  __asm__(                                       \
      ".globl _start\n_start:\n\tldr w0, [sp]\n" \
      "\tbl bare_main\n"                         \
      "\tmov x8, #94\n\tmov x0, #0\n\tsvc #0\n\tbrk #1\n")
#else
#define START                                        \
  __asm__(                                           \
      ".globl _start\n_start:\n\tmov (%rsp), %edi\n" \
      "\tand $-16, %rsp\n\tcall bare_main\n"         \
      "\tmov $231, %eax\n\txor %edi, %edi\n\tsyscall\n\thlt\n")
#endif
