#include "scan/machine.h"

#include <elf.h>

#include <initializer_list>

namespace sysnare {
namespace {

enum : std::uint8_t { kRax, kRcx, kRdx, kRbx, kRsp, kRbp, kRsi, kRdi, kR8, kR9, kR10, kR11 };

constexpr std::uint32_t bits(std::initializer_list<std::uint8_t> registers) {
  std::uint32_t all = 0;
  for (const std::uint8_t reg : registers) all |= 1u << reg;
  return all;
}

/// rax beside the registers of arguments: assembly passes numbers in it.
constexpr std::array<std::uint8_t, 8> kX86Passing = {kRax, kRdi, kRsi, kRdx, kRcx, kR8, kR9, kR10};
constexpr std::array<std::uint8_t, 9> kX86GoPassing = {kRax, kRbx, kRcx, kRdi, kRsi,
                                                       kR8,  kR9,  kR10, kR11};

constexpr Machine kX86 = {
    .abi = Abi::kX86_64,
    .registers = 16,
    .stack_pointer = kRsp,
    .frame_pointer = kRbp,
    .caller_saved = bits({kRax, kRcx, kRdx, kRsi, kRdi, kR8, kR9, kR10, kR11}),
    .pushed = 8,
    .passing = kX86Passing,
    .go_passing = kX86GoPassing,
    .go_arguments = 0,
    .syscall_nr = kRax,
    .syscall_args = {kRdi, kRsi, kRdx, kR10, kR8, kR9},
    .syscall_writes = bits({kRax, kRcx, kR11}),
    .string_pointers = bits({kRsi, kRdi}),
    .string_destination = bits({kRdi}),
};

/// x0 to x7; x8, where assembly passes a number of a system call.
constexpr std::array<std::uint8_t, 9> kArm64Passing = {0, 1, 2, 3, 4, 5, 6, 7, 8};
constexpr std::array<std::uint8_t, 16> kArm64GoPassing = {0, 1, 2,  3,  4,  5,  6,  7,
                                                          8, 9, 10, 11, 12, 13, 14, 15};

constexpr Machine kArm64 = {
    .abi = Abi::kAarch64,
    .registers = 32,
    .stack_pointer = 31,
    .frame_pointer = 29,
    .caller_saved = 0x4007ffff,  // x0 to x18, x30
    .pushed = 0,
    .passing = kArm64Passing,
    .go_passing = kArm64GoPassing,
    .go_arguments = 8,  // below lies where who is called keeps x30
    .syscall_nr = 8,
    .syscall_args = {0, 1, 2, 3, 4, 5},
    .syscall_writes = bits({0}),
    .composes_addresses = true,
    .instruction_bytes = 4,
};

}  // namespace

const Machine& x86_64_machine() { return kX86; }

const Machine& aarch64_machine() { return kArm64; }

const Machine* machine_of(std::uint16_t machine) {
  return machine == EM_X86_64 ? &kX86 : machine == EM_AARCH64 ? &kArm64 : nullptr;
}

}  // namespace sysnare
