#include "filter/decision_diagram.h"

#include <linux/audit.h>

#include <algorithm>
#include <array>

namespace sysnare {
namespace {

// The order in which words are asked, by word: architecture, number, then each argument with its
// high word first (of little-endian ABIs; any order is right, a bad one is large), the instruction
// pointer at last.
constexpr std::array<std::uint32_t, kWords> kPlaceOfWord = {1, 0, 15, 14, 3,  2,  5,  4,
                                                            7, 6, 9,  8,  11, 10, 13, 12};

std::size_t mix(std::uint64_t a, std::uint64_t b, std::uint64_t c) {
  // Odd multipliers of splitmix64 (Steele, Lea, Flood 2014).
  std::uint64_t sum = a * 0x9e3779b97f4a7c15 + b * 0xbf58476d1ce4e5b9 + c * 0x94d049bb133111eb;
  sum ^= sum >> 31;
  sum *= 0xbf58476d1ce4e5b9;
  return static_cast<std::size_t>(sum ^ sum >> 29);
}

std::uint32_t word_at(std::uint32_t place) {
  return static_cast<std::uint32_t>(std::find(kPlaceOfWord.begin(), kPlaceOfWord.end(), place) -
                                    kPlaceOfWord.begin());
}

seccomp_data call_of(const std::array<std::uint32_t, kWords>& words) {
  seccomp_data call{};
  call.nr = static_cast<int>(words[kNrWord]);
  call.arch = words[kArchWord];
  const bool big_endian = (call.arch & __AUDIT_ARCH_LE) == 0;
  const auto whole = [&](std::uint32_t first) {
    const std::uint64_t low = words[first + (big_endian ? 1 : 0)];
    const std::uint64_t high = words[first + (big_endian ? 0 : 1)];
    return high << 32 | low;
  };
  call.instruction_pointer = whole(kIpWord);
  for (std::uint32_t i = 0; i < std::size(call.args); ++i) call.args[i] = whole(kArgsWord + 2 * i);
  return call;
}

}  // namespace

DecisionDiagram::Id DecisionDiagram::add(const Node& node) {
  const std::size_t last = places_.size() - 1;
  std::size_t place = mix(node.bit, node.low, node.high) & last;
  while (places_[place] != kNone) {
    if (nodes_[places_[place]] == node) return places_[place];
    place = (place + 1) & last;
  }
  if (nodes_.size() >= kMaxNodes) {
    full_ = true;
    return 0;
  }
  const auto id = static_cast<Id>(nodes_.size());
  nodes_.push_back(node);
  places_[place] = id;
  if (2 * nodes_.size() > places_.size()) grow();
  return id;
}

void DecisionDiagram::grow() {
  places_.assign(2 * places_.size(), kNone);
  chosen_.assign(places_.size(), {});
  const std::size_t last = places_.size() - 1;
  for (Id id = 0; id < nodes_.size(); ++id) {
    const Node& node = nodes_[id];
    std::size_t place = mix(node.bit, node.low, node.high) & last;
    while (places_[place] != kNone) place = (place + 1) & last;
    places_[place] = id;
  }
}

void DecisionDiagram::clear() {
  nodes_.clear();
  places_.assign(kFirstPlaces, kNone);
  chosen_.assign(kFirstPlaces, {});
  // kNothing and kEverything, in this order.
  add({kLeaf, 0, 0});
  add({kLeaf, 1, 1});
}

DecisionDiagram::Id DecisionDiagram::holds(const WordTest& test) {
  const Id below = constant(0);
  const Id above = constant(test.kind == WordTest::Kind::kEqual ? 0 : 1);
  // From the lowest bit up: `same` is the answer where all bits from here up are as in k.
  Id same = constant(test.kind == WordTest::Kind::kAbove ? 0 : 1);
  for (std::uint32_t bit = 0; bit < 32; ++bit) {
    const bool in_k = (test.k >> bit & 1) != 0;
    const std::uint32_t place = 32 * kPlaceOfWord[test.word] + (31 - bit);
    if ((test.mask >> bit & 1) == 0) {
      if (in_k) same = below;
    } else {
      same = in_k ? branch(place, below, same) : branch(place, same, above);
    }
  }
  return same;
}

std::pair<DecisionDiagram::Id, DecisionDiagram::Id> DecisionDiagram::split(
    Id id, std::uint32_t bit) const {
  const Node& node = nodes_[id];
  return node.bit == bit ? std::pair(node.low, node.high) : std::pair(id, id);
}

DecisionDiagram::Id DecisionDiagram::choose(Id condition, Id yes, Id no) {
  if (yes == no || full_) return yes;
  if (nodes_[condition].bit == kLeaf) return nodes_[condition].low != 0 ? yes : no;
  const Choice choice{condition, yes, no};
  const std::size_t hash = mix(condition, yes, no);
  if (const Chosen& known = chosen_[hash & (chosen_.size() - 1)]; known.choice == choice) {
    return known.id;
  }
  if (++steps_ > kMaxSteps) full_ = true;
  // One step down a bit each time: recursion is 512 deep at most.
  const std::uint32_t bit = std::min({nodes_[condition].bit, nodes_[yes].bit, nodes_[no].bit});
  const auto [condition_low, condition_high] = split(condition, bit);
  const auto [yes_low, yes_high] = split(yes, bit);
  const auto [no_low, no_high] = split(no, bit);
  const Id low = choose(condition_low, yes_low, no_low);
  const Id high = choose(condition_high, yes_high, no_high);
  const Id id = branch(bit, low, high);
  chosen_[hash & (chosen_.size() - 1)] = {choice, id};
  return id;
}

std::optional<DecisionDiagram::Question> DecisionDiagram::question(Id id) const {
  const Node& node = nodes_[id];
  if (node.bit == kLeaf) return std::nullopt;
  return Question{word_at(node.bit / 32), 31 - node.bit % 32, node.low, node.high};
}

std::optional<seccomp_data> DecisionDiagram::difference(Id a, Id b,
                                                        const seccomp_data& background) const {
  if (a == b) return std::nullopt;
  std::array<std::uint32_t, kWords> words{};
  for (std::uint32_t word = 0; word < kWords; ++word) words[word] = word_of(background, word);
  while (nodes_[a].bit != kLeaf || nodes_[b].bit != kLeaf) {
    const std::uint32_t bit = std::min(nodes_[a].bit, nodes_[b].bit);
    const auto [a_low, a_high] = split(a, bit);
    const auto [b_low, b_high] = split(b, bit);
    // Two sets that differ, differ on one side of the bit at least.
    const bool high = a_low == b_low;
    const std::uint32_t mask = 1u << (31 - bit % 32);
    std::uint32_t& word = words[word_at(bit / 32)];
    word = high ? word | mask : word & ~mask;
    a = high ? a_high : a_low;
    b = high ? b_high : b_low;
  }
  return call_of(words);
}

}  // namespace sysnare
