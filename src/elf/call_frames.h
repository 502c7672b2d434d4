#pragma once
// What were the caller's registers? By the call frame information of an image, through libdw.
//
// Source: DWARF 5, 6.4 (call frame information) and 2.5 (expressions); Linux Standard Base 5.0,
// 10.6 (.eh_frame). .eh_frame is asked first, then .debug_frame. Not modelled: vector registers,
// whose values no frame needs.

#include <array>
#include <bitset>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "elf/image.h"

namespace sysnare {

/// x86_64 has 17 numbered registers that matter, i386 9, aarch64 32; one is left for aarch64's pc.
inline constexpr unsigned kFrameRegisters = 33;

/// Registers by their DWARF numbers.
struct FrameRegisters {
  std::array<std::uint64_t, kFrameRegisters> value{};
  std::bitset<kFrameRegisters> known;

  [[nodiscard]] std::optional<std::uint64_t> get(std::uint64_t number) const {
    if (number >= kFrameRegisters || !known[number]) return std::nullopt;
    return value[number];
  }
  void set(unsigned number, std::uint64_t to) {
    value[number] = to;
    known.set(number);
  }
};

/// Reads one word of `width` bytes (1, 2, 4 or 8) at a run-time address.
using ReadWord = std::function<std::optional<std::uint64_t>(std::uint64_t address, unsigned width)>;

class CallFrames {
 public:
  /// `image` and `debug` (its debug file, or null) must outlive this.
  CallFrames(const ElfImage& image, const ElfImage* debug);
  ~CallFrames();
  CallFrames(const CallFrames&) = delete;
  CallFrames& operator=(const CallFrames&) = delete;

  struct Step {
    enum class Kind : std::uint8_t {
      kUnknown,  ///< nothing says anything about this address
      kCaller,   ///< `caller` holds the registers there
      kEnd,      ///< the outermost frame: it has no return address
      kDamaged,  ///< there are rules, but they cannot be followed
    };
    Kind kind = Kind::kUnknown;
    FrameRegisters caller;
    std::uint64_t cfa = 0;             ///< the canonical frame address
    std::uint64_t return_address = 0;  ///< where the caller goes on
    bool signal_frame = false;         ///< the caller was interrupted: its address is exact
  };
  /// The frame that called the one with `registers` at link-time address `vaddr`. `sp` is the
  /// DWARF number of the stack pointer, `word` the size of an address.
  Step caller_of(std::uint64_t vaddr, const FrameRegisters& registers, unsigned sp, unsigned word,
                 const ReadWord& read);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sysnare
