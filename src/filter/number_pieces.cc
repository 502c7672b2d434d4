#include "filter/number_pieces.h"

#include <algorithm>
#include <bit>
#include <map>
#include <set>

#include "filter/machine.h"

namespace sysnare {
namespace {

/// Most intervals that are looked at, a second or less: a list of 4,000 numbers takes 8 million.
constexpr std::size_t kMaxSteps = 1u << 25;
/// Bit tests cut the numbers into blocks; the x32 bit, which is what is tested, into four.
constexpr int kLowestTestedBit = 24;
/// Real filters compare the architecture with as many constants as they have ABIs.
constexpr std::size_t kMaxArchRanges = 128;

struct Interval {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
};
using Numbers = std::vector<Interval>;

/// What A holds: the number, or a constant.
struct Accumulator {
  bool is_nr = false;
  std::uint32_t constant = 0;
  auto operator<=>(const Accumulator&) const = default;
};

bool is_constant_jump(const sock_filter& insn) {
  const std::uint16_t op = BPF_OP(insn.code);
  return BPF_CLASS(insn.code) == BPF_JMP && BPF_SRC(insn.code) == BPF_K &&
         (op == BPF_JEQ || op == BPF_JGE || op == BPF_JGT || op == BPF_JSET);
}

void sort_and_merge(Numbers& numbers) {
  const auto before = [](const Interval& a, const Interval& b) { return a.first < b.first; };
  if (!std::is_sorted(numbers.begin(), numbers.end(), before)) {
    std::sort(numbers.begin(), numbers.end(), before);
  }
  std::size_t kept = 0;
  for (std::size_t i = 1; i < numbers.size(); ++i) {
    // No number comes here twice with the same A: what meets is side by side.
    if (std::uint64_t{numbers[kept].last} + 1 == numbers[i].first) {
      numbers[kept].last = numbers[i].last;
    } else {
      numbers[++kept] = numbers[i];
    }
  }
  if (!numbers.empty()) numbers.resize(kept + 1);
}

class Follower {
 public:
  Follower(std::span<const sock_filter> program, std::uint32_t arch)
      : program_(program), arch_(arch), reached_(program.size()) {}

  std::optional<std::vector<NumberPiece>> run() {
    reached_[0][{}] = {{0, UINT32_MAX}};
    // Jumps go forward: what comes to an instruction is known when its turn comes.
    for (std::size_t pc = 0; pc < program_.size(); ++pc) {
      for (auto& [a, numbers] : reached_[pc]) {
        sort_and_merge(numbers);
        steps_ += numbers.size();
        if (steps_ > kMaxSteps || !step(pc, a, numbers)) return std::nullopt;
      }
      reached_[pc].clear();
    }
    std::sort(pieces_.begin(), pieces_.end(),
              [](const NumberPiece& a, const NumberPiece& b) { return a.first < b.first; });
    return std::move(pieces_);
  }

 private:
  void arrive(std::size_t pc, const Accumulator& a, const Numbers& numbers) {
    if (numbers.empty()) return;
    Numbers& there = reached_[pc][a];
    there.insert(there.end(), numbers.begin(), numbers.end());
  }

  void done(std::size_t pc, const Numbers& numbers, std::optional<std::uint32_t> value) {
    for (const Interval& each : numbers) pieces_.push_back({each.first, each.last, pc, value});
  }

  /// False for what is not modelled.
  bool step(std::size_t pc, const Accumulator& a, const Numbers& numbers) {
    const sock_filter& insn = program_[pc];
    if (is_constant_jump(insn)) return branch(pc, a, numbers);
    switch (insn.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        if (insn.k / 4 >= kIpWord) {
          done(pc, numbers, std::nullopt);
        } else if (insn.k / 4 == kNrWord) {
          arrive(pc + 1, {true, 0}, numbers);
        } else {
          arrive(pc + 1, {false, arch_}, numbers);
        }
        return true;
      case BPF_LD | BPF_IMM:
        arrive(pc + 1, {false, insn.k}, numbers);
        return true;
      case BPF_JMP | BPF_JA:
        arrive(pc + 1 + insn.k, a, numbers);
        return true;
      case BPF_RET | BPF_K:
        done(pc, numbers, insn.k);
        return true;
      case BPF_RET | BPF_A:
        if (a.is_nr) return false;
        done(pc, numbers, a.constant);
        return true;
      default:
        return false;
    }
  }

  bool branch(std::size_t pc, const Accumulator& a, const Numbers& numbers) {
    const sock_filter& insn = program_[pc];
    const std::size_t yes = pc + 1 + insn.jt;
    const std::size_t no = pc + 1 + insn.jf;
    if (!a.is_nr) {
      arrive(is_taken(insn, a.constant) ? yes : no, a, numbers);
      return true;
    }
    Numbers taken;
    Numbers left;
    const auto put = [&](std::uint64_t first, std::uint64_t last) {
      if (first > last) return;
      const Interval part{static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(last)};
      (is_taken(insn, part.first) ? taken : left).push_back(part);
    };
    if (BPF_OP(insn.code) == BPF_JSET) {
      if (insn.k != 0 && std::countr_zero(insn.k) < kLowestTestedBit) return false;
      // Blocks in which the tested bits are the same.
      const unsigned low = insn.k == 0 ? 32 : static_cast<unsigned>(std::countr_zero(insn.k));
      const std::uint64_t size = std::uint64_t{1} << low;
      for (const Interval& each : numbers) {
        for (std::uint64_t first = each.first; first <= each.last;) {
          const std::uint64_t end = (first / size + 1) * size;
          put(first, std::min<std::uint64_t>(end - 1, each.last));
          first = end;
        }
      }
    } else {
      // Below k, k itself, above k: each is decided alike.
      const std::uint64_t k = insn.k;
      for (const Interval& each : numbers) {
        if (each.last < k || each.first > k) {
          put(each.first, each.last);
          continue;
        }
        if (each.first < k) put(each.first, k - 1);
        put(k, k);
        put(k + 1, each.last);
      }
    }
    arrive(yes, a, taken);
    arrive(no, a, left);
    return true;
  }

  std::span<const sock_filter> program_;
  std::uint32_t arch_;
  std::vector<std::map<Accumulator, Numbers>> reached_;
  std::vector<NumberPiece> pieces_;
  std::size_t steps_ = 0;
};

}  // namespace

std::optional<std::vector<NumberPiece>> number_pieces(std::span<const sock_filter> program,
                                                      std::uint32_t arch) {
  return Follower(program, arch).run();
}

std::optional<std::vector<std::uint32_t>> arch_ranges(std::span<const sock_filter> program) {
  // Where A may hold the architecture; what else it may hold does not matter.
  std::vector<bool> holds_arch(program.size() + 1, false);
  std::vector<bool> runs(program.size() + 1, false);
  runs[0] = true;
  std::set<std::uint32_t> starts{0};
  for (std::size_t pc = 0; pc < program.size(); ++pc) {
    if (!runs[pc]) continue;
    const sock_filter& insn = program[pc];
    const auto arrive = [&](std::size_t to, bool arch) {
      runs[to] = true;
      if (arch) holds_arch[to] = true;
    };
    if (is_constant_jump(insn)) {
      if (holds_arch[pc]) {
        if (BPF_OP(insn.code) == BPF_JSET) return std::nullopt;
        starts.insert(insn.k);
        if (insn.k != UINT32_MAX) starts.insert(insn.k + 1);
        if (starts.size() > kMaxArchRanges) return std::nullopt;
      }
      arrive(pc + 1 + insn.jt, holds_arch[pc]);
      arrive(pc + 1 + insn.jf, holds_arch[pc]);
    } else if (insn.code == (BPF_JMP | BPF_JA)) {
      arrive(pc + 1 + insn.k, holds_arch[pc]);
    } else if (insn.code == (BPF_LD | BPF_W | BPF_ABS)) {
      if (insn.k / 4 < kIpWord) arrive(pc + 1, insn.k / 4 == kArchWord);
    } else if (insn.code == (BPF_LD | BPF_IMM)) {
      arrive(pc + 1, false);
    } else if (BPF_CLASS(insn.code) != BPF_RET ||
               (BPF_RVAL(insn.code) == BPF_A && holds_arch[pc])) {
      return std::nullopt;
    }
  }
  return std::vector(starts.begin(), starts.end());
}

}  // namespace sysnare
