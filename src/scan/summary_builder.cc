#include "scan/summary_builder.h"

#include <elf.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace sysnare {

SummaryBuilder::SummaryBuilder() : texts_(0, TextHash{&arrays_.text}, TextEqual{&arrays_.text}) {
  arrays_.text.push_back('\0');
}

std::uint32_t SummaryBuilder::text(std::string_view text) {
  text = text.substr(0, text.find('\0'));
  if (text.empty()) return 0;
  if (const auto known = texts_.find(text); known != texts_.end()) return *known;
  const auto at = static_cast<std::uint32_t>(arrays_.text.size());
  arrays_.text.insert(arrays_.text.end(), text.begin(), text.end());
  arrays_.text.push_back('\0');
  texts_.insert(at);
  return at;
}

Slice SummaryBuilder::values(const std::vector<Value>& values) {
  const Slice slice{static_cast<std::uint32_t>(arrays_.values.size()),
                    static_cast<std::uint32_t>(values.size())};
  arrays_.values.insert(arrays_.values.end(), values.begin(), values.end());
  return slice;
}

Slice SummaryBuilder::passed(const std::vector<PassedFact>& facts) {
  const Slice slice{static_cast<std::uint32_t>(arrays_.passed.size()),
                    static_cast<std::uint32_t>(facts.size())};
  for (const PassedFact& fact : facts) {
    Passed passed;
    passed.place = fact.place;
    passed.values = values(fact.values);
    passed.pointees.begin = static_cast<std::uint32_t>(arrays_.pointees.size());
    passed.pointees.count = static_cast<std::uint32_t>(fact.pointees.size());
    for (const PassedFact& pointee : fact.pointees) {
      arrays_.pointees.push_back({pointee.place, values(pointee.values), {}});
    }
    arrays_.passed.push_back(passed);
  }
  return slice;
}

std::uint32_t SummaryBuilder::import(std::uint32_t symbol, const DynamicSymbol& as) {
  const auto [at, is_new] =
      imports_.emplace(symbol, static_cast<std::uint32_t>(arrays_.imports.size()));
  if (is_new) {
    Import import;
    import.name = text(as.name);
    import.version = text(as.version);
    import.weak = as.binding == STB_WEAK;
    arrays_.imports.push_back(import);
  }
  return at->second;
}

Summary SummaryBuilder::finish(Summary head) {
  const auto owned = std::make_shared<SummaryArrays>(std::move(arrays_));
  head.needed = owned->needed;
  head.runpath = owned->runpath;
  head.rpath = owned->rpath;
  head.functions = owned->functions;
  head.targets = owned->targets;
  head.calls = owned->calls;
  head.passed = owned->passed;
  head.pointees = owned->pointees;
  head.sites = owned->sites;
  head.values = owned->values;
  head.rewrites = owned->rewrites;
  head.cells = owned->cells;
  head.chunks = owned->chunks;
  head.imports = owned->imports;
  head.exports = owned->exports;
  head.strings = owned->strings;
  head.init = owned->init;
  head.fini = owned->fini;
  head.always = owned->always;
  head.troubles = owned->troubles;
  head.text = owned->text;
  head.owner = owned;
  return head;
}

std::uint32_t Summary::function_at(std::uint64_t vaddr) const {
  const auto at = std::upper_bound(
      functions.begin(), functions.end(), vaddr,
      [](std::uint64_t of, const Function& function) { return of < function.start; });
  if (at == functions.begin() || vaddr >= std::prev(at)->end) return kNone;
  return static_cast<std::uint32_t>(std::prev(at) - functions.begin());
}

std::uint32_t Summary::chunk_at(std::uint64_t vaddr) const {
  const auto at =
      std::upper_bound(chunks.begin(), chunks.end(), vaddr,
                       [](std::uint64_t of, const Chunk& chunk) { return of < chunk.vaddr; });
  if (at == chunks.begin() || vaddr >= std::prev(at)->end) return kNone;
  return static_cast<std::uint32_t>(std::prev(at) - chunks.begin());
}

}  // namespace sysnare
