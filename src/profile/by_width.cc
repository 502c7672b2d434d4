#include "profile/by_width.h"

#include <algorithm>
#include <utility>

#include "arch/syscalls.h"
#include "profile/condition_sets.h"

namespace sysnare {
namespace {

constexpr unsigned kRegisterBits = 64;

unsigned width_of(std::string_view name, unsigned index) {
  const SyscallSignature signature = syscall_signature(name);
  if (!signature.known || index >= signature.args.size()) return kRegisterBits;
  return signature.args[index].bits;
}

ArgCondition masked(unsigned index, std::uint64_t mask, std::uint64_t value) {
  return {.index = index, .value = mask, .value_two = value, .op = Op::kMaskedEq};
}

/// All values of `bits` below or above `bound`: each alternative agrees with it down to one bit,
/// in which the bound has another value than they.
Alternatives beside(unsigned index, std::uint64_t bound, unsigned bits, bool below) {
  Alternatives all;
  const std::uint64_t width = (std::uint64_t{1} << bits) - 1;
  for (std::uint64_t bit = 1; bit <= width; bit <<= 1) {
    if (((bound & bit) != 0) != below) continue;
    const std::uint64_t mask = width & ~(bit - 1);
    all.push_back({masked(index, mask, (bound & mask) ^ bit)});
  }
  return all;
}

Alternatives narrowed(const ArgCondition& condition, unsigned bits) {
  if (bits >= kRegisterBits) return {{condition}};
  const std::uint64_t width = (std::uint64_t{1} << bits) - 1;
  const std::uint64_t value = condition.value & width;
  const ArgCondition equal = masked(condition.index, width, value);
  Alternatives all;
  switch (condition.op) {
    case Op::kEq:
      return {{equal}};
    case Op::kNe:
      return negated(equal);
    case Op::kMaskedEq:
      return {{masked(condition.index, value, condition.value_two & width)}};
    case Op::kLt:
    case Op::kLe:
      all = beside(condition.index, value, bits, true);
      break;
    case Op::kGt:
    case Op::kGe:
      all = beside(condition.index, value, bits, false);
      break;
  }
  if (condition.op == Op::kLe || condition.op == Op::kGe) all.push_back({equal});
  return all;
}

/// Whether two masks of one argument want different values of a bit: no call meets both, and a
/// runtime that reads a repeated index as "or" would let every call pass that meets one.
bool contradicts_itself(const Conjunction& conditions) {
  for (std::size_t i = 0; i < conditions.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const ArgCondition& a = conditions[i];
      const ArgCondition& b = conditions[j];
      if (a.index != b.index || a.op != Op::kMaskedEq || b.op != Op::kMaskedEq) continue;
      if (((a.value_two ^ b.value_two) & a.value & b.value) != 0) return true;
    }
  }
  return false;
}

/// The widths of the arguments that `entry` has conditions on, for one of its calls.
std::vector<unsigned> widths_of(const Entry& entry, std::string_view name) {
  std::vector<unsigned> widths;
  for (const ArgCondition& each : entry.args) widths.push_back(width_of(name, each.index));
  return widths;
}

bool is_narrow(const std::vector<unsigned>& widths) {
  return std::any_of(widths.begin(), widths.end(),
                     [](unsigned width) { return width < kRegisterBits; });
}

/// Names of an entry with the same widths, in the order of the first of them.
struct Group {
  std::vector<unsigned> widths;
  Entry entry;
};

std::vector<Group> grouped(const Entry& entry) {
  std::vector<Group> groups;
  for (std::size_t n = 0; n < entry.names.size(); ++n) {
    std::vector<unsigned> widths = widths_of(entry, entry.names[n]);
    auto group = std::find_if(groups.begin(), groups.end(),
                              [&](const Group& each) { return each.widths == widths; });
    if (group == groups.end()) {
      Entry empty = entry;
      empty.names.clear();
      empty.name_lines.clear();
      groups.push_back({std::move(widths), std::move(empty)});
      group = groups.end() - 1;
    }
    group->entry.names.push_back(entry.names[n]);
    if (n < entry.name_lines.size()) group->entry.name_lines.push_back(entry.name_lines[n]);
  }
  return groups;
}

}  // namespace

Result<Profile> by_width(const Profile& profile) {
  Profile narrow = profile;
  narrow.entries.clear();
  for (const Entry& entry : profile.entries) {
    const bool untouched =
        std::none_of(entry.names.begin(), entry.names.end(),
                     [&](const std::string& name) { return is_narrow(widths_of(entry, name)); });
    if (entry.args.empty() || untouched) {
      narrow.entries.push_back(entry);
      continue;
    }
    for (Group& group : grouped(entry)) {
      if (!is_narrow(group.widths)) {
        narrow.entries.push_back(std::move(group.entry));
        continue;
      }
      Alternatives all{{}};
      for (std::size_t i = 0; i < entry.args.size(); ++i) {
        Result<Alternatives> joined = both(all, narrowed(entry.args[i], group.widths[i]));
        if (!joined) {
          return propagate(joined, "{}:{}: {}: by width", profile.source, entry.line, entry.path);
        }
        all = std::move(*joined);
      }
      std::erase_if(all, contradicts_itself);
      group.entry.arg_lines.clear();
      for (Conjunction& conditions : all) {
        Entry one = group.entry;
        one.args = std::move(conditions);
        narrow.entries.push_back(std::move(one));
      }
    }
  }
  return narrow;
}

}  // namespace sysnare
