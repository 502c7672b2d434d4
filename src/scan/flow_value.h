#pragma once
// What can a register hold? The lattice of the flow analysis of one function.
//
// A value is one atom or a small set of them (constants, addresses, imports); any other join is
// kAny. kNothing is the bottom: no path has come here yet.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <type_traits>
#include <vector>

namespace sysnare {

/// Most atoms of a set; a loop that counts grows past it and becomes kAny.
inline constexpr std::size_t kMaxAtoms = 16;
/// Addresses this far apart can be of one object, or of objects that are reached from one address:
/// gcc's TARGET_MAX_ANCHOR_OFFSET of aarch64.
inline constexpr std::uint64_t kNearBytes = 4096;

struct FlowValue {
  enum class Kind : std::uint8_t {
    kNothing,
    kAny,
    kConstant,     ///< `number`
    kAddress,      ///< link-time address `number` of this image
    kImport,       ///< address of import `number`
    kPassed,       ///< what register `reg` held at entry + `offset`
    kPassedStack,  ///< the word `offset` above the stack pointer at entry
    kStack,        ///< the stack pointer at entry + `offset`
    kPointee,      ///< the word at (what register `reg` held at entry) + `offset`
    kCell,         ///< the word of static data at `number` + `offset`
    kCellPointee,  ///< the word at (the word at `number`) + `offset`
    kNear,         ///< not known; if made of an address of this image, then of `number`
    kSet,          ///< of atoms: `number` in the pool
  };
  Kind kind = Kind::kNothing;
  std::uint8_t width = 8;  ///< bytes of it that are used
  std::uint8_t reg = 0;
  std::uint8_t is_page = 0;  ///< kAddress: a beginning, to which the rest is still to be added
  std::int32_t offset = 0;
  std::uint64_t number = 0;

  bool operator==(const FlowValue& other) const {
    // This is asked a hundred million times, and gcc 12 copies 16 bytes to the stack to compare
    // them.
    static_assert(std::has_unique_object_representations_v<FlowValue>);
    return ((number ^ other.number) | (kind_to_offset() ^ other.kind_to_offset())) == 0;
  }
  auto operator<=>(const FlowValue&) const = default;

  static FlowValue any() { return {.kind = Kind::kAny}; }
  static FlowValue constant(std::uint64_t number) {
    return {.kind = Kind::kConstant, .number = number};
  }
  static FlowValue address(std::uint64_t vaddr) {
    return {.kind = Kind::kAddress, .number = vaddr};
  }
  static FlowValue near(std::uint64_t vaddr) { return {.kind = Kind::kNear, .number = vaddr}; }
  static FlowValue stack(std::int64_t offset) {
    return {.kind = Kind::kStack, .offset = static_cast<std::int32_t>(offset)};
  }
  /// What stands before `number`.
  [[nodiscard]] std::uint64_t kind_to_offset() const {
    static_assert(offsetof(FlowValue, number) == sizeof(std::uint64_t));
    std::uint64_t word = 0;
    std::memcpy(&word, static_cast<const void*>(this), sizeof word);
    return word;
  }
  [[nodiscard]] bool is(Kind which) const { return kind == which; }
  [[nodiscard]] bool unknown() const { return kind == Kind::kAny || kind == Kind::kNear; }
};

/// The sets of one function.
class AtomSets {
 public:
  void clear();
  /// The atoms of `value`: itself, or those of its set; none of kNothing.
  [[nodiscard]] std::span<const FlowValue> atoms(const FlowValue& value) const;
  FlowValue join(const FlowValue& a, const FlowValue& b);
  FlowValue join_all(std::span<const FlowValue> values);
  /// What is left of `value` when something is added to it that is not known: kNear of one address,
  /// or of the first of some that lie close together; else kAny.
  [[nodiscard]] FlowValue near_of(const FlowValue& value) const;
  /// Applies `change` to each atom; kAny where it gives that for one.
  template <typename Change>
  FlowValue map(const FlowValue& value, Change change) {
    if (!value.is(FlowValue::Kind::kSet)) return change(value);
    // `change` may make sets, which moves those there are.
    const std::vector<FlowValue> all(atoms(value).begin(), atoms(value).end());
    std::vector<FlowValue> changed;
    changed.reserve(all.size());
    for (const FlowValue& atom : all) changed.push_back(change(atom));
    return join_all(changed);
  }

 private:
  [[nodiscard]] FlowValue near_in(std::span<const FlowValue> all) const;
  [[nodiscard]] FlowValue join_near(const FlowValue& a, const FlowValue& b) const;
  static bool may_be_in_set(const FlowValue& value);
  FlowValue intern(std::vector<FlowValue> atoms);
  std::vector<std::vector<FlowValue>> sets_;
  std::map<std::vector<FlowValue>, std::uint64_t> numbers_;
  mutable FlowValue single_;
};

}  // namespace sysnare
