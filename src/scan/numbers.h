#pragma once
// Which numbers can come to this place? Values followed back through all callers.
//
// A value that a function was passed is what its live callers pass; one that stands in static data
// is what is stored there. Callers that do not say what they pass, and callers that nobody knows
// (the function's address is taken), make it any.

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "scan/graph.h"

namespace sysnare {

/// A constant of some object: a number, or an address of that object.
struct Atom {
  std::uint32_t node = kNone;  ///< the function that has it
  bool is_address = false;
  std::uint64_t number = 0;
  auto operator<=>(const Atom&) const = default;
};

struct Numbers {
  std::set<Atom> atoms;
  bool any = false;           ///< and others that are not known
  std::uint32_t who = kNone;  ///< of those: the function that leaves it open
  std::string why;            ///< of those: one clause
};

class NumberSearch {
 public:
  /// `taken`: functions that somebody unknown may call. Both must outlive this.
  NumberSearch(const CallGraph& graph, const Reached& live, std::span<const std::uint8_t> taken);

  /// What the values `slice` of the function `node` can be.
  [[nodiscard]] Numbers resolve(std::uint32_t node, const Slice& slice) const;

  struct Call {
    std::uint32_t caller = kNone;
    const CallSite* site = nullptr;
  };
  /// The live calls of a function.
  [[nodiscard]] std::span<const Call> calls_of(std::uint32_t node) const;

 private:
  struct Query;
  void follow(std::uint32_t node, std::span<const Value> values, Query& query) const;
  void follow_passed(std::uint32_t node, const Value& value, Query& query) const;
  void follow_cell(std::uint32_t node, const Value& value, Query& query) const;

  const CallGraph& graph_;
  std::span<const std::uint8_t> taken_;
  std::vector<std::uint32_t> first_;  ///< by node: its calls in calls_
  std::vector<Call> calls_;
};

}  // namespace sysnare
