#pragma once
// How does the child call the kernel between clone and exec without touching anything of libc?
//
// The child runs on a copy of our memory, in which any lock may be held, and after its filter is
// loaded it may make no call but execve. So: inline system calls, no errno, no thread-local
// storage.
//
// Source: syscall(2), "Architecture calling conventions".

namespace sysnare::isa {

#if defined(__x86_64__)

inline long raw_syscall(long nr, long a0 = 0, long a1 = 0, long a2 = 0, long a3 = 0, long a4 = 0,
                        long a5 = 0) {
  long result = nr;
  register long r10 asm("r10") = a3;
  register long r8 asm("r8") = a4;
  register long r9 asm("r9") = a5;
  asm volatile("syscall"
               : "+a"(result)
               : "D"(a0), "S"(a1), "d"(a2), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}

/// Whether the machine can run programs of i386 and x32 beside its own, if its kernel does.
inline constexpr bool kHasOtherAbis = true;

/// getpid as an i386 program makes it: by int 0x80, under i386's number. Where the kernel runs no
/// i386 code the caller dies of SIGSEGV.
inline long getpid_as_i386() {
  constexpr int kGetpid = 20;  // arch/x86/entry/syscalls/syscall_32.tbl
  long result = kGetpid;
  // The 32-bit entry clears r8 to r11.
  asm volatile("int $0x80" : "+a"(result) : : "r8", "r9", "r10", "r11", "memory");
  return result;
}

/// getpid as an x32 program makes it: with bit 30 in the number.
inline long getpid_as_x32() {
  constexpr long kGetpid = 0x40000000 | 39;  // arch/x86/entry/syscalls/syscall_64.tbl
  return raw_syscall(kGetpid);
}

#elif defined(__aarch64__)

inline long raw_syscall(long nr, long a0 = 0, long a1 = 0, long a2 = 0, long a3 = 0, long a4 = 0,
                        long a5 = 0) {
  register long x8 asm("x8") = nr;
  register long x0 asm("x0") = a0;
  register long x1 asm("x1") = a1;
  register long x2 asm("x2") = a2;
  register long x3 asm("x3") = a3;
  register long x4 asm("x4") = a4;
  register long x5 asm("x5") = a5;
  asm volatile("svc #0"
               : "+r"(x0)
               : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
               : "memory");
  return x0;
}

// arm programs switch the processor's state; no instruction of ours makes their calls.
inline constexpr bool kHasOtherAbis = false;
inline long getpid_as_i386() { return -1; }
inline long getpid_as_x32() { return -1; }

#else
#error "raw_syscall is written for x86_64 and aarch64"
#endif

}  // namespace sysnare::isa
