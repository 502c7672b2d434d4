// Tables of switches on x86-64: which a function may have, and where they lead.
//
// Where a jump tells its own table (scan/flow_own_table.cc), that is read; else every table whose
// address the function takes, which is too much rather than too little.

#include <algorithm>
#include <optional>
#include <set>

#include "scan/flow.h"

namespace sysnare {
namespace {

/// How far before a jump through a table the comparison stands that bounds it.
constexpr std::size_t kBoundWindow = 32;
/// Most entries of a table of distances of one or two bytes, in which nothing marks the end.
constexpr std::size_t kMaxNarrowEntries = 256;
/// Bytes of an entry of a table that own_table() finds.
constexpr unsigned kOwnEntry = 4;
/// Bytes of a move of 64 bits, and most of those in a function of the large code model.
constexpr std::uint8_t kLongMove = 10;
constexpr std::size_t kMaxFarNumbers = 512;

}  // namespace

/// The number of entries that some comparison before the jump allows; 0 where there is none. Which
/// of them is of the index is not told.
std::size_t FunctionFlow::table_bound(std::size_t jump) const {
  std::size_t most = 0;
  for (std::size_t back = 1; back <= kBoundWindow && back <= jump; ++back) {
    const Insn& insn = insns_[jump - back];
    if (insn.next() != insns_[jump - back + 1].vaddr) break;
    if (insn.op == InsnOp::kCompare && insn.has_imm && insn.imm > 0 &&
        insn.imm < static_cast<std::int64_t>(kMaxTableEntries)) {
      most = std::max(most, static_cast<std::size_t>(insn.imm) + 1);
    }
  }
  return most;
}

/// Whether `vaddr` may be a place in its cold part: an instruction begins there. What stands behind
/// a table of which nothing says the end are others' tables, and most of what those lead to, taken
/// from here, is no such place.
bool FunctionFlow::is_in_cold_part(std::uint64_t vaddr) {
  const std::uint64_t function = context_.other_part_at(start_, vaddr);
  return function != 0 && begins_at(function, vaddr);
}

/// Whether an instruction begins at `vaddr`, in the function that begins at `function`.
bool FunctionFlow::begins_at(std::uint64_t function, std::uint64_t vaddr) {
  // One function after the other is asked for, and each many times.
  if (begins_.empty() || begins_.front() != function) begins_ = {function};
  while (begins_.back() < vaddr) {
    if (++table_reads_ > kMaxTableReads) return false;
    const Insn insn = decoder_.decode(context_.code(begins_.back()), begins_.back());
    if (insn.length == 0) return false;
    begins_.push_back(insn.next());
  }
  return std::binary_search(begins_.begin(), begins_.end(), vaddr);
}

/// Whether an entry of a table that is known to be that long may lead to `vaddr`, outside of the
/// function. The comparison may have been another table's: then what stands behind the table leads
/// into the midst of other functions and of their instructions.
bool FunctionFlow::may_be_case(std::uint64_t vaddr) {
  std::uint64_t function = 0;
  if (!context_.may_belong_to(start_, vaddr, function)) return false;
  return function == 0 || begins_at(function, vaddr);
}

/// `relative`: to the table itself. `exact`: it has `bound` entries; then whether all were read.
bool FunctionFlow::read_table(std::uint64_t table, unsigned width, bool relative, std::size_t bound,
                              bool exact) {
  for (std::size_t i = 0; i < (exact ? bound : kMaxTableEntries); ++i) {
    if (++table_reads_ > kMaxTableReads) return false;
    std::uint64_t word = 0;
    if (!context_.constant_word(table + i * width, width, word)) return false;
    if (width == 4) {
      word = static_cast<std::uint64_t>(
          std::int64_t{static_cast<std::int32_t>(static_cast<std::uint32_t>(word))});
    }
    const std::uint64_t target = relative ? table + word : word;
    note_beyond(target);
    if (target >= start_ && target < end_) {
      table_targets_.push_back(target);
    } else if ((i < bound && may_be_case(target)) || is_in_cold_part(target)) {
      outside_.push_back(target);
    } else {
      return false;
    }
  }
  if (!exact) table_reads_ = kMaxTableReads + 1;
  return exact;
}

/// A table of distances from a label: &&a + table[i].
void FunctionFlow::read_offsets(std::uint64_t table, unsigned width, std::uint64_t label) {
  const std::size_t most = width < 4 ? kMaxNarrowEntries : kMaxTableEntries;
  const unsigned shift = 64 - width * 8;
  const std::uint64_t end = context_.data_end(table);
  for (std::size_t i = 0; i < most && table + (i + 1) * width <= end; ++i) {
    if (++table_reads_ > kMaxTableReads) return;
    std::uint64_t word = 0;
    if (!context_.constant_word(table + i * width, width, word)) return;
    const auto distance = static_cast<std::int64_t>(word << shift) >> shift;
    const std::uint64_t target = label + static_cast<std::uint64_t>(distance);
    note_beyond(target);
    if (target < start_ || target >= end_) return;
    table_targets_.push_back(target);
  }
}

/// Reads the tables that a jump to a label of its own and a distance can use.
void FunctionFlow::follow_offsets() {
  std::set<std::uint64_t> labels;
  std::set<std::uint64_t> tables;
  std::set<unsigned> widths;
  for (const Insn& insn : insns_) {
    if (insn.index != kNoRegister && insn.has_memory && insn.op != InsnOp::kAddress) {
      if (insn.memory_width == 1 || insn.memory_width == 2 || insn.memory_width == 4 ||
          insn.memory_width == 8) {
        widths.insert(insn.memory_width);
      }
      if (context_.may_be_address(static_cast<std::uint64_t>(insn.disp)))
        tables.insert(static_cast<std::uint64_t>(insn.disp));
    }
    const std::optional<std::uint64_t> address = taken_address(insn);
    if (!address) continue;
    if (*address >= start_ && *address < end_) {
      labels.insert(*address);
    } else {
      tables.insert(*address);
    }
  }
  for (std::uint64_t label : labels) {
    for (std::uint64_t table : tables) {
      for (unsigned width : widths) {
        if (++table_reads_ > kMaxTableReads) return;
        if (!offsets_read_.insert({label, table, width}).second) continue;
        read_offsets(table, width, label);
      }
    }
  }
}

/// Reads the table whose address the instruction has, if it has one.
void FunctionFlow::read_tables_of(const Insn& insn, std::size_t bound) {
  std::uint64_t table = 0;
  if (insn.op == InsnOp::kAddress && insn.absolute) {
    table = static_cast<std::uint64_t>(insn.disp);
  } else if (insn.op == InsnOp::kMove && insn.has_imm) {
    table = static_cast<std::uint64_t>(insn.imm);  // non-PIE
  } else if (insn.op == InsnOp::kLoad && insn.index != kNoRegister && insn.scale == 8) {
    table = static_cast<std::uint64_t>(insn.disp);
  } else {
    return;
  }
  std::uint64_t word = 0;
  if (!context_.constant_word(table, 4, word) || own_tables_.contains(table) ||
      !tables_read_.insert(table).second)
    return;
  read_table(table, 4, true, bound);
  read_table(table, 8, true, bound);  // of the large code model
  read_table(table, 8, false, bound);
}

/// The large code model: a table lies a number of 64 bits from the GOT, and that lies such a number
/// from a label where its address is taken.
void FunctionFlow::read_far_tables(std::size_t bound) {
  std::set<std::uint64_t> labels;
  std::set<std::uint64_t> numbers;
  for (const Insn& insn : insns_) {
    if (insn.op == InsnOp::kMove && insn.has_imm && insn.length == kLongMove) {
      numbers.insert(static_cast<std::uint64_t>(insn.imm));
    }
    const auto label = static_cast<std::uint64_t>(insn.disp);
    if (insn.op == InsnOp::kAddress && insn.absolute && label >= start_ && label < end_) {
      labels.insert(label);
    }
  }
  if (labels.empty()) return;
  if (numbers.size() > kMaxFarNumbers) table_reads_ = kMaxTableReads + 1;
  std::set<std::uint64_t> tables;
  for (std::uint64_t label : labels) {
    for (std::uint64_t first : numbers) {
      if (++table_reads_ > kMaxTableReads) return;
      tables.insert(label + first);
      // The GOT is somewhere in the image.
      const bool nowhere = context_.load(label + first, sizeof first).is(FlowValue::Kind::kAny) &&
                           context_.data_end(label + first) == UINT64_MAX;
      if (nowhere) continue;
      table_reads_ += numbers.size();
      if (table_reads_ > kMaxTableReads) return;
      for (std::uint64_t second : numbers) tables.insert(label + first + second);
    }
  }
  for (std::uint64_t table : tables) {
    if (!tables_read_.insert(table).second) continue;
    read_table(table, 4, true, bound);
    read_table(table, 8, true, bound);
    read_table(table, 8, false, bound);
  }
}

/// Reads the tables of the switches found so far; true when they lead to new code. A function that
/// jumps through no register may do so by a thunk (gcc -mindirect-branch): then each place that a
/// table leads to is an entry.
bool FunctionFlow::follow_tables() {
  std::size_t bound = 0;
  bool jumps = false;
  bool others = false;  // jumps of which the table is not told
  own_tables_.clear();
  switch_loads_.clear();
  switch_jumps_.clear();
  std::vector<std::pair<std::uint64_t, std::uint64_t>> told;  // a jump, and its table
  for (std::size_t i = 0; i < insns_.size(); ++i) {
    const Insn& insn = insns_[i];
    if (insn.op != InsnOp::kJumpIndirect || (insn.has_memory && insn.absolute)) continue;
    jumps = true;
    const std::optional<OwnTable> table = own_table(i);
    if (table) {
      switch_loads_.insert(table->load);
      TableReading& reading = own_tables_[table->vaddr];
      reading.most = std::max(reading.most, table->bound);
      reading.exact = reading.exact && table->bound != 0;
      if (table->bound != 0) {
        told.emplace_back(insn.vaddr, table->vaddr);
        continue;
      }
    }
    others = others || !table;
    bound = std::max(bound, table_bound(i));
    if (insn.has_memory && insn.index != kNoRegister && insn.base == kNoRegister &&
        insn.scale == 8) {
      read_table(static_cast<std::uint64_t>(insn.disp), 8, false, table_bound(i));
    }
  }
  for (const auto& [table, reading] : own_tables_) {
    const std::size_t most = reading.exact ? reading.most : std::max(bound, reading.most);
    const auto [known, is_new] = own_tables_read_.try_emplace(table);
    TableReading& read = known->second;
    if (!is_new && read.most >= most && (reading.exact || !read.exact)) continue;
    read.most = std::max(read.most, most);
    read.exact = read.exact && reading.exact;
    read.whole = read_table(table, kOwnEntry, true, most, reading.exact);
  }
  for (const auto& [jump, table] : told) {
    if (own_tables_read_.at(table).whole) switch_jumps_.insert(jump);
  }
  if (others || (!jumps && !go_)) {
    for (const Insn& insn : insns_) {
      const bool may = insn.op == InsnOp::kAddress || insn.op == InsnOp::kLoad ||
                       (insn.op == InsnOp::kMove && insn.has_imm);
      if (may) read_tables_of(insn, bound);
    }
  }
  if (others) {
    read_far_tables(bound);
    follow_offsets();
  }
  bool found = false;
  for (std::uint64_t target : table_targets_) {
    std::uint8_t& leader = leader_[target - start_];
    const bool is_new = (leader & ~kBehindBranch) == 0;
    leader |= jumps ? kJumpedTo : kJumpedTo | kEntered;
    if (index_[target - start_] == 0) todo_.push_back(target);
    // Known code that is jumped to now may be before a jump that had a table for itself.
    found = found || is_new || index_[target - start_] == 0;
  }
  return found;
}

}  // namespace sysnare
