// One line an instruction:
//
//   L7: ld   nr                               ; x86_64
//       jge  #257 openat, L12
//
// A conditional jump names where it goes if so, and if not, where that is not the next line: a
// label, or what is answered there (`jeq  #83 mkdir, errno EPERM`), since most jumps of most
// filters lead to an answer. What a constant means follows from what A holds, which is known where
// every way to an instruction agrees on it.

#include <fmt/format.h>
#include <linux/audit.h>

#include <algorithm>
#include <iterator>
#include <optional>

#include "arch/syscalls.h"
#include "base/text.h"
#include "filter/filter.h"
#include "filter/machine.h"

namespace sysnare {
namespace {

/// What is known when an instruction runs: the word in A (kWords: something else), the AUDIT_ARCH
/// (0: several), and the calls that come here, where they were compared for: sorted; empty for not
/// known, as past kMaxCalls.
struct Known {
  std::uint32_t word = kWords;
  std::uint32_t arch = 0;
  std::vector<Call> calls;
  bool operator==(const Known&) const = default;
};
/// Argument rules are shared by a few calls of a few ABIs.
constexpr std::size_t kMaxCalls = 16;

/// "clone_flags", where the calls are known and all have an argument of that name.
std::string_view argument_name(const Known& known, unsigned index) {
  std::string_view name;
  for (const Call& call : known.calls) {
    const SyscallSignature signature = syscall_signature(syscall_name(call));
    if (!signature.known || index >= signature.args.size()) return {};
    if (!name.empty() && name != signature.args[index].name) return {};
    name = signature.args[index].name;
  }
  return name;
}

std::string word_name(std::uint32_t index) {
  static constexpr std::string_view kNames[] = {"nr", "arch", "ip", "ip+4"};
  if (index < kArgsWord) return std::string(kNames[index]);
  const std::uint32_t arg = (index - kArgsWord) / 2;
  return fmt::format("args[{}]{}", arg, (index & 1) != 0 ? "+4" : "");
}

/// What is in the word that is loaded: "low half of clone_flags".
std::string word_meaning(std::uint32_t index, const Known& known) {
  if (index < kArgsWord) return {};
  const std::string_view name = argument_name(known, (index - kArgsWord) / 2);
  if (name.empty()) return {};
  const bool big_endian = is_big_endian(known.calls.front().abi);
  for (const Call& call : known.calls) {
    if (is_big_endian(call.abi) != big_endian) return {};
  }
  const bool high = ((index & 1) != 0) != big_endian;
  return fmt::format("{} half of {}", high ? "high" : "low", name);
}

/// A return whose jumps name it by what it answers.
bool is_answer(const sock_filter& insn) { return insn.code == (BPF_RET | BPF_K); }

std::string arch_name(std::uint32_t arch) {
  for (const Abi abi : all_abis()) {
    if (audit_arch(abi) == arch) return std::string(abi_name(abi));
  }
  return {};
}

class Text {
 public:
  explicit Text(std::span<const sock_filter> program)
      : program_(program), known_(program.size()), target_(program.size(), false) {
    known_.front() = Known{};
    for (std::size_t pc = 0; pc < program.size(); ++pc) flow(pc);
  }

  std::vector<DisassembledLine> lines() const {
    std::vector<DisassembledLine> all;
    for (std::size_t pc = 0; pc < program_.size(); ++pc) {
      DisassembledLine line;
      line.pc = static_cast<std::uint32_t>(pc);
      line.insn = program_[pc];
      line.is_target = target_[pc];
      line.runs = known_[pc].has_value();
      line.text = text(pc);
      if (line.runs) line.comment = comment(pc);
      all.push_back(std::move(line));
    }
    return all;
  }

 private:
  void arrive(std::size_t pc, const Known& known, bool jump) {
    if (jump) target_[pc] = true;
    std::optional<Known>& at = known_[pc];
    if (!at) {
      at = known;
    } else {
      if (at->word != known.word) at->word = kWords;
      if (at->arch != known.arch) at->arch = 0;
      join(at->calls, known.calls);
    }
  }

  static void join(std::vector<Call>& there, const std::vector<Call>& more) {
    if (there == more) return;
    std::vector<Call> all;
    if (!there.empty() && !more.empty()) {
      std::set_union(there.begin(), there.end(), more.begin(), more.end(), std::back_inserter(all));
    }
    if (all.size() > kMaxCalls) all.clear();
    there = std::move(all);
  }

  /// Every jump goes forward, so one pass sees all ways to an instruction before it.
  void flow(std::size_t pc) {
    if (!known_[pc]) return;
    const sock_filter& insn = program_[pc];
    Known known = *known_[pc];
    if (BPF_CLASS(insn.code) == BPF_RET) return;
    if (insn.code == (BPF_JMP | BPF_JA)) return arrive(pc + 1 + insn.k, known, true);
    if (BPF_CLASS(insn.code) == BPF_JMP) {
      Known yes = known;
      if (insn.code == (BPF_JMP | BPF_JEQ | BPF_K)) {
        if (known.word == kArchWord) yes.arch = insn.k;
        if (known.word == kNrWord) {
          const auto abi = abi_of(known.arch, insn.k);
          yes.calls.clear();
          if (abi) yes.calls.push_back({*abi, insn.k});
        }
      }
      arrive(pc + 1 + insn.jt, yes, true);
      return arrive(pc + 1 + insn.jf, known, insn.jf != 0);
    }
    if (insn.code == (BPF_LD | BPF_W | BPF_ABS)) {
      known.word = insn.k / 4;
    } else if (changes_a(insn.code)) {
      known.word = kWords;
    }
    arrive(pc + 1, known, false);
  }

  static bool changes_a(std::uint16_t code) {
    return BPF_CLASS(code) == BPF_LD || BPF_CLASS(code) == BPF_ALU || code == (BPF_MISC | BPF_TXA);
  }

  /// The constant that A is compared with, by what A holds.
  [[nodiscard]] std::string constant(std::size_t pc) const {
    const std::uint32_t k = program_[pc].k;
    const Known known = known_[pc].value_or(Known{});
    if (known.word == kArchWord) {
      const std::string name = arch_name(k);
      return name.empty() ? fmt::format("#{:#x}", k) : fmt::format("#{:#x} {}", k, name);
    }
    if (known.word != kNrWord) return fmt::format("#{:#x}", k);
    std::string number = k < kX32Bit ? fmt::format("#{}", k) : fmt::format("#{:#x}", k);
    // The bits of a mask are no number, and where x32 begins no call is meant.
    if (BPF_OP(program_[pc].code) == BPF_JSET) return fmt::format("#{:#x}", k);
    if (parts_x32(pc)) return fmt::format("#{:#x}", k);
    const auto abi = abi_of(known.arch, k);
    if (!abi || syscall_name({*abi, k}).empty()) return number;
    return fmt::format("{} {}{}", number, *abi == Abi::kX32 ? "x32 " : "", syscall_name({*abi, k}));
  }

  /// What a reader wants to know beside the instruction.
  [[nodiscard]] std::string comment(std::size_t pc) const {
    const sock_filter& insn = program_[pc];
    const Known& known = *known_[pc];
    if (insn.code == (BPF_LD | BPF_W | BPF_ABS)) {
      if (insn.k / 4 == kNrWord) return arch_name(known.arch);
      return word_meaning(insn.k / 4, known);
    }
    if (parts_x32(pc)) return "is it an x32 call?";
    if (known.word != kNrWord || !compares_with_constant(insn)) return {};
    if (insn.k == UINT32_MAX && BPF_OP(insn.code) == BPF_JEQ) return "-1: skipped by a tracer";
    if (known.arch != 0 || BPF_OP(insn.code) == BPF_JSET) return {};
    // Nothing asked for the architecture, or several lead here: then most read this machine's.
    const auto abi = abi_of(audit_arch(native_abi()), insn.k);
    const std::string_view name = abi ? syscall_name({*abi, insn.k}) : std::string_view();
    return name.empty() ? std::string() : fmt::format("{} if {}", name, abi_name(*abi));
  }

  static bool compares_with_constant(const sock_filter& insn) {
    return BPF_CLASS(insn.code) == BPF_JMP && BPF_SRC(insn.code) == BPF_K &&
           BPF_OP(insn.code) != BPF_JA;
  }

  /// Whether a comparison of the number asks for the x32 bit and nothing else.
  [[nodiscard]] bool parts_x32(std::size_t pc) const {
    const sock_filter& insn = program_[pc];
    const Known known = known_[pc].value_or(Known{});
    if (known.word != kNrWord || known.arch != AUDIT_ARCH_X86_64) return false;
    if (!compares_with_constant(insn)) return false;
    switch (BPF_OP(insn.code)) {
      case BPF_JSET:
      case BPF_JGE:
        return insn.k == kX32Bit;
      case BPF_JGT:
        return insn.k == kX32Bit - 1;
      default:
        return false;
    }
  }

  /// Where a conditional jump leads, in a word.
  [[nodiscard]] std::string place(std::size_t pc) const {
    if (is_answer(program_[pc])) return action_label(ActionValue{program_[pc].k});
    return fmt::format("L{}", pc);
  }

  [[nodiscard]] std::string text(std::size_t pc) const {
    static constexpr std::string_view kAlu[] = {"add", "sub", "mul", "div", "or",  "and",
                                                "lsh", "rsh", "neg", "mod", "xor", "?"};
    static constexpr std::string_view kJump[] = {"ja", "jeq", "jgt", "jge", "jset"};
    const sock_filter& insn = program_[pc];
    const bool by_x = BPF_SRC(insn.code) == BPF_X;
    switch (BPF_CLASS(insn.code)) {
      case BPF_LD:
      case BPF_LDX: {
        const std::string_view op = BPF_CLASS(insn.code) == BPF_LD ? "ld" : "ldx";
        if (BPF_MODE(insn.code) == BPF_ABS)
          return fmt::format("{:<5}{}", op, word_name(insn.k / 4));
        if (BPF_MODE(insn.code) == BPF_MEM) return fmt::format("{:<5}M[{}]", op, insn.k);
        if (BPF_MODE(insn.code) == BPF_LEN) return fmt::format("{:<5}#len", op);
        return fmt::format("{:<5}#{:#x}", op, insn.k);
      }
      case BPF_ST:
        return fmt::format("{:<5}M[{}]", "st", insn.k);
      case BPF_STX:
        return fmt::format("{:<5}M[{}]", "stx", insn.k);
      case BPF_ALU: {
        const std::string_view op = kAlu[std::min<std::size_t>(BPF_OP(insn.code) >> 4, 11)];
        if (insn.code == (BPF_ALU | BPF_NEG)) return std::string(op);
        return by_x ? fmt::format("{:<5}x", op) : fmt::format("{:<5}#{:#x}", op, insn.k);
      }
      case BPF_JMP: {
        if (insn.code == (BPF_JMP | BPF_JA)) {
          return fmt::format("{:<5}{}", "ja", place(pc + 1 + insn.k));
        }
        const std::string_view op = kJump[std::min<std::size_t>(BPF_OP(insn.code) >> 4, 4)];
        const std::string operand = by_x ? "x" : constant(pc);
        std::string text = fmt::format("{:<5}{}, {}", op, operand, place(pc + 1 + insn.jt));
        if (insn.jf != 0) text += fmt::format(", {}", place(pc + 1 + insn.jf));
        return text;
      }
      case BPF_RET:
        if (insn.code == (BPF_RET | BPF_A)) return fmt::format("{:<5}a", "ret");
        return fmt::format("{:<5}{}", "ret", action_label(ActionValue{insn.k}));
      default:
        return insn.code == (BPF_MISC | BPF_TAX) ? "tax" : "txa";
    }
  }

  std::span<const sock_filter> program_;
  std::vector<std::optional<Known>> known_;
  std::vector<bool> target_;
};

}  // namespace

Result<std::vector<DisassembledLine>> disassembled_lines(std::span<const sock_filter> program) {
  if (Result<void> checked = check_program(program); !checked) return propagate(checked);
  return Text(program).lines();
}

Result<std::string> disassemble(std::span<const sock_filter> program) {
  Result<std::vector<DisassembledLine>> lines = disassembled_lines(program);
  if (!lines) return propagate(lines);
  std::string text;
  for (const DisassembledLine& line : *lines) {
    const bool labelled = line.is_target && !is_answer(line.insn);
    const std::string label = labelled ? fmt::format("L{}:", line.pc) : "";
    const std::string comment = line.runs ? line.comment : "never runs";
    if (comment.empty()) {
      text += fmt::format("{:>6} {}\n", label, line.text);
    } else {
      text += fmt::format("{:>6} {:<36}  ; {}\n", label, line.text, comment);
    }
  }
  return text;
}

}  // namespace sysnare
