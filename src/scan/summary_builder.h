#pragma once
// Lays an object's findings flat, as a Summary has them.

#include <string_view>
#include <unordered_map>
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

  std::uint32_t text(std::string_view text);
  Slice values(const std::vector<Value>& values);
  Slice passed(const std::vector<PassedFact>& facts);
  /// The number of dynamic symbol `symbol` among the imports.
  std::uint32_t import(std::uint32_t symbol, const DynamicSymbol& as);

  SummaryArrays& arrays() { return arrays_; }
  /// The summary, whose spans lie in what it owns from now on.
  Summary finish(Summary head);

 private:
  SummaryArrays arrays_;
  std::unordered_map<std::string, std::uint32_t> texts_;
  std::unordered_map<std::uint32_t, std::uint32_t> imports_;
};

}  // namespace sysnare
