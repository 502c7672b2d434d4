#include "scan/numbers.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace sysnare {
namespace {

/// Most atoms of one place, and most places that are asked for one answer: the number of callers of
/// `syscall` in a program with all its libraries is some hundred.
constexpr std::size_t kMaxAtomsOfPlace = 4096;
constexpr std::size_t kMaxPlaces = 100'000;

bool same(const Place& a, const Place& b) {
  return a.on_stack == b.on_stack && (a.on_stack ? a.offset == b.offset : a.reg == b.reg);
}

}  // namespace

struct NumberSearch::Query {
  Numbers numbers;
  /// (function, on stack, register or offset, pointee + 1 or 0) that were asked.
  std::set<std::tuple<std::uint32_t, unsigned, std::int64_t, std::uint64_t>> asked;

  void open(std::uint32_t who, std::string why) {
    if (numbers.any) return;
    numbers.any = true;
    numbers.who = who;
    numbers.why = std::move(why);
  }
};

NumberSearch::NumberSearch(const CallGraph& graph, const Reached& live,
                           std::span<const std::uint8_t> taken)
    : graph_(graph), taken_(taken), first_(graph.size() + 1, 0) {
  const auto each_call = [&](auto visit) {
    for (std::uint32_t node : live.order) {
      const std::uint32_t object = graph.object_of(node);
      if (!graph.is_function(node)) continue;
      const Summary& summary = graph.objects()[object].summary;
      const Function& function = graph.function(node);
      for (const CallSite& site :
           summary.calls.subspan(function.calls.begin, function.calls.count)) {
        const std::uint32_t callee = graph.node_of(object, site.target);
        if (callee != kNone) visit(callee, Call{node, &site});
      }
    }
  };
  each_call([&](std::uint32_t callee, const Call&) { ++first_[callee + 1]; });
  for (std::size_t i = 1; i < first_.size(); ++i) first_[i] += first_[i - 1];
  calls_.resize(first_.back());
  std::vector<std::uint32_t> at(first_.begin(), first_.end() - 1);
  each_call([&](std::uint32_t callee, const Call& call) { calls_[at[callee]++] = call; });
}

std::span<const NumberSearch::Call> NumberSearch::calls_of(std::uint32_t node) const {
  return std::span(calls_).subspan(first_[node], first_[node + 1] - first_[node]);
}

Numbers NumberSearch::resolve(std::uint32_t node, const Slice& slice) const {
  Query query;
  const Summary& summary = graph_.objects()[graph_.object_of(node)].summary;
  follow(node, summary.values.subspan(slice.begin, slice.count), query);
  return std::move(query.numbers);
}

void NumberSearch::follow(std::uint32_t node, std::span<const Value> values, Query& query) const {
  for (const Value& value : values) {
    switch (value.kind) {
      case Value::Kind::kAny:
        query.open(node, "it is computed in a way that is not followed");
        break;
      case Value::Kind::kConstant:
      case Value::Kind::kAddress:
        query.numbers.atoms.insert({node, value.kind == Value::Kind::kAddress, value.number});
        break;
      case Value::Kind::kPassed:
      case Value::Kind::kPointee:
        follow_passed(node, value, query);
        break;
      case Value::Kind::kCell:
      case Value::Kind::kCellPointee:
        follow_cell(node, value, query);
        break;
    }
    if (query.numbers.atoms.size() > kMaxAtomsOfPlace) {
      query.open(node, "it has too many values");
      return;
    }
  }
}

void NumberSearch::follow_passed(std::uint32_t node, const Value& value, Query& query) const {
  const bool pointee = value.kind == Value::Kind::kPointee;
  const std::int64_t where = value.place.on_stack ? value.place.offset : value.place.reg;
  if (!query.asked.insert({node, value.place.on_stack, where, pointee ? value.number + 1 : 0})
           .second) {
    return;
  }
  if (query.asked.size() > kMaxPlaces) {
    query.open(node, "too many callers have to be asked");
    return;
  }
  if (taken_[node]) {
    query.open(node, "its caller passes it, and its address is taken, so that anybody may call it");
    return;
  }
  for (const Call& call : calls_of(node)) {
    const Summary& summary = graph_.objects()[graph_.object_of(call.caller)].summary;
    bool said = false;
    for (const Passed& passed :
         summary.passed.subspan(call.site->passed.begin, call.site->passed.count)) {
      if (!same(passed.place, value.place)) continue;
      const auto values = [&](const Slice& slice) {
        return summary.values.subspan(slice.begin, slice.count);
      };
      if (!pointee) {
        said = passed.values.count > 0;
        follow(call.caller, values(passed.values), query);
        continue;
      }
      for (const Passed& word :
           summary.pointees.subspan(passed.pointees.begin, passed.pointees.count)) {
        if (word.place.offset != static_cast<std::int64_t>(value.number)) continue;
        said = true;
        follow(call.caller, values(word.values), query);
      }
    }
    if (!said) query.open(call.caller, "it passes what is not known");
  }
}

void NumberSearch::follow_cell(std::uint32_t node, const Value& value, Query& query) const {
  const bool pointee = value.kind == Value::Kind::kCellPointee;
  const std::uint64_t cell = pointee ? value.number >> 16 : value.number;
  const std::uint32_t object = graph_.object_of(node);
  const Summary& summary = graph_.objects()[object].summary;
  if (!query.asked.insert({node, 2, static_cast<std::int64_t>(value.number), pointee}).second) {
    return;
  }
  CellStore wanted;
  wanted.vaddr = cell;
  const auto [first, last] =
      std::equal_range(summary.cells.begin(), summary.cells.end(), wanted,
                       [](const CellStore& a, const CellStore& b) { return a.vaddr < b.vaddr; });
  if (first == last) query.open(node, "it stands in data that others may write to");
  for (auto store = first; store != last; ++store) {
    const std::uint32_t by =
        store->function == kNone ? node : graph_.function_node(object, store->function);
    for (Value stored : summary.values.subspan(store->values.begin, store->values.count)) {
      if (pointee && stored.kind == Value::Kind::kPassed) {
        stored.kind = Value::Kind::kPointee;
        stored.number = value.number & 0xffff;
      } else if (pointee) {
        // What stands at a null pointer is nothing; what stands elsewhere is not known.
        if (stored.kind == Value::Kind::kConstant && stored.number == 0) continue;
        stored = {};
      }
      follow(by, {&stored, 1}, query);
    }
  }
}

}  // namespace sysnare
