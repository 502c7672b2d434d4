#pragma once
// Profiles for the tests of this room: made at random, with a fixed seed, from few values, so that
// rules meet each other. Not part of the library.

#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "arch/syscalls.h"
#include "profile/profile.h"
#include "profile/resolve.h"

namespace sysnare::test {

class RandomProfiles {
 public:
  explicit RandomProfiles(std::uint32_t seed) : random_(seed) {}

  std::size_t below(std::size_t limit) { return random_() % limit; }

  /// Values around which comparisons go wrong: both halves, their ends, bit 32, and the sign.
  std::uint64_t value() {
    static constexpr std::uint64_t kValues[] = {0,
                                                1,
                                                2,
                                                40,
                                                0xffff,
                                                0x10000,
                                                0x7fffffff,
                                                0x80000000,
                                                0xffffffff,
                                                0x100000000,
                                                0x100000001,
                                                0x1ffffffff,
                                                0x7fffffffffffffff,
                                                0x8000000000000000,
                                                0xffffffff00000000,
                                                0xfffffffffffffffe,
                                                0xffffffffffffffff};
    return kValues[below(std::size(kValues))] + (below(4) == 0 ? below(3) - 1 : 0);
  }

  ArgCondition condition(unsigned arguments) {
    ArgCondition condition;
    condition.index = static_cast<unsigned>(below(arguments));
    condition.op = static_cast<Op>(below(7));
    condition.value = value();
    if (condition.op == Op::kMaskedEq) {
      condition.value_two = below(4) == 0 ? value() : value() & condition.value;
    }
    return condition;
  }

  Entry entry(const std::vector<std::string_view>& names, std::size_t most_conditions,
              unsigned arguments) {
    Entry entry;
    entry.path = "syscalls[0]";
    const std::size_t count = 1 + below(3);
    for (std::size_t i = 0; i < count; ++i) entry.names.emplace_back(names[below(names.size())]);
    entry.action = static_cast<Action>(below(9));
    if (entry.action == Action::kErrno || entry.action == Action::kTrace) {
      entry.errno_ret = static_cast<std::uint32_t>(below(3) == 0 ? 4095 : below(40));
    }
    const std::size_t conditions = below(most_conditions + 1);
    for (std::size_t i = 0; i < conditions; ++i) entry.args.push_back(condition(arguments));
    return entry;
  }

  std::mt19937& random() { return random_; }

 private:
  std::mt19937 random_;
};

}  // namespace sysnare::test
