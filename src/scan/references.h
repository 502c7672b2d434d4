#pragma once
// What code and data does a function refer to?
//
// Of x86-64 each instruction says it. Where Machine::composes_addresses, an address is what several
// instructions make: it counts once somebody gets it, or something is read or written there.

#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "elf/functions.h"
#include "scan/flow.h"
#include "scan/function_facts.h"
#include "scan/object_map.h"

namespace sysnare {

/// Fills in the targets, data and places of a function's facts, instruction by instruction.
class References {
 public:
  /// All must outlive it.
  References(const ObjectMap& map, FunctionFlow& flow, const FunctionRange& function, bool go,
             bool values)
      : map_(map),
        machine_(map.machine()),
        flow_(flow),
        function_(function),
        go_(go),
        values_(values) {}

  /// With the values behind the instruction, where Machine::composes_addresses.
  void after(const Insn& insn, const FlowState& state);

 protected:
  void note_references(const Insn& insn, const FlowState& state);
  /// Control goes on in another function, which may know what registers hold: its cold part does,
  /// and one that is called so as the last of this does not.
  void note_left(const Insn& insn, const FlowState& state);
  /// `width`: of a load there; 0: the address is taken.
  void refer(std::uint64_t vaddr, unsigned width);
  /// Everything near `vaddr` may be referred to.
  void lose(std::uint64_t vaddr);
  void refer_from_slots();
  /// What a call or jump through a constant address of memory finds there.
  [[nodiscard]] FlowValue slot_value(const Insn& insn) const;
  /// It goes to `vaddr`, which `target` covers, but may not begin there.
  void note_inside(const Target& target, std::uint64_t vaddr);
  [[nodiscard]] bool is_inside(const Target& target, std::uint64_t vaddr) const;

  const ObjectMap& map_;
  const Machine& machine_;
  FunctionFlow& flow_;
  const FunctionRange& function_;
  bool go_;
  bool values_;
  FunctionFacts facts_;
  /// Addresses of code that are called, no more; and slots that have them, with their width.
  std::vector<std::pair<std::uint64_t, unsigned>> called_;

 private:
  void refer_found();
  void take(const FlowValue& value, bool walks);
  void note_composed(const Insn& insn, const FlowState& state);
  [[nodiscard]] bool is_inside(std::uint64_t vaddr) const;
  void lose_all(const FlowValue& value);
  [[nodiscard]] unsigned loaded_width(const Insn& insn) const;
  void note_other_reads(const Insn& insn, bool is_signed);
  void note_reads_of_held(const Insn& insn, bool is_signed);
  void note_plain(const Insn& insn);
  [[nodiscard]] bool only_calls(const Insn& insn) const;
  [[nodiscard]] bool is_elsewhere(std::uint64_t vaddr) const;
  void note_number(const Insn& insn);

  std::set<std::uint64_t> labels_;   ///< its own, whose address it takes
  std::set<std::uint64_t> numbers_;  ///< of 64 bits
  /// Registers that hold the address of data, since an instruction just before; and where the next
  /// one is.
  std::vector<std::pair<int, std::uint64_t>> held_;
  std::uint64_t after_ = 0;
  std::vector<std::uint64_t> found_;
  std::vector<std::pair<std::uint64_t, unsigned>> places_;
  FlowValue before_left_;  ///< of the choice that is being looked at
  FlowValue before_src_;
};

}  // namespace sysnare
