#include "scan/rewrites.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "scan/static_words.h"

namespace sysnare {
namespace {

/// A pointer that `function` has from `source`, or a word of static data where `function` is kNone.
struct Pointer {
  std::uint32_t function = kNone;
  std::uint64_t number = 0;
  auto operator<=>(const Pointer&) const = default;
};

/// From the first one to the last.
using Bytes = std::pair<std::int64_t, std::int64_t>;
const std::set<Bytes> kAllBytes = {{kFirstByte, kLastByte}};

std::int64_t shifted(std::int64_t at, std::int64_t by) {
  return at == kFirstByte || at == kLastByte ? at : at + by;
}

class Finder {
 public:
  Finder(const ObjectMap& map, const Findings& findings, PointerFactSource& facts)
      : map_(map), findings_(findings), facts_(facts) {}

  std::vector<std::vector<Rewrite>> find() {
    std::vector<std::vector<Rewrite>> rewrites(findings_.functions.size());
    find_asked();
    if (asked_.empty()) return rewrites;
    std::vector<std::uint32_t> functions;
    for (const Pointer& pointer : asked_) {
      if (functions.empty() || functions.back() != pointer.function)
        functions.push_back(pointer.function);
    }
    facts_.expect(functions);
    for (const Pointer& pointer : asked_) {
      std::vector<Rewrite>& all = rewrites[pointer.function];
      for (const auto& [begin, end] : written(pointer)) {
        Rewrite rewrite;
        rewrite.place.reg = static_cast<std::uint8_t>(pointer.number);
        rewrite.begin = begin;
        rewrite.end = end;
        all.push_back(rewrite);
      }
    }
    return rewrites;
  }

 private:
  /// Pointers whose words somebody asks for.
  void find_asked() {
    std::set<std::uint64_t> cells;
    for (std::uint32_t i = 0; i < findings_.functions.size(); ++i) {
      const auto look = [&](const std::vector<Value>& values) {
        for (const Value& value : values) {
          if (value.kind == Value::Kind::kPointee) ask(i, value.place.reg);
          if (value.kind == Value::Kind::kCellPointee) cells.insert(value.number >> 16);
        }
      };
      const FunctionFacts& function = findings_.functions[i];
      for (const SiteFact& site : function.sites) {
        look(site.nr);
        for (const std::vector<Value>& arg : site.args) look(arg);
      }
      for (const CallFact& call : function.calls) {
        // What another object does with a pointer, its callers are asked for, where it is kept.
        const bool leaves = call.target.kind == Target::Kind::kImport;
        const bool heard = !leaves || is_heard(map_, findings_, call);
        for (const PassedFact& fact : call.passed) {
          if (!heard && is_for_heard_alone(fact)) continue;
          look(fact.values);
          for (const PassedFact& word : fact.pointees) look(word.values);
          for (const Value& value : fact.values) {
            if (leaves && value.kind == Value::Kind::kPassed && value.place.on_stack == 0)
              ask(i, value.place.reg);
          }
        }
      }
      for (const CellFact& cell : function.cells) look(cell.values);
    }
    for (std::uint32_t i = 0; i < findings_.functions.size(); ++i) {
      for (const CellFact& cell : findings_.functions[i].cells) {
        if (!cells.contains(cell.vaddr)) continue;
        for (const Value& value : cell.values) {
          if (value.kind == Value::Kind::kPassed && value.place.on_stack == 0) {
            ask(i, value.place.reg);
          }
        }
      }
    }
    ask_callers();
  }

  void ask(std::uint32_t function, std::uint8_t reg) {
    if (asked_.insert({function, reg}).second) todo_.push_back({function, reg});
  }

  /// Who hands on what it was passed itself must not have written there either.
  void ask_callers() {
    if (todo_.empty()) return;
    std::multimap<std::uint32_t, std::pair<std::uint32_t, const CallFact*>> callers;
    for (std::uint32_t i = 0; i < findings_.functions.size(); ++i) {
      for (const CallFact& call : findings_.functions[i].calls) {
        const std::uint32_t callee = own_function(map_, call.target);
        if (callee != kNone && !call.passed.empty()) callers.emplace(callee, std::pair(i, &call));
      }
    }
    while (!todo_.empty()) {
      const Pointer pointer = todo_.back();
      todo_.pop_back();
      const auto [first, last] = callers.equal_range(pointer.function);
      for (auto at = first; at != last; ++at) {
        for (const PassedFact& fact : at->second.second->passed) {
          if (fact.place.on_stack != 0 || fact.place.reg != pointer.number) continue;
          for (const Value& value : fact.values) {
            if (value.kind == Value::Kind::kPassed && value.place.on_stack == 0) {
              ask(at->second.first, value.place.reg);
            }
          }
        }
      }
    }
  }

  /// The functions that name the word of static data.
  const std::vector<std::uint32_t>& users(std::uint64_t cell) {
    const auto [at, is_new] = users_.try_emplace(cell);
    std::vector<std::uint32_t>& found = at->second;
    if (!is_new) return found;
    for (std::uint32_t i = 0; i < findings_.functions.size(); ++i) {
      const std::vector<DataReference>& data = findings_.functions[i].data;
      if (std::any_of(data.begin(), data.end(),
                      [&](const DataReference& reference) { return reference.vaddr == cell; })) {
        found.push_back(i);
      }
    }
    return found;
  }

  bool is_known_word(std::uint64_t cell) {
    if (map_.machine().composes_addresses) return true;
    if (!is_lone_word_) is_lone_word_ = lone_words(map_, findings_);
    return is_lone_word_(cell);
  }

  /// Bytes behind `pointer` that somebody writes to.
  std::set<Bytes> written(const Pointer& pointer) {
    std::set<Bytes> bytes;
    std::set<std::pair<Pointer, std::int64_t>> seen;
    std::vector<std::pair<Pointer, std::int64_t>> todo;  // with how far behind the first one it is
    const auto go = [&](const Pointer& to, std::int64_t by) {
      if (seen.insert({to, by}).second) todo.emplace_back(to, by);
    };
    go(pointer, 0);
    while (!todo.empty()) {
      const auto [at, by] = todo.back();
      todo.pop_back();
      if (seen.size() > kMaxPointerSteps) return kAllBytes;
      const bool is_cell = at.function == kNone;
      const std::vector<std::uint32_t> functions =
          is_cell ? users(at.number) : std::vector<std::uint32_t>{at.function};
      for (const std::uint32_t function : functions) {
        for (const PointerFact& fact : facts_.of(function)) {
          if (fact.source != PointerSource{is_cell, at.number}) continue;
          switch (fact.kind) {
            case PointerFact::Kind::kWritten:
              if (fact.begin == kFirstByte && fact.end == kLastByte) return kAllBytes;
              bytes.emplace(shifted(fact.begin, by), shifted(fact.end, by));
              break;
            case PointerFact::Kind::kHanded:
              go({fact.callee, fact.reg}, by + fact.begin);
              break;
            case PointerFact::Kind::kKept:
              // Who else may read the word has the pointer too. Where addresses are put together of
              // others', any word could be meant: that it is named is taken for granted there.
              if (!is_known_word(fact.cell)) return kAllBytes;
              go({kNone, fact.cell}, by);
              break;
          }
        }
      }
    }
    return bytes;
  }

  const ObjectMap& map_;
  const Findings& findings_;
  PointerFactSource& facts_;
  std::map<std::uint64_t, std::vector<std::uint32_t>> users_;  ///< of words of static data
  std::function<bool(std::uint64_t)> is_lone_word_;            ///< made when one is asked for
  std::set<Pointer> asked_;
  std::vector<Pointer> todo_;
};

}  // namespace

bool is_likely_asked(const ObjectMap& map, const Findings& findings, const FunctionFacts& facts) {
  const auto has = [](const std::vector<Value>& values, bool passed) {
    return std::any_of(values.begin(), values.end(), [&](const Value& value) {
      return value.kind == Value::Kind::kPointee ||
             (passed && value.kind == Value::Kind::kPassed && value.place.on_stack == 0);
    });
  };
  const auto at_site = [&](const SiteFact& site) {
    return has(site.nr, false) ||
           std::any_of(std::begin(site.args), std::end(site.args),
                       [&](const std::vector<Value>& arg) { return has(arg, false); });
  };
  const auto in_call = [&](const CallFact& call) {
    if (!is_heard(map, findings, call)) return false;
    return std::any_of(call.passed.begin(), call.passed.end(), [&](const PassedFact& fact) {
      return has(fact.values, true) ||
             std::any_of(fact.pointees.begin(), fact.pointees.end(),
                         [&](const PassedFact& word) { return has(word.values, false); });
    });
  };
  return std::any_of(facts.sites.begin(), facts.sites.end(), at_site) ||
         std::any_of(facts.calls.begin(), facts.calls.end(), in_call);
}

std::vector<std::vector<Rewrite>> find_rewrites(const ObjectMap& map, const Findings& findings,
                                                PointerFactSource& facts) {
  return Finder(map, findings, facts).find();
}

}  // namespace sysnare
