#include "process/isa_frame.h"

#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

#include <cerrno>

namespace sysnare {
namespace {

std::uint64_t number_at(std::string_view bytes, std::size_t at, unsigned width) {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < width && at + i < bytes.size(); ++i) {
    value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[at + i])) << 8 * i;
  }
  return value;
}

}  // namespace

#if defined(__x86_64__)

namespace {

/// Code segment of 32-bit programs (arch/x86/include/asm/segment.h, __USER32_CS). A 64-bit program
/// that makes an i386 call stays in its own.
constexpr unsigned long long kCode32 = 0x23;

unsigned byte_at(std::string_view before, std::size_t from_end) {
  return static_cast<unsigned char>(before[before.size() - from_end]);
}

/// Whether a call through a register or memory (ff /2) of `length` bytes ends `before`.
bool is_indirect_call(std::string_view before, std::size_t length) {
  if (byte_at(before, length) != 0xff) return false;
  const unsigned modrm = byte_at(before, length - 1);
  const unsigned mode = modrm >> 6;
  const unsigned base = modrm & 7;
  if (((modrm >> 3) & 7) != 2) return false;
  std::size_t expected = 2;
  const bool sib = mode != 3 && base == 4;
  if (sib) ++expected;
  if (mode == 1) expected += 1;
  if (mode == 2 || (mode == 0 && base == 5)) expected += 4;
  if (mode == 0 && sib && length == 7) expected += 4;  // a SIB byte without base: disp32
  return expected == length;
}

}  // namespace

Result<ThreadFrame> read_frame(pid_t thread) {
  user_regs_struct regs{};
  if (::ptrace(PTRACE_GETREGS, thread, nullptr, &regs) != 0) {
    return fail_errno(errno, "registers of thread {}", thread);
  }
  ThreadFrame frame;
  if (regs.cs == kCode32) {
    frame.machine = {EM_386, 4, 4, 5, 8, -1, -1};
    const unsigned long long values[] = {regs.rax, regs.rcx, regs.rdx, regs.rbx, regs.rsp,
                                         regs.rbp, regs.rsi, regs.rdi, regs.rip};
    for (unsigned i = 0; i < 9; ++i) {
      frame.registers.set(i, static_cast<std::uint32_t>(values[i]));
    }
  } else {
    frame.machine = {EM_X86_64, 8, 7, 6, 16, -1, 14};
    const unsigned long long values[] = {regs.rax, regs.rdx, regs.rcx, regs.rbx, regs.rsi, regs.rdi,
                                         regs.rbp, regs.rsp, regs.r8,  regs.r9,  regs.r10, regs.r11,
                                         regs.r12, regs.r13, regs.r14, regs.r15, regs.rip};
    for (unsigned i = 0; i < 17; ++i) frame.registers.set(i, values[i]);
  }
  return frame;
}

std::uint64_t plain_address(const FrameMachine& machine, std::uint64_t address) {
  return machine.word == 4 ? address & UINT32_MAX : address;
}

bool is_call(const FrameMachine&, std::string_view before) {
  if (before.size() < kCallLength) return false;
  if (byte_at(before, 5) == 0xe8) return true;
  for (std::size_t length = 2; length <= 7; ++length) {
    if (is_indirect_call(before, length)) return true;
  }
  return false;
}

bool is_system_call(const FrameMachine&, std::string_view before) {
  if (before.size() < 2) return false;
  const unsigned last = byte_at(before, 2) << 8 | byte_at(before, 1);
  return last == 0x0f05 || last == 0xcd80 || last == 0x0f34;  // syscall, int 0x80, sysenter
}

std::optional<std::uint64_t> call_target(const FrameMachine& machine, std::string_view before,
                                         std::uint64_t address) {
  if (before.size() < 5 || byte_at(before, 5) != 0xe8) return std::nullopt;
  const auto distance = static_cast<std::int32_t>(number_at(before, before.size() - 4, 4));
  return plain_address(machine, address + static_cast<std::uint64_t>(std::int64_t{distance}));
}

bool is_signal_trampoline(const FrameMachine& machine, std::string_view code) {
  // mov $15,%rax; syscall, or with %eax
  return machine.elf == EM_X86_64 &&
         (code.starts_with(std::string_view("\x48\xc7\xc0\x0f\0\0\0\x0f\x05", 9)) ||
          code.starts_with(std::string_view("\xb8\x0f\0\0\0\x0f\x05", 7)));
}

std::optional<FrameRegisters> interrupted_registers(const FrameMachine& machine, std::uint64_t sp,
                                                    const ReadWord& read) {
  if (machine.elf != EM_X86_64) return std::nullopt;
  // struct ucontext: flags, link, stack (24 bytes), then sigcontext, whose order this is.
  constexpr std::uint64_t kContext = 40;
  constexpr unsigned kOrder[] = {8, 9, 10, 11, 12, 13, 14, 15, 5, 4, 6, 3, 1, 0, 2, 7, 16};
  FrameRegisters registers;
  std::uint64_t at = sp + kContext;
  for (const unsigned number : kOrder) {
    const auto value = read(at, 8);
    if (!value) return std::nullopt;
    registers.set(number, *value);
    at += 8;
  }
  return registers;
}

#elif defined(__aarch64__)

Result<ThreadFrame> read_frame(pid_t thread) {
  user_regs_struct regs{};
  iovec range{&regs, sizeof regs};
  const auto request = static_cast<__ptrace_request>(PTRACE_GETREGSET);
  if (::ptrace(request, thread, reinterpret_cast<void*>(NT_PRSTATUS), &range) != 0) {
    return fail_errno(errno, "registers of thread {}", thread);
  }
  if (range.iov_len != sizeof regs) {
    return fail(Errc::kUnsupported, "thread {} runs 32-bit ARM code, whose frames are not known",
                thread);
  }
  ThreadFrame frame;
  frame.machine = {EM_AARCH64, 8, 31, 29, 32, 30, 28};
  for (unsigned i = 0; i < 31; ++i) frame.registers.set(i, regs.regs[i]);
  frame.registers.set(31, regs.sp);
  frame.registers.set(32, regs.pc);
  return frame;
}

std::uint64_t plain_address(const FrameMachine&, std::uint64_t address) {
  // The signature stands above the 48 bits of addresses; user space with 52 is opt-in by mmap hint.
  return address & 0xffff'ffff'ffff;
}

namespace {
std::uint64_t last_instruction(std::string_view before) {
  return before.size() < 4 ? 0 : number_at(before, before.size() - 4, 4);
}
}  // namespace

bool is_call(const FrameMachine&, std::string_view before) {
  const std::uint64_t instruction = last_instruction(before);
  return (instruction & 0xfc00'0000) == 0x9400'0000 ||  // bl
         (instruction & 0xffff'fc1f) == 0xd63f'0000 ||  // blr
         (instruction & 0xfeff'f800) == 0xd63f'0800;    // blraa, blrab, blraaz, blrabz
}

bool is_system_call(const FrameMachine&, std::string_view before) {
  return (last_instruction(before) & 0xffe0'001f) == 0xd400'0001;  // svc
}

std::optional<std::uint64_t> call_target(const FrameMachine&, std::string_view before,
                                         std::uint64_t address) {
  const std::uint64_t instruction = last_instruction(before);
  if ((instruction & 0xfc00'0000) != 0x9400'0000) return std::nullopt;
  const auto words = static_cast<std::int32_t>(instruction << 6) >> 6;  // 26 bits, signed
  return address - 4 + static_cast<std::uint64_t>(std::int64_t{words} * 4);
}

bool is_signal_trampoline(const FrameMachine&, std::string_view code) {
  // mov x8, #139; svc #0
  return code.starts_with(std::string_view("\x68\x11\x80\xd2\x01\0\0\xd4", 8));
}

std::optional<FrameRegisters> interrupted_registers(const FrameMachine&, std::uint64_t sp,
                                                    const ReadWord& read) {
  // siginfo (128 bytes), then ucontext, whose sigcontext stands at 176: fault address, x0 to x30,
  // sp, pc.
  constexpr std::uint64_t kRegisters = 128 + 176 + 8;
  FrameRegisters registers;
  for (unsigned number = 0; number < 33; ++number) {
    const auto value = read(sp + kRegisters + 8 * number, 8);
    if (!value) return std::nullopt;
    registers.set(number, *value);
  }
  return registers;
}

#else
#error "frames are written for x86_64 and aarch64"
#endif

}  // namespace sysnare
