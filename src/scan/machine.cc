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

}  // namespace

const Machine& x86_64_machine() { return kX86; }

const Machine* machine_of(std::uint16_t machine) { return machine == EM_X86_64 ? &kX86 : nullptr; }

}  // namespace sysnare
