#pragma once
// What does the machine say about a stopped thread's frames: registers, calls, signal frames?
//
// Source: System V ABI x86-64 3.2.2 (frames) and figure 3.36 (DWARF numbers), i386 2.4;
// AAPCS64 6.4; arch/x86/include/uapi/asm/sigcontext.h, arch/arm64/include/uapi/asm/sigcontext.h
// (Linux 6.18). Not modelled: 32-bit ARM, which has frame tables of its own.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "elf/call_frames.h"

namespace sysnare {

/// The frame conventions of the code that a thread runs.
struct FrameMachine {
  std::uint16_t elf = 0;  ///< EM_*: an image for another machine says nothing about this thread
  unsigned word = 8;      ///< bytes of an address
  unsigned sp = 0;        ///< DWARF numbers
  unsigned fp = 0;
  unsigned pc = 0;
  int link = -1;  ///< register that holds the return address at a call; -1 where the stack does
  int go = -1;    ///< register that holds Go's current g (since 1.17); -1 where unknown
};

struct ThreadFrame {
  FrameMachine machine;
  FrameRegisters registers;
};

/// The registers of a thread in a ptrace stop. Errors: kNotFound when it is gone; kUnsupported for
/// code of a machine that is not modelled.
Result<ThreadFrame> read_frame(pid_t thread);

/// The address itself, without the signature that pointer authentication put into it.
std::uint64_t plain_address(const FrameMachine& machine, std::uint64_t address);

/// Longest instruction that makes a call.
inline constexpr std::size_t kCallLength = 7;

/// Whether the instruction that ends with `before` (kCallLength bytes) is a call.
bool is_call(const FrameMachine& machine, std::string_view before);
/// Whether it is one that enters the kernel.
bool is_system_call(const FrameMachine& machine, std::string_view before);
/// Where it goes, when it is a direct call that ends at `address`.
std::optional<std::uint64_t> call_target(const FrameMachine& machine, std::string_view before,
                                         std::uint64_t address);

/// Bytes of the longest signal trampoline, and of all kinds.
inline constexpr std::size_t kTrampolineLength = 9;
inline constexpr std::size_t kTrampolineLengths[] = {7, 8, 9};
/// Whether `code` begins with one.
bool is_signal_trampoline(const FrameMachine& machine, std::string_view code);
/// The registers that a signal interrupted, from the frame that the kernel left at `sp`.
std::optional<FrameRegisters> interrupted_registers(const FrameMachine& machine, std::uint64_t sp,
                                                    const ReadWord& read);

}  // namespace sysnare
