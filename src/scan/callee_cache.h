#pragma once
// What calling this address calls, once somebody has found out.
//
// Several threads ask and answer at once, and all would find the same. So there is no lock: a slot
// is written once, and who finds no slot free finds out again.

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>
#include <optional>

#include "scan/summary.h"

namespace sysnare {

class CalleeCache {
 public:
  /// With room for some four times `functions`.
  explicit CalleeCache(std::size_t functions)
      : mask_(std::bit_ceil(std::min(functions * kSpread + kLeast, kMost)) - 1),
        slots_(std::make_unique<Slot[]>(mask_ + 1)) {}

  /// False: not known yet.
  bool find(std::uint64_t vaddr, std::optional<Target>& target) const {
    for (std::size_t i = 0; i < kTries; ++i) {
      const Slot& slot = slots_[place(vaddr, i)];
      const std::uint64_t key = slot.key.load(std::memory_order_acquire);
      if (key == vaddr && key > kBusy) {
        target = unpacked(slot.value.load(std::memory_order_relaxed));
        return true;
      }
      if (key == kFree) return false;
    }
    return false;
  }

  void put(std::uint64_t vaddr, const std::optional<Target>& target) {
    if (vaddr <= kBusy) return;
    for (std::size_t i = 0; i < kTries; ++i) {
      Slot& slot = slots_[place(vaddr, i)];
      std::uint64_t key = kFree;
      if (slot.key.compare_exchange_strong(key, kBusy, std::memory_order_acquire)) {
        slot.value.store(packed(target), std::memory_order_relaxed);
        slot.key.store(vaddr, std::memory_order_release);
        return;
      }
      if (key == vaddr) return;
    }
  }

 private:
  static constexpr std::size_t kSpread = 4;
  static constexpr std::size_t kLeast = 64;
  static constexpr std::size_t kMost = 1u << 20;  // 16 MB
  static constexpr std::size_t kTries = 8;
  /// Keys that are no addresses; nobody calls address 0 or 1.
  static constexpr std::uint64_t kFree = 0;
  static constexpr std::uint64_t kBusy = 1;

  struct Slot {
    std::atomic<std::uint64_t> key = kFree;
    std::atomic<std::uint64_t> value = 0;
  };

  [[nodiscard]] std::size_t place(std::uint64_t vaddr, std::size_t i) const {
    constexpr std::uint64_t kMix = 0x9e3779b97f4a7c15;
    return ((vaddr * kMix >> 32) + i) & mask_;
  }
  /// 0: nothing there.
  static std::uint64_t packed(const std::optional<Target>& target) {
    if (!target) return 0;
    return (static_cast<std::uint64_t>(target->kind) + 1) << 32 | target->index;
  }
  static std::optional<Target> unpacked(std::uint64_t value) {
    if (value == 0) return std::nullopt;
    return Target{static_cast<Target::Kind>((value >> 32) - 1), false, 0,
                  static_cast<std::uint32_t>(value)};
  }

  std::size_t mask_;
  std::unique_ptr<Slot[]> slots_;
};

}  // namespace sysnare
