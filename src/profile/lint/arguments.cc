// Rules about conditions on arguments.
//
// Source: the kernel reads an int argument from the lower half of its register (SYSCALL_DEFINE
// casts it, include/linux/syscalls.h), while a filter sees all 64 bits.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "arch/syscalls.h"
#include "base/text.h"
#include "profile/lint/checker.h"

namespace sysnare::linting {
namespace {

constexpr unsigned kWide = 64;

/// What is said of one condition, with the names that it is said of.
struct Said {
  std::vector<std::string_view> names;
  const SyscallArg* arg = nullptr;
  void add(std::string_view name, const SyscallArg& of) {
    names.push_back(name);
    if (arg == nullptr) arg = &of;
  }
};

/// Whether setting bits above `bits` can turn a condition from true to false.
bool can_be_left(const ArgCondition& condition, unsigned bits) {
  switch (condition.op) {
    case Op::kEq:
    case Op::kLt:
    case Op::kLe:
      return true;
    case Op::kMaskedEq:
      return (condition.value >> bits) != 0;
    case Op::kNe:
    case Op::kGe:
    case Op::kGt:
      break;
  }
  return false;
}

/// Whether setting bits above `bits` can turn a condition from false to true.
bool can_be_entered(const ArgCondition& condition) {
  return condition.op == Op::kNe || condition.op == Op::kGe || condition.op == Op::kGt;
}

/// A value that an int has in one of two encodings: sign-extended or not; or one that it never has.
bool has_other_encoding(const ArgCondition& condition, const SyscallArg& arg) {
  if (condition.op != Op::kEq || arg.bits >= kWide) return false;
  if ((condition.value >> arg.bits) != 0) return true;
  return arg.is_signed && (condition.value >> (arg.bits - 1)) != 0;
}

/// Sizes, offsets and addresses: all 64 bits count. Flags in an `unsigned long` are not among them.
bool is_size(const SyscallArg& arg) {
  constexpr std::string_view kTypes[] = {"size_t", "loff_t", "off_t", "ssize_t"};
  constexpr std::string_view kNames[] = {"addr", "len",     "length",  "start",   "size",
                                         "brk",  "old_len", "new_len", "new_addr"};
  const auto is = [](std::string_view word) {
    return [word](std::string_view w) { return w == word; };
  };
  return std::any_of(std::begin(kTypes), std::end(kTypes), is(arg.type)) ||
         (arg.type == "unsigned long" &&
          std::any_of(std::begin(kNames), std::end(kNames), is(arg.name)));
}

bool compares_lower_half(const ArgCondition& condition) {
  // The upper end of the lower half is in the mask: not just a test of alignment or of small flags.
  return condition.op == Op::kMaskedEq && (condition.value >> 31) == 1;
}

/// "argument 0 (int family)"
std::string arg_text(const ArgCondition& condition, const SyscallArg& arg) {
  return fmt::format("argument {} ({} {})", condition.index, arg.type, arg.name);
}

std::string condition_text(const ArgCondition& c) {
  if (c.op != Op::kMaskedEq) return fmt::format("{} {}", op_name(c.op), c.value);
  return fmt::format("{} {} {}", op_name(c.op), hex(c.value), hex(c.value_two));
}

/// Whether a condition means something else with its constants cut to 32 bits than it means of an
/// argument that has no more: 2^64-1 stands for -1 there, and a mask may be wider than it need be.
bool changes_when_cut(const ArgCondition& condition) {
  if (condition.op == Op::kMaskedEq) return (condition.value_two >> 32) != 0;
  const bool negative = (condition.value >> 31) == 0x1ffffffff;
  return (condition.value >> 32) != 0 && !negative;
}

void report_cut(Checker& checker, std::size_t index, std::size_t at) {
  const Entry& entry = checker.profile.entries[index];
  const ArgCondition& condition = entry.args[at];
  if (!changes_when_cut(condition) || !checker.applies_here(index)) return;
  std::vector<std::string_view> names;
  std::optional<Abi> narrow;
  std::set<std::string_view> seen;
  for (const std::string& name : entry.names) {
    if (!seen.insert(name).second) continue;
    for (const Abi abi : checker.resolved.abis) {
      if (register_bits(abi) != 32 || !syscall_nr(abi, name)) continue;
      names.push_back(name);
      narrow = abi;
      break;
    }
  }
  if (!narrow) return;
  const ArgCondition cut{condition.index, condition.value & UINT32_MAX,
                         condition.value_two & UINT32_MAX, condition.op};
  checker.report_arg(
      "arg-cut", index, at,
      fmt::format("{}: {} has 32-bit arguments, where the rule on argument {}, {}, is cut to {}",
                  names_text(names), abi_name(*narrow), condition.index, condition_text(condition),
                  condition_text(cut)),
      "leave the 32-bit architectures out, or compare with a value that fits 32 bits");
}

void report_condition(Checker& checker, std::size_t index, std::size_t at) {
  const Entry& entry = checker.profile.entries[index];
  const ArgCondition& condition = entry.args[at];
  const ActionValue action = action_value(entry.action, entry.errno_ret);
  const bool any_wide_abi = std::any_of(checker.resolved.abis.begin(), checker.resolved.abis.end(),
                                        [](Abi abi) { return register_bits(abi) == kWide; });
  if (!any_wide_abi) return;
  Said passed;
  Said encoded;
  Said lower;
  Said pointer;
  std::set<std::string_view> seen;
  for (const std::string& name : entry.names) {
    if (!seen.insert(name).second) continue;
    const SyscallSignature signature = syscall_signature(name);
    if (!signature.known || condition.index >= signature.args.size()) continue;
    const SyscallArg& arg = signature.args[condition.index];
    if (arg.is_pointer) {
      if (compares_lower_half(condition)) {
        lower.add(name, arg);
      } else if (condition.value != 0) {
        pointer.add(name, arg);
      }
      continue;
    }
    if (arg.bits >= kWide) {
      if (is_size(arg) && compares_lower_half(condition)) lower.add(name, arg);
      continue;
    }
    if (checker.resolved.int_args_by_width) continue;
    const bool passes = refuses(action)     ? can_be_left(condition, arg.bits)
                        : lets_pass(action) ? can_be_entered(condition)
                                            : can_be_left(condition, arg.bits);
    if (passes) {
      passed.add(name, arg);
    } else if (has_other_encoding(condition, arg)) {
      encoded.add(name, arg);
    }
  }
  if (passed.arg != nullptr) {
    checker.report_arg(
        "int-arg-as-64", index, at,
        fmt::format("{}: {} is {} bits wide for the kernel, the rule {} compares 64: with bit {} "
                    "set the same call passes the rule by",
                    names_text(passed.names), arg_text(condition, *passed.arg), passed.arg->bits,
                    condition_text(condition), passed.arg->bits == 16 ? 16 : 32),
        lets_pass(action)
            ? "list the allowed values, each with SCMP_CMP_EQ or with SCMP_CMP_MASKED_EQ and a "
              "mask of the lower half"
            : fmt::format("compare the lower half alone: SCMP_CMP_MASKED_EQ with mask {}",
                          passed.arg->bits == 16 ? 0xffffU : 0xffffffffU));
  }
  if (encoded.arg != nullptr) {
    checker.report_arg(
        "int-arg-encoding", index, at,
        fmt::format("{}: {} is {} bits wide, and {} meets only one way in which callers write that "
                    "value into the 64-bit register",
                    names_text(encoded.names), arg_text(condition, *encoded.arg), encoded.arg->bits,
                    hex(condition.value)),
        fmt::format("compare the lower half alone: SCMP_CMP_MASKED_EQ with mask {} and value {}",
                    encoded.arg->bits == 16 ? "0xffff" : "0xffffffff",
                    hex(condition.value & (encoded.arg->bits == 16 ? 0xffff : 0xffffffff))));
  }
  if (lower.arg != nullptr) {
    checker.report_arg(
        "wide-arg-as-32", index, at,
        fmt::format("{}: {} is 64 bits wide, and the mask {} looks at the lower half "
                    "only: every value with another upper half is taken for it",
                    names_text(lower.names), arg_text(condition, *lower.arg), hex(condition.value)),
        "compare all 64 bits");
  }
  if (pointer.arg != nullptr) {
    checker.report_arg("pointer-arg", index, at,
                       fmt::format("{}: {} is a pointer; a filter sees the address, which the "
                                   "program chooses, and never what it points to",
                                   names_text(pointer.names), arg_text(condition, *pointer.arg)),
                       "drop the condition, and allow or refuse the call as a whole");
  }
}

}  // namespace

void check_arguments(Checker& checker) {
  for (std::size_t i = 0; i < checker.profile.entries.size(); ++i) {
    const Entry& entry = checker.profile.entries[i];
    std::array<unsigned, kArgCount> seen{};
    bool twice_said = false;
    for (std::size_t at = 0; at < entry.args.size(); ++at) {
      const unsigned index = entry.args[at].index;
      if (++seen[index] > 1 && !twice_said) {
        twice_said = true;
        checker.report_arg("index-twice", i, at,
                           fmt::format("argument {} stands twice in one entry: runc and crun then "
                                       "take all conditions of the entry as \"or\", where the "
                                       "specification says \"and\"",
                                       index),
                           "write an entry for each condition if \"or\" is meant; a range cannot "
                           "be said to these runtimes");
      }
      // Beyond six conditions the entry is odd anyway, and a hostile one has millions.
      if (at >= kArgCount) continue;
      report_condition(checker, i, at);
      report_cut(checker, i, at);
    }
  }
}

}  // namespace sysnare::linting
