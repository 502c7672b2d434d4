#pragma once
// What does a checked program do with one call, and what of the call did it look at?
//
// Source: net/core/filter.c bpf_convert_filter(), Linux 6.18: A and X start at 0, a division by a
// zero X ends the program with 0, shifts by X count modulo 32.

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstdint>
#include <span>

namespace sysnare {

/// 32-bit words of seccomp_data, by offset / 4.
inline constexpr std::uint32_t kNrWord = 0;
inline constexpr std::uint32_t kArchWord = 1;
inline constexpr std::uint32_t kIpWord = 2;    ///< and 3
inline constexpr std::uint32_t kArgsWord = 4;  ///< two for each argument
inline constexpr std::uint32_t kWords = sizeof(seccomp_data) / 4;

struct Outcome {
  std::uint32_t value = 0;
  std::uint32_t steps = 0;
  bool read_nr = false;    ///< the result may be another for another number
  bool read_rest = false;  ///< and for other arguments or another instruction pointer
};

/// Precondition: check_program() accepted `program`.
Outcome run_program(std::span<const sock_filter> program, const seccomp_data& call);

/// Whether the conditional jump `insn` by a constant is taken when A is `a`.
bool is_taken(const sock_filter& insn, std::uint32_t a);

/// Instructions on the longest path. Precondition: as above.
std::uint32_t longest_path(std::span<const sock_filter> program);

/// The word at `index` as the machine of `call.arch` lays it out: the high half comes first on a
/// big-endian one, whatever this machine is.
std::uint32_t word_of(const seccomp_data& call, std::uint32_t index);

/// Index of the low or high half of argument `arg` in an ABI's seccomp_data.
constexpr std::uint32_t arg_word(unsigned arg, bool high, bool big_endian) {
  return kArgsWord + 2 * arg + (high != big_endian ? 1 : 0);
}

}  // namespace sysnare
