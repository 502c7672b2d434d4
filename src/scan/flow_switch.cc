// Tables of switches where no instruction names them alone (aarch64).
//
// gcc and clang jump to (a label) + 4 * (an entry of 1, 2 or 4 bytes), or to (the table) + (an
// entry of 4 bytes); Go to an entry of 8 bytes. The jump, the sum and the load of the entry stand
// behind one another; the table and the label may have been put into their registers anywhere. So
// the sum and the load are looked for backwards from the jump, as far as control comes one way
// alone; the two addresses among all that the function puts into those registers, which is too much
// rather than too little. How many entries there are says a comparison before the load.
//
// What jumps to a loaded or passed pointer calls it. What jumps to a sum that is none of these
// could go anywhere: the function is then decoded from end to end, with nothing known at any
// instruction.

#include <algorithm>

#include "scan/flow.h"

namespace sysnare {
namespace {

constexpr std::size_t kNowhere = SIZE_MAX;
/// How far back from a jump what it jumps by is looked for, in instructions.
constexpr unsigned kMaxSteps = 48;
/// Conditions of branches (Arm ARM, C1.2.4), and 1: as the decoder gives them.
constexpr std::int64_t kHigherOrSame = 2 + 2;
constexpr std::int64_t kHigher = 8 + 2;
/// Steps in which an address is put together.
constexpr unsigned kMaxDepth = 4;
constexpr unsigned kWord = 8;
/// Most entries of a table of distances of one or two bytes that no comparison bounds.
constexpr std::size_t kMaxNarrowEntries = 4096;

bool has(const Insn& insn, int reg) { return ((insn.writes >> reg) & 1) != 0; }

/// Whether the result of `insn` is a sum that no one follows.
bool is_computed(const Insn& insn) {
  switch (insn.op) {
    case InsnOp::kAdd:
    case InsnOp::kSub:
      return !insn.has_imm;
    case InsnOp::kAddress:
      return !insn.absolute;
    case InsnOp::kShiftLeft:
      return true;
    case InsnOp::kOther:
      return insn.reads != 0;
    default:
      return false;
  }
}

std::int64_t extended(std::uint64_t word, unsigned width, bool is_signed) {
  const unsigned shift = 64 - width * 8;
  if (!is_signed) return static_cast<std::int64_t>(word);
  return static_cast<std::int64_t>(word << shift) >> shift;
}

}  // namespace

/// The only instruction from which control comes to `insns_[at]`; kNowhere where there are several,
/// or it is not told.
std::size_t FunctionFlow::previous(std::size_t at) const {
  const std::uint64_t vaddr = insns_[at].vaddr;
  const std::uint8_t leader = leader_[vaddr - start_];
  if (leader & (kEntered | kSwitchedTo)) return kNowhere;
  const std::uint32_t number = insn_at(vaddr - machine_.instruction_bytes);
  const bool falls = number != 0 && !ends_flow(insns_[number - 1]);
  if (!(leader & kJumpedTo)) return falls ? number - 1 : kNowhere;
  const auto jump = sole_jumps_.find(vaddr);
  if (falls || jump == sole_jumps_.end()) return kNowhere;
  return jump->second;
}

/// Where each place that exactly one instruction jumps to is jumped to from; and the page of each
/// register that gets one alone.
void FunctionFlow::find_sole_jumps() {
  all_constants_.clear();
  has_all_constants_ = false;
  for (std::size_t& page : sole_pages_) page = kNowhere;
  std::uint32_t pages = 0;
  for (std::size_t i = 0; i < insns_.size(); ++i) {
    if (insns_[i].op != InsnOp::kPage) continue;
    std::size_t& page = sole_pages_[static_cast<unsigned>(insns_[i].dst)];
    const std::uint32_t bit = 1u << insns_[i].dst;
    if ((pages & bit) == 0) {
      page = i;
    } else if (page != kNowhere && insns_[page].imm != insns_[i].imm) {
      page = kNowhere;
    }
    pages |= bit;
  }
  sole_jumps_.clear();
  std::unordered_set<std::uint64_t> several;
  for (std::size_t i = 0; i < insns_.size(); ++i) {
    const Insn& insn = insns_[i];
    if (insn.op != InsnOp::kJump && insn.op != InsnOp::kBranch) continue;
    if (!sole_jumps_.emplace(insn.target, i).second) several.insert(insn.target);
  }
  for (const std::uint64_t target : several) sole_jumps_.erase(target);
}

/// Which instruction before `insns_[before]` gives `reg` its value, as far as control comes one way
/// alone; kNowhere where that is not told.
std::size_t FunctionFlow::definition(std::size_t before, int reg) const {
  std::size_t at = before;
  for (unsigned i = 0; i < kMaxSteps && (at = previous(at)) != kNowhere; ++i) {
    const Insn& insn = insns_[at];
    const bool compares = insn.op == InsnOp::kCompare;
    if ((insn.dst == reg && !compares) || insn.second == reg || has(insn, reg)) return at;
    if (insn.advance != 0 && insn.base == reg) return kNowhere;
    const bool calls = insn.op == InsnOp::kCall || insn.op == InsnOp::kCallIndirect;
    if (calls && ((machine_.caller_saved >> reg) & 1)) return kNowhere;
  }
  return kNowhere;
}

/// The address that `insns_[insn]`, which writes `reg`, puts there.
std::optional<std::uint64_t> FunctionFlow::constant_before(std::size_t at, int reg,
                                                           unsigned depth) const {
  const Insn& insn = insns_[at];
  if (insn.dst != reg || depth == 0) return std::nullopt;
  if (insn.op == InsnOp::kAddress && insn.absolute) return static_cast<std::uint64_t>(insn.disp);
  if (insn.op == InsnOp::kPage) return static_cast<std::uint64_t>(insn.imm);
  const bool adds = insn.op == InsnOp::kAdd && insn.has_imm && insn.left != kNoRegister;
  const bool moves = insn.op == InsnOp::kMove && insn.src != kNoRegister;
  if (!adds && !moves) return std::nullopt;
  const int from = adds ? insn.left : insn.src;
  const std::uint64_t rest = adds ? static_cast<std::uint64_t>(insn.imm) : 0;
  std::size_t source = definition(at, from);
  if (source == kNowhere) source = sole_pages_[static_cast<unsigned>(from)];
  if (source == kNowhere) return std::nullopt;
  const std::optional<std::uint64_t> base = constant_before(source, from, depth - 1);
  if (!base) return std::nullopt;
  return *base + rest;
}

/// The addresses that `reg` can have before `insns_[at]`; all that the function puts together where
/// that is not told, since they may have been kept on the stack.
std::vector<std::uint64_t> FunctionFlow::constants_of(std::size_t at, int reg) {
  std::vector<std::uint64_t> found;
  if (const std::size_t by = definition(at, reg); by != kNowhere) {
    if (const auto address = constant_before(by, reg, kMaxDepth)) found.push_back(*address);
    if (!found.empty()) return found;
  }
  if (!has_all_constants_) {
    has_all_constants_ = true;
    for (std::size_t i = 0; i < insns_.size(); ++i) {
      const Insn& insn = insns_[i];
      const bool ends = insn.op == InsnOp::kAdd || insn.op == InsnOp::kAddress;
      if (!ends || insn.dst == kNoRegister) continue;
      if (const auto address = constant_before(i, insn.dst, kMaxDepth))
        all_constants_.push_back(*address);
    }
    std::sort(all_constants_.begin(), all_constants_.end());
    all_constants_.erase(std::unique(all_constants_.begin(), all_constants_.end()),
                         all_constants_.end());
  }
  return all_constants_;
}

/// The number of entries that a comparison of the index of `insns_[load]` allows; 0: not known.
std::size_t FunctionFlow::index_bound(std::size_t load) const {
  std::uint32_t same = 1u << insns_[load].index;  // registers that hold the index
  std::size_t extra = 0;                          // 1: the last comparison bounds it from above
  bool bounded = false;
  std::size_t at = load;
  for (unsigned i = 0; i < kMaxSteps; ++i) {
    const std::uint64_t vaddr = insns_[at].vaddr;
    at = previous(at);
    if (at == kNowhere) return 0;
    const Insn& insn = insns_[at];
    if (insn.op == InsnOp::kBranch) {
      const std::int64_t condition =
          vaddr == insn.next() ? insn.imm : insn.imm ^ 1;  // the one that does not hold here
      bounded = condition == kHigher || condition == kHigherOrSame;
      extra = condition == kHigher ? 1 : 0;
      continue;
    }
    // The branch asks what changed the flags last.
    const bool of_index = insn.op == InsnOp::kCompare && ((same >> insn.dst) & 1) != 0;
    if (insn.op == InsnOp::kCall || (insn.sets_flags && !of_index)) bounded = false;
    if (insn.dst == kNoRegister || ((same >> insn.dst) & 1) == 0) continue;
    const bool small =
        insn.has_imm && insn.imm > 0 && insn.imm < static_cast<std::int64_t>(kMaxTableEntries);
    if (insn.op == InsnOp::kCompare) {
      if (bounded && small) return static_cast<std::size_t>(insn.imm) + extra;
      bounded = false;
      continue;
    }
    if (insn.op == InsnOp::kAnd) return small ? static_cast<std::size_t>(insn.imm) + 1 : 0;
    same &= ~(1u << insn.dst);
    if (insn.op == InsnOp::kMove && insn.src != kNoRegister && insn.width >= 4)
      same |= 1u << insn.src;
    if (same == 0) return 0;
  }
  return 0;
}

/// `is_sure`: the table is known to have that entry.
void FunctionFlow::note_switch_target(std::uint64_t target, bool is_sure, SwitchTable& table) {
  table.targets.push_back(target);
  leader_[target - start_] |= is_sure ? kSwitchedTo : kGuessed;
  if (index_[target - start_] == 0) todo_.push_back(target);
}

/// How the sum `insns_[at]` is made of `entry_reg` and `label_reg`; false where it is not told.
bool FunctionFlow::find_offsets(std::size_t at, int entry_reg, int label_reg,
                                SwitchOffsets& offsets) {
  const Insn& sum = insns_[at];
  const bool scaled = sum.op == InsnOp::kAddress;
  offsets = {};
  offsets.is_signed = !scaled || (sum.narrow_index && sum.sign_extends);
  offsets.unit = scaled ? sum.scale : 1;
  std::size_t load = definition(at, entry_reg);
  while (load != kNowhere && insns_[load].op == InsnOp::kMove && insns_[load].src >= 0) {
    offsets.is_signed = offsets.is_signed || insns_[load].sign_extends;
    entry_reg = insns_[load].src;
    load = definition(load, entry_reg);
  }
  if (load == kNowhere) return false;
  const Insn& entry = insns_[load];
  if (entry.op != InsnOp::kLoad || entry.dst != entry_reg || entry.width == kWord) return false;
  offsets.is_signed = offsets.is_signed || entry.sign_extends;
  offsets.width = entry.width;
  // The place of the entry may be a sum of its own.
  const std::size_t by = entry.index != kNoRegister ? load : definition(load, entry.base);
  if (by == kNowhere || insns_[by].index == kNoRegister || insns_[by].base == kNoRegister)
    return false;
  offsets.places = constants_of(by, insns_[by].base);
  offsets.from_entry = by != load && entry.base == label_reg && insns_[by].dst == label_reg &&
                       definition(at, label_reg) == by;
  if (offsets.from_entry) {
    offsets.labels = {0};
    offsets.bound = index_bound(by);
    return true;
  }
  offsets.labels = constants_of(at, label_reg);
  std::erase_if(offsets.labels,
                [&](std::uint64_t label) { return scaled && !context_.is_code(label); });
  offsets.bound = index_bound(by);
  return true;
}

/// Reads tables as `offsets` says; whether there are any.
bool FunctionFlow::read_tables(const SwitchOffsets& offsets, SwitchTable& table) {
  bool any = false;
  for (const std::uint64_t label : offsets.labels) {
    if (!offsets.from_entry) labels_of_tables_.insert(label);
    for (const std::uint64_t place : offsets.places) {
      // Every byte leads into a large function: there is no telling where its table ends.
      const std::size_t most = offsets.width < 4 ? kMaxNarrowEntries : kMaxTableEntries;
      for (std::size_t i = 0; i < (offsets.bound != 0 ? offsets.bound : most); ++i) {
        if (i + 1 == kMaxTableEntries) table_reads_ = kMaxTableReads;
        std::uint64_t word = 0;
        if (++table_reads_ > kMaxTableReads) return true;
        if (!context_.constant_word(place + i * offsets.width, offsets.width, word)) break;
        any = true;
        const std::int64_t offset = extended(word, offsets.width, offsets.is_signed) * offsets.unit;
        const std::uint64_t from = offsets.from_entry ? place + i * offsets.width : label;
        const std::uint64_t target = from + static_cast<std::uint64_t>(offset);
        const bool aligned = target % machine_.instruction_bytes == 0;
        if (aligned && target >= start_ && target < end_) {
          note_switch_target(target, offsets.bound != 0, table);
        } else if (offsets.bound == 0) {
          break;
        } else if (aligned && context_.is_code(target)) {
          outside_.push_back(target);
        }
      }
    }
  }
  return any;
}

/// Reads the tables that the sum `insns_[at]` jumps by; false where they are not found.
bool FunctionFlow::read_switch(std::size_t at, SwitchTable& table) {
  const Insn& sum = insns_[at];
  const bool scaled = sum.op == InsnOp::kAddress;
  const std::pair<int, int> ways[] = {
      {scaled ? sum.index : sum.src, scaled ? sum.base : sum.left},
      {scaled ? kNoRegister : sum.left, scaled ? kNoRegister : sum.src}};
  for (const auto& [entry_reg, label_reg] : ways) {
    SwitchOffsets offsets;
    if (entry_reg == kNoRegister || label_reg == kNoRegister) continue;
    if (!find_offsets(at, entry_reg, label_reg, offsets)) continue;
    // Functions with many such jumps have the same tables for all.
    for (const auto& [before, targets] : read_before_) {
      if (++table_reads_ > kMaxTableReads) return false;
      if (before != offsets) continue;
      for (std::uint64_t target : targets) note_switch_target(target, offsets.bound != 0, table);
      return true;
    }
    if (read_tables(offsets, table)) {
      read_before_.emplace_back(std::move(offsets), table.targets);
      return true;
    }
  }
  return false;
}

/// Absolute addresses of places in the function.
bool FunctionFlow::read_addresses(std::size_t load, SwitchTable& table) {
  const std::vector<std::uint64_t> places = constants_of(load, insns_[load].base);
  const std::size_t bound = index_bound(load);
  for (const std::uint64_t place : places) {
    for (std::size_t i = 0; i < (bound != 0 ? bound : kMaxTableEntries); ++i) {
      if (i + 1 == kMaxTableEntries) table_reads_ = kMaxTableReads;
      std::uint64_t target = 0;
      if (++table_reads_ > kMaxTableReads) return true;
      if (!context_.constant_word(place + i * kWord, kWord, target)) break;
      if (target < start_ || target >= end_ || target % machine_.instruction_bytes != 0) break;
      note_switch_target(target, bound != 0, table);
    }
  }
  return !places.empty();
}

/// Several ways lead to a jump through `reg`, and each brings a sum of its own: some of those that
/// are put into this register.
bool FunctionFlow::explain_any(int reg, SwitchTable& table) {
  bool any = false, read = false;
  for (std::size_t i = 0; i < insns_.size(); ++i) {
    const Insn& insn = insns_[i];
    if ((insn.dst != reg && !has(insn, reg)) || !is_computed(insn)) continue;
    any = true;
    if (++table_reads_ > kMaxTableReads) return false;
    const bool sums = insn.op == InsnOp::kAddress || insn.op == InsnOp::kAdd;
    read = (sums && read_switch(i, table)) || read;
  }
  return read || !any;
}

/// Where the jump through a register goes. `table` stays empty for a call of a pointer. False: it
/// could be anywhere.
bool FunctionFlow::explain(std::size_t jump, SwitchTable& table) {
  int reg = insns_[jump].src;
  if (reg == kNoRegister) return true;
  std::size_t at = definition(jump, reg);
  while (at != kNowhere && insns_[at].op == InsnOp::kMove && insns_[at].src != kNoRegister) {
    reg = insns_[at].src;
    at = definition(at, reg);
  }
  if (at == kNowhere) {
    const auto known = explained_.find(reg);
    if (known != explained_.end()) {
      table.targets = known->second.second;
      return known->second.first;
    }
    const bool told = explain_any(reg, table);
    explained_.emplace(reg, std::pair(told, table.targets));
    return told;
  }
  const Insn& by = insns_[at];
  if (by.op == InsnOp::kLoad) {
    if (by.index == kNoRegister || by.base == kNoRegister || by.width != kWord) return true;
    // Where there are no labels in data (Go), a table is all that tells of them.
    return read_addresses(at, table) || !go_;
  }
  if (!is_computed(by)) return true;
  // A word and a word: where an object lies, and a symbol in it.
  const auto is_word = [&](int of) {
    const std::size_t from = of == kNoRegister ? kNowhere : definition(at, of);
    return from != kNowhere && insns_[from].op == InsnOp::kLoad && insns_[from].width == kWord;
  };
  if (by.op == InsnOp::kAdd && is_word(by.left) && is_word(by.src)) return true;
  return (by.op == InsnOp::kAddress || by.op == InsnOp::kAdd) && read_switch(at, table);
}

/// Reads the tables of the switches found so far; true when there is new code to decode.
bool FunctionFlow::follow_switches() {
  if (unexplained_) return false;
  if (std::none_of(insns_.begin(), insns_.end(), [](const Insn& insn) {
        return insn.op == InsnOp::kJumpIndirect || (insn.op == InsnOp::kAddress && insn.absolute);
      }))
    return false;
  switches_.clear();
  read_before_.clear();
  explained_.clear();
  find_sole_jumps();
  bool unexplained = false;
  for (std::size_t i = 0; i < insns_.size(); ++i) {
    if (insns_[i].op != InsnOp::kJumpIndirect) continue;
    if (gave_up()) break;
    SwitchTable table;
    table.jump = static_cast<std::uint32_t>(i);
    unexplained = !explain(i, table) || unexplained;
    if (table.targets.empty()) continue;
    std::sort(table.targets.begin(), table.targets.end());
    table.targets.erase(std::unique(table.targets.begin(), table.targets.end()),
                        table.targets.end());
    switches_.push_back(std::move(table));
  }
  if (!todo_.empty()) return true;
  // Labels whose address is taken, but for those from which the targets of tables are counted.
  for (const Insn& insn : insns_) {
    if (insn.op != InsnOp::kAddress || !insn.absolute) continue;
    const auto label = static_cast<std::uint64_t>(insn.disp);
    if (label <= start_ || label >= end_ || labels_of_tables_.contains(label)) continue;
    leader_[label - start_] |= kEntered;
    if (index_[label - start_] == 0) todo_.push_back(label);
  }
  if (!todo_.empty()) return true;
  if (unexplained) decode_everything();
  return false;
}

void FunctionFlow::decode_everything() {
  unexplained_ = true;
  switches_.clear();
  const std::uint64_t step = machine_.instruction_bytes;
  for (std::uint64_t vaddr = (start_ + step - 1) / step * step; vaddr < end_; vaddr += step) {
    if (index_[vaddr - start_] == 0) decode_from(vaddr);
    leader_[vaddr - start_] |= kEntered;
  }
  todo_.clear();
}

}  // namespace sysnare
