#include "filter/argument_classes.h"

#include <linux/audit.h>

#include <algorithm>
#include <array>
#include <random>
#include <set>
#include <string>

#include "filter/machine.h"

namespace sysnare {
namespace {

constexpr std::uint32_t kAllOnes = UINT32_MAX;
constexpr std::size_t kDraws = 16;

/// A question about a word: how does `word & mask` compare with `k`?
struct Question {
  std::uint32_t mask = kAllOnes;
  std::uint32_t k = 0;
  auto operator<=>(const Question&) const = default;
};
using Questions = std::array<std::set<Question>, kWords>;

/// What the accumulator holds on a path, as far as it matters here.
struct Accumulator {
  enum class Kind : std::uint8_t { kConstant, kWord, kUnknown } kind = Kind::kConstant;
  std::uint32_t value = 0;  ///< the constant, or the index of the word
  std::uint32_t mask = kAllOnes;
  auto operator<=>(const Accumulator&) const = default;
};

/// Walks every path that a call of this arch and number can take, and notes what it asks of words.
class Walk {
 public:
  Walk(std::span<const sock_filter> program, const seccomp_data& call, Questions& questions)
      : program_(program), call_(call), questions_(questions) {}

  void run() {
    // Enough for any program of our own, where each instruction has one state; a hostile one that
    // computes many constants is not followed to its end.
    constexpr std::size_t kMaxStates = 8 * BPF_MAXINSNS;
    push(0, {});
    while (!todo_.empty() && seen_.size() < kMaxStates) {
      const auto [pc, a] = todo_.back();
      todo_.pop_back();
      step(pc, a);
    }
  }

 private:
  void push(std::size_t pc, const Accumulator& a) {
    if (pc < program_.size() && seen_.insert({pc, a}).second) todo_.push_back({pc, a});
  }

  void step(std::size_t pc, Accumulator a) {
    using Kind = Accumulator::Kind;
    const sock_filter& insn = program_[pc];
    if (BPF_CLASS(insn.code) == BPF_RET) return;
    if (insn.code == (BPF_JMP | BPF_JA)) return push(pc + 1 + insn.k, a);
    if (BPF_CLASS(insn.code) == BPF_JMP) return branch(pc, a);
    switch (insn.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        a = insn.k / 4 < kIpWord ? Accumulator{Kind::kConstant, word_of(call_, insn.k / 4)}
                                 : Accumulator{Kind::kWord, insn.k / 4};
        break;
      case BPF_LD | BPF_IMM:
        a = {Kind::kConstant, insn.k};
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        if (a.kind == Kind::kConstant) a.value &= insn.k;
        a.mask &= insn.k;
        break;
      case BPF_ST:
      case BPF_STX:
      case BPF_MISC | BPF_TAX:
      case BPF_LDX | BPF_IMM:
      case BPF_LDX | BPF_MEM:
      case BPF_LDX | BPF_W | BPF_LEN:
        break;
      default:
        a = {Kind::kUnknown};
    }
    push(pc + 1, a);
  }

  void branch(std::size_t pc, const Accumulator& a) {
    const sock_filter& insn = program_[pc];
    const bool by_constant = BPF_SRC(insn.code) == BPF_K;
    if (by_constant && a.kind == Accumulator::Kind::kConstant) {
      return push(pc + 1 + (is_taken(insn, a.value) ? insn.jt : insn.jf), a);
    }
    if (by_constant && a.kind == Accumulator::Kind::kWord) {
      const bool bits = BPF_OP(insn.code) == BPF_JSET;
      questions_[a.value].insert(bits ? Question{a.mask & insn.k, 0} : Question{a.mask, insn.k});
    }
    push(pc + 1 + insn.jt, a);
    push(pc + 1 + insn.jf, a);
  }

  std::span<const sock_filter> program_;
  const seccomp_data& call_;
  Questions& questions_;
  std::set<std::pair<std::size_t, Accumulator>> seen_;
  std::vector<std::pair<std::size_t, Accumulator>> todo_;
};

void ask_condition(const ArgCondition& condition, unsigned bits, bool big_endian,
                   Questions& questions) {
  const std::uint64_t kept = bits >= 64 ? UINT64_MAX : (std::uint64_t{1} << bits) - 1;
  for (const bool high : {false, true}) {
    const auto half = [&](std::uint64_t value) {
      return static_cast<std::uint32_t>(high ? value >> 32 : value);
    };
    std::set<Question>& word = questions[arg_word(condition.index, high, big_endian)];
    if (condition.op == Op::kMaskedEq) {
      word.insert({half(condition.value & kept), half(condition.value_two & kept)});
    } else {
      word.insert({half(kept), half(condition.value & kept)});
    }
    // The half that does not count is asked too, in full: a program may look at it by mistake.
    word.insert(
        {kAllOnes, half(condition.op == Op::kMaskedEq ? condition.value_two : condition.value)});
  }
}

/// One value for each class of answers.
std::vector<std::uint32_t> representatives(const std::set<Question>& questions) {
  std::vector<std::uint32_t> values = {0};
  const bool ordered = std::all_of(questions.begin(), questions.end(),
                                   [](const Question& each) { return each.mask == kAllOnes; });
  if (ordered) {
    // Each constant is a class, and what lies between two.
    for (const Question& each : questions) {
      values.push_back(each.k);
      if (each.k != kAllOnes) values.push_back(each.k + 1);
    }
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
    return values;
  }
  values.insert(values.end(), {1, kAllOnes});
  for (const auto& [mask, k] : questions) {
    for (const std::uint32_t value : {k - 1, k, k + 1}) {
      values.insert(values.end(), {value, value & mask, value | ~mask});
    }
    if (mask == kAllOnes || mask == 0) continue;
    for (std::uint32_t bit = 1; bit != 0; bit <<= 1) values.push_back(k ^ bit);
  }
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  std::vector<std::pair<std::string, std::uint32_t>> classes;
  for (const std::uint32_t value : values) {
    std::string answers;
    for (const auto& [mask, k] : questions) {
      const std::uint32_t seen = value & mask;
      answers += seen < k ? '<' : seen > k ? '>' : '=';
    }
    classes.emplace_back(std::move(answers), value);
  }
  std::sort(classes.begin(), classes.end());
  values.clear();
  const std::string* last = nullptr;
  for (const auto& [answers, value] : classes) {
    if (last == nullptr || *last != answers) values.push_back(value);
    last = &answers;
  }
  return values;
}

void set_word(seccomp_data& call, std::uint32_t index, std::uint32_t value) {
  __u64& whole = index < kArgsWord ? call.instruction_pointer : call.args[(index - kArgsWord) / 2];
  const bool big_endian = (call.arch & __AUDIT_ARCH_LE) == 0;
  const unsigned shift = ((index & 1) != 0) != big_endian ? 32 : 0;
  whole &= ~(__u64{kAllOnes} << shift);
  whole |= __u64{value} << shift;
}

}  // namespace

void for_argument_classes(std::span<const sock_filter> program,
                          const std::vector<std::pair<ArgCondition, unsigned>>& conditions,
                          const seccomp_data& call,
                          const std::function<bool(const seccomp_data&)>& visit) {
  Questions questions;
  Walk(program, call, questions).run();
  const bool big_endian = (call.arch & __AUDIT_ARCH_LE) == 0;
  for (const auto& [condition, bits] : conditions) {
    if (condition.index < kArgCount) ask_condition(condition, bits, big_endian, questions);
  }
  std::vector<std::pair<std::uint32_t, std::vector<std::uint32_t>>> words;
  std::size_t combinations = 1;
  for (std::uint32_t index = kIpWord; index < kWords; ++index) {
    if (questions[index].empty()) continue;
    words.emplace_back(index, representatives(questions[index]));
    combinations = std::min(combinations * words.back().second.size(), kMaxCombinations + 1);
  }

  seccomp_data tried = call;
  if (combinations <= kMaxCombinations) {
    std::vector<std::size_t> at(words.size(), 0);
    for (bool more = true; more;) {
      for (std::size_t i = 0; i < words.size(); ++i) {
        set_word(tried, words[i].first, words[i].second[at[i]]);
      }
      if (!visit(tried)) return;
      more = false;
      for (std::size_t i = 0; i < words.size() && !more; ++i) {
        more = ++at[i] < words[i].second.size();
        if (!more) at[i] = 0;
      }
    }
  }
  // Draws: the whole of it where there are too many to try, and some in any case with ones in all
  // words that nobody asks about.
  const std::size_t draws = combinations <= kMaxCombinations ? kDraws : kMaxCombinations;
  // The same draw every time, on purpose.
  std::minstd_rand random(static_cast<std::uint32_t>(call.nr));
  for (std::size_t n = 0; n < draws; ++n) {
    const __u64 background = n % 2 == 0 ? UINT64_MAX : 0;
    tried.instruction_pointer = background;
    std::fill(std::begin(tried.args), std::end(tried.args), background);
    for (const auto& [index, values] : words) {
      set_word(tried, index, values[random() % values.size()]);
    }
    if (!visit(tried)) return;
  }
}

}  // namespace sysnare
