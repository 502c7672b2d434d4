#pragma once
// What stands on a stopped thread's stack? Read by pages, kept for one unwinding.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

namespace sysnare {

/// Pages that one unwinding reads at most: 64 frames with a page for each, and their saved
/// registers.
inline constexpr std::size_t kMaxStackPages = 256;

class StackMemory {
 public:
  explicit StackMemory(pid_t process) : process_(process) {}
  /// Forgets all; the process may have run.
  void clear() {
    pages_.clear();
    last_ = nullptr;
  }
  /// `width` (up to 8) bytes as an integer in the machine's order.
  std::optional<std::uint64_t> word(std::uint64_t address, unsigned width);
  /// Up to `length` bytes, fewer where a page cannot be read.
  std::string bytes(std::uint64_t address, std::size_t length);

 private:
  struct Page {
    std::uint64_t address = 1;  ///< of its first byte; no page is at 1
    std::string bytes;
  };
  const Page* page(std::uint64_t address);

  pid_t process_;
  std::unordered_map<std::uint64_t, Page> pages_;
  const Page* last_ = nullptr;
};

}  // namespace sysnare
