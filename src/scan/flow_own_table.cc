// The table of a switch on x86-64, where the jump tells it.
//
// gcc and clang compare the index, load an entry of 4 bytes from the table, add the table's address
// and jump there. Where these stand behind one another, and nothing jumps into the midst of them,
// the jump has that table, no longer than the comparison allows.

#include <algorithm>
#include <optional>

#include "scan/flow.h"

namespace sysnare {
namespace {

constexpr std::size_t kMaxSteps = 32;
constexpr unsigned kEntry = 4;

bool writes(const Insn& insn, int reg) {
  const bool to = insn.dst == reg && insn.op != InsnOp::kCompare;
  return to || insn.second == reg || ((insn.writes >> reg) & 1) != 0;
}

/// What of bytes and words of two bytes matters here, and no value goes through: a comparison with
/// a constant, and a copy into a whole register (movzx). Intel SDM, volume 2: CMP, MOVZX.
struct Narrow {
  int compared = kNoRegister;
  std::int64_t with = 0;
  int to = kNoRegister, from = kNoRegister;
};

Narrow narrow(std::span<const std::uint8_t> bytes) {
  constexpr std::size_t kMost = 8;
  std::uint8_t b[kMost] = {};
  std::copy_n(bytes.begin(), std::min(bytes.size(), kMost), b);
  std::size_t at = 0;
  const bool is_word = b[at] == 0x66;
  at += is_word;
  const std::uint8_t rex = (b[at] & 0xf0) == 0x40 ? b[at++] : 0;
  const std::uint8_t opcode = b[at++];
  const bool moves = opcode == 0x0f && !is_word && (b[at] == 0xb6 || b[at] == 0xb7);
  const std::uint8_t form = b[at + (moves ? 1 : 0)];
  const int low = (form & 7) | (rex & 1) << 3;
  const bool is_high = rex == 0 && low >= 4;  // of a byte: ah to bh
  const bool compares = form >> 3 == 0x1f;    // a register, and the opcode's /7
  Narrow found;
  if (moves && form >> 6 == 3 && (b[at] == 0xb7 || !is_high)) {
    found.to = (form >> 3 & 7) | (rex & 4) << 1;
    found.from = low;
  } else if (!is_word && opcode == 0x3c) {
    found = {0, b[at], kNoRegister, kNoRegister};
  } else if (!is_word && opcode == 0x80 && compares && !is_high) {
    found = {low, b[at + 1], kNoRegister, kNoRegister};
  } else if (is_word && opcode == 0x3d) {
    found = {0, b[at] | b[at + 1] << 8, kNoRegister, kNoRegister};
  } else if (is_word && opcode == 0x81 && compares) {
    found = {low, b[at + 1] | b[at + 2] << 8, kNoRegister, kNoRegister};
  } else if (is_word && opcode == 0x83 && compares && b[at + 1] < 0x80) {
    found = {low, b[at + 1], kNoRegister, kNoRegister};
  }
  return found;
}

/// Whether a branch behind the instruction asks what one before it has compared.
bool keeps_flags(const Insn& insn) {
  return insn.op == InsnOp::kBranch || insn.op == InsnOp::kAddress || insn.op == InsnOp::kLoad ||
         insn.op == InsnOp::kStore || (insn.op == InsnOp::kMove && insn.src != kNoRegister);
}

/// How many numbers go on behind a comparison with `most` and the branch that it decides; 0: not
/// told. Intel SDM, volume 2, Jcc: 77 and 0F 87 are taken above it, 73 and 0F 83 where not below.
std::size_t allowed_by(std::int64_t most, std::span<const std::uint8_t> branch) {
  if (branch.empty()) return 0;
  const bool is_long = branch[0] == 0x0f && branch.size() > 1;
  const unsigned condition = is_long ? branch[1] - 0x10u : branch[0];
  if (condition != 0x77 && condition != 0x73) return 0;
  if (most <= 0 || most >= static_cast<std::int64_t>(kMaxTableEntries)) return 0;
  return static_cast<std::size_t>(most) + (condition == 0x77 ? 1 : 0);
}

}  // namespace

/// The table that the jump through a register has for itself; nothing where that is not told.
std::optional<FunctionFlow::OwnTable> FunctionFlow::own_table(std::size_t jump) const {
  const int reg = insns_[jump].src;
  if (machine_.composes_addresses || insns_[jump].has_memory || reg == kNoRegister)
    return std::nullopt;
  const Insn* sum = nullptr;
  const Insn* load = nullptr;
  const Insn* branch = nullptr;  // the first behind what is looked at
  std::optional<OwnTable> table;
  std::size_t bound = 0;
  std::uint32_t same = 0;  // registers that hold the index
  for (std::size_t back = 1; back <= kMaxSteps && back <= jump; ++back) {
    const Insn& after = insns_[jump - back + 1];
    const Insn& insn = insns_[jump - back];
    const bool entered = (leader_[after.vaddr - start_] & ~kBehindBranch) != 0;
    if (entered || insn.next() != after.vaddr || insn.op == InsnOp::kCall ||
        insn.op == InsnOp::kCallIndirect)
      break;
    if (sum == nullptr) {
      if (!writes(insn, reg)) continue;
      if (insn.op != InsnOp::kAdd || insn.has_imm || insn.src == kNoRegister) break;
      sum = &insn;
    } else if (load == nullptr) {
      if (!writes(insn, sum->dst) && !writes(insn, sum->src)) continue;
      const bool is_entry = insn.op == InsnOp::kLoad && insn.scale == kEntry &&
                            insn.width == kEntry && insn.index != kNoRegister && insn.disp == 0 &&
                            ((insn.dst == sum->dst && insn.base == sum->src) ||
                             (insn.dst == sum->src && insn.base == sum->dst));
      if (!is_entry) break;
      load = &insn;
      same = 1u << insn.index;
    } else {
      if (!table && writes(insn, load->base)) {
        if (insn.op != InsnOp::kAddress || !insn.absolute) break;
        table = OwnTable{static_cast<std::uint64_t>(insn.disp), 0, load->vaddr};
      }
      if (table && same == 0) break;
      if (insn.op == InsnOp::kBranch) branch = &insn;
      Narrow part = narrow(code_.subspan(insn.vaddr - start_));
      if (insn.op == InsnOp::kCompare && insn.has_imm && insn.dst != kNoRegister) {
        part = {insn.dst, insn.imm, kNoRegister, kNoRegister};
      } else if (insn.op == InsnOp::kMove && insn.src != kNoRegister) {
        part = {kNoRegister, 0, insn.dst, insn.src};
      }
      const auto is_index = [&](int of) { return of != kNoRegister && ((same >> of) & 1) != 0; };
      if (is_index(part.compared) && branch != nullptr) {
        bound = allowed_by(part.with, code_.subspan(branch->vaddr - start_));
        if (bound != 0) same = 0;
      }
      if (!keeps_flags(insn)) branch = nullptr;
      const bool copies = is_index(part.to);
      for (unsigned each = 0; each < kMaxRegisters; ++each) {
        if (writes(insn, static_cast<int>(each))) same &= ~(1u << each);
      }
      if (copies) same |= 1u << part.from;
    }
  }
  if (table) table->bound = bound;
  return table;
}

}  // namespace sysnare
