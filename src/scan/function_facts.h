#pragma once
// What one function of an object does: the analyser's findings before they are laid flat.

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "scan/data_map.h"
#include "scan/flow.h"
#include "scan/object_map.h"
#include "scan/summary.h"

namespace sysnare {

struct PassedFact {
  Place place;
  std::vector<Value> values;
  std::vector<PassedFact> pointees;  ///< known words at the stack address passed; no deeper
};

struct CallFact {
  std::uint64_t vaddr = 0;
  Target target;  ///< kImport: dynamic symbol; kFunction with kNone: through a pointer
  std::vector<PassedFact> passed;
};

struct SiteFact {
  std::uint64_t vaddr = 0;
  Abi abi = Abi::kX86_64;
  std::vector<Value> nr;
  std::vector<Value> args[6];
};

struct CellFact {
  std::uint64_t vaddr = 0;
  unsigned width = 0;  ///< bytes that are written
  std::vector<Value> values;
};

struct FunctionFacts {
  std::vector<Target> targets;  ///< no data; sorted, none twice; kImport: dynamic symbol
  std::vector<CallFact> calls;
  std::vector<SiteFact> sites;
  std::vector<CellFact> cells;
  std::vector<DataReference> data;          ///< sorted, none twice
  std::vector<std::uint64_t> outside;       ///< places inside of other functions that it goes to
  std::vector<std::uint64_t> no_distances;  ///< data that it reads otherwise than by distances
  std::vector<std::uint64_t> called;        ///< places inside of functions that it calls
  /// Places inside of functions that others jump to, or whose address is taken.
  std::vector<std::uint64_t> jumped;
  std::vector<std::uint64_t> alone;  ///< FunctionFlow::alone()
  bool returns = false;
  bool gave_up = false;          ///< FunctionFlow::gave_up(), or it is entered in too many places
  bool too_large = false;        ///< FunctionFlow::too_large()
  std::uint64_t unknown_at = 0;  ///< FunctionFlow::unknown_at()
  bool empty = false;            ///< it begins with zeros, or the file has no byte of it
  bool calls_indirect = false;
  bool loads_distances = false;   ///< it may load distances from a table, and not of a switch
  bool through_register = false;  ///< it calls what a register holds
  /// It keeps the registers for somebody who comes back here later (setjmp), or is vfork.
  bool returns_twice = false;
};

/// Follows `function` of the object. `entries`: places in it that are entered from elsewhere.
/// Without `values` calls pass nothing, and numbers are not known.
FunctionFacts facts_of(const ObjectMap& map, FunctionFlow& flow, const FunctionRange& function,
                       std::span<const std::uint64_t> entries, bool go, bool values);

}  // namespace sysnare
