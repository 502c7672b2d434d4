#pragma once
// Are two sets of calls the same?
//
// A reduced ordered binary decision diagram (Bryant 1986) over the 512 bits of seccomp_data: equal
// sets get the same number, whoever built them and in whichever order, so that one comparison of
// numbers covers all values of all words together. Not modelled: words combined with each other,
// which no condition of a profile asks for.

#include <linux/seccomp.h>

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "filter/machine.h"

namespace sysnare {

/// A question about one word of seccomp_data: how does `word & mask` compare with `k`?
struct WordTest {
  enum class Kind : std::uint8_t { kEqual, kAtLeast, kAbove } kind = Kind::kEqual;
  std::uint32_t word = 0;  ///< offset / 4
  std::uint32_t mask = UINT32_MAX;
  std::uint32_t k = 0;
};

class DecisionDiagram {
 public:
  using Id = std::uint32_t;

  /// Most nodes, 60 MB with their tables. Docker's default with three ABIs takes some 50,000.
  /// Rules that set single bits of several arguments against each other double them with each bit,
  /// and have to end somewhere.
  static constexpr std::size_t kMaxNodes = 1u << 20;
  /// Most steps of choose(): a few seconds. What falls off the table of choices is done again.
  static constexpr std::size_t kMaxSteps = 1u << 26;

  /// The empty set, before any other was asked for.
  static constexpr Id kNothing = 0;

  DecisionDiagram() { clear(); }

  /// 1: all calls; 0: none.
  Id constant(std::uint32_t value) { return value == 0 ? kNothing : kEverything; }
  /// All calls, with `value` behind them: what choose() makes of such is a map from calls to values
  /// (equal maps have the same number, as sets do). 0 and 1 are those of constant().
  Id leaf(std::uint32_t value) { return add({kLeaf, value, value}); }
  /// The calls for which `test` holds.
  Id holds(const WordTest& test);
  /// Of the calls in `condition` those of `yes`, of all others those of `no`.
  Id choose(Id condition, Id yes, Id no);

  /// What is asked first of a call: one bit of one word, and where either answer leads.
  struct Question {
    std::uint32_t word = 0;
    std::uint32_t bit = 0;
    Id low = 0;
    Id high = 0;
  };
  /// Empty for a constant. Words are asked in the order arch, nr, then each argument with the word
  /// of odd number first, instruction pointer; the bits of a word from the highest down.
  [[nodiscard]] std::optional<Question> question(Id id) const;
  /// The value of a constant or leaf.
  [[nodiscard]] std::uint32_t value(Id id) const { return nodes_[id].low; }

  /// More nodes or steps than the limits allow were asked for: what was built since then means
  /// nothing.
  [[nodiscard]] bool full() const { return full_; }

  /// A call that is in one of the two alone; empty when they are the same. What neither asks about
  /// is as in `background`, the architecture (and with it the order of the halves) and the number
  /// foremost.
  [[nodiscard]] std::optional<seccomp_data> difference(Id a, Id b,
                                                       const seccomp_data& background = {}) const;

  /// Forgets all sets. Steps count on: they bound the work on one profile.
  void clear();

 private:
  static constexpr std::uint32_t kLeaf = 32 * kWords;
  static constexpr Id kNone = UINT32_MAX;
  static constexpr Id kEverything = 1;
  /// Enough for the argument rules of one call; tables grow with their nodes.
  static constexpr std::size_t kFirstPlaces = 1u << 11;
  struct Node {
    std::uint32_t bit = 0;  ///< place in the order of asking; kLeaf: `low` is the value
    Id low = 0;             ///< where the bit is 0
    Id high = 0;
    bool operator==(const Node&) const = default;
  };
  struct Choice {
    Id condition = 0;
    Id yes = 0;
    Id no = 0;
    bool operator==(const Choice&) const = default;
  };
  /// What choose() found; a place holds the last of all that fall on it.
  struct Chosen {
    Choice choice{kNone, kNone, kNone};
    Id id = 0;
  };

  Id add(const Node& node);
  Id branch(std::uint32_t bit, Id low, Id high) {
    return low == high ? low : add({bit, low, high});
  }
  [[nodiscard]] std::pair<Id, Id> split(Id id, std::uint32_t bit) const;

  void grow();

  std::vector<Node> nodes_;
  std::vector<Id> places_;  ///< hash -> node, probed in a row
  std::vector<Chosen> chosen_;
  std::size_t steps_ = 0;
  bool full_ = false;
};

}  // namespace sysnare
