#pragma once
// Lays an object's findings flat, as a Summary has them.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "scan/function_facts.h"
#include "scan/summary.h"

namespace sysnare {

/// The arrays that a Summary's spans lie in.
struct SummaryArrays {
  std::vector<std::uint32_t> needed, runpath, rpath;
  std::vector<Function> functions;
  std::vector<Target> targets;
  std::vector<CallSite> calls;
  std::vector<Passed> passed, pointees;
  std::vector<SyscallSite> sites;
  std::vector<Value> values;
  std::vector<Rewrite> rewrites;
  std::vector<CellStore> cells;
  std::vector<Chunk> chunks;
  std::vector<Import> imports;
  std::vector<Export> exports;
  std::vector<StringRef> strings;
  std::vector<Target> init, fini, always;
  std::vector<Trouble> troubles;
  std::vector<char> text;
};

class SummaryBuilder {
 public:
  SummaryBuilder();
  SummaryBuilder(const SummaryBuilder&) = delete;
  SummaryBuilder& operator=(const SummaryBuilder&) = delete;

  std::uint32_t text(std::string_view text);
  Slice values(const std::vector<Value>& values);
  Slice passed(const std::vector<PassedFact>& facts);
  /// The number of dynamic symbol `symbol` among the imports.
  std::uint32_t import(std::uint32_t symbol, const DynamicSymbol& as);

  SummaryArrays& arrays() { return arrays_; }
  /// The summary, whose spans lie in what it owns from now on.
  Summary finish(Summary head);

 private:
  /// Of texts, by where they stand in SummaryArrays::text: no copy of each is kept to find it.
  struct TextHash {
    using is_transparent = void;
    const std::vector<char>* all = nullptr;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
    std::size_t operator()(std::uint32_t at) const {
      return (*this)(std::string_view(all->data() + at));
    }
  };
  struct TextEqual {
    using is_transparent = void;
    const std::vector<char>* all = nullptr;
    [[nodiscard]] std::string_view at(std::uint32_t place) const { return all->data() + place; }
    static std::string_view at(std::string_view text) { return text; }
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      return at(a) == at(b);
    }
  };

  SummaryArrays arrays_;
  std::unordered_set<std::uint32_t, TextHash, TextEqual> texts_;
  std::unordered_map<std::uint32_t, std::uint32_t> imports_;
};

}  // namespace sysnare
