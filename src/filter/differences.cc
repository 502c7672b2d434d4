#include "filter/differences.h"

#include <linux/audit.h>

#include <algorithm>

#include "arch/syscalls.h"
#include "filter/machine.h"

namespace sysnare {
namespace {

using Id = DecisionDiagram::Id;

/// What two ways of deciding by arguments have that differs.
struct Pair {
  ActionValue before;
  ActionValue after;
  bool always = false;
  std::vector<Conjunction> when;
  std::string unsaid;
  seccomp_data witness{};
};

class Comparer {
 public:
  explicit Comparer(DecisionDiagram& diagram) : diagram_(diagram) {}

  Result<std::vector<Difference>> run(const FilterMeaning& a, const FilterMeaning& b) {
    for (const auto& [arch, section] : a.sections) {
      if (Result<void> done = compare_sections(arch, section, b.sections.at(arch)); !done) {
        return propagate(done);
      }
    }
    elsewhere(a, b);
    if (diagram_.full()) {
      return fail(Errc::kLimit,
                  "the decisions by argument are too entangled to be compared (more than {} nodes "
                  "or {} steps)",
                  DecisionDiagram::kMaxNodes, DecisionDiagram::kMaxSteps);
    }
    return std::move(found_);
  }

 private:
  Result<void> compare_sections(std::uint32_t arch, Id a, Id b) {
    if (a == b) return {};
    Result<std::vector<DecisionRange>> ranges = decision_ranges(diagram_, a, b);
    if (!ranges) return propagate(ranges);
    for (const DecisionRange& range : *ranges) {
      if (range.a == range.b) continue;
      if (Result<void> done = compare_range(arch, range); !done) return done;
    }
    return {};
  }

  Result<void> compare_range(std::uint32_t arch, const DecisionRange& range) {
    // The x32 bit parts two ABIs, and -1 is a call of neither.
    std::uint32_t first = range.first;
    while (true) {
      std::uint32_t last = range.last;
      if (arch == AUDIT_ARCH_X86_64) {
        if (first < kX32Bit) last = std::min(last, kX32Bit - 1);
        if (first < kSkippedNr) last = std::min(last, kSkippedNr - 1);
      }
      if (Result<void> done = compare_numbers(arch, first, last, range.a, range.b); !done) {
        return done;
      }
      if (last == range.last) return {};
      first = last + 1;
    }
  }

  Result<void> compare_numbers(std::uint32_t arch, std::uint32_t first, std::uint32_t last, Id a,
                               Id b) {
    // -1 belongs to every ABI: it goes with the machine's first.
    const std::optional<Abi> abi = abi_of(arch, first == kSkippedNr ? 0 : first);
    const unsigned bits = abi ? register_bits(*abi) : 64;
    const std::vector<Pair>& pairs = compared(a, b, bits);
    std::uint32_t next = first;
    if (abi) {
      for (const Call& call : calls_of(*abi)) {
        if (call.nr < first || call.nr > last) continue;
        if (call.nr > next) add(arch, abi, next, call.nr - 1, "", pairs);
        add(arch, abi, call.nr, call.nr, std::string(syscall_name(call)), pairs);
        next = call.nr + 1;
        if (call.nr == last) return {};
      }
    }
    add(arch, abi, next, last, "", pairs);
    return {};
  }

  const std::vector<Call>& calls_of(Abi abi) {
    const auto [at, made] = calls_.try_emplace(abi);
    if (made) at->second = syscalls_of(abi);
    return at->second;
  }

  const std::vector<Pair>& compared(Id a, Id b, unsigned bits) {
    const auto [at, made] = pairs_.try_emplace(std::tuple(a, b, bits));
    if (!made) return at->second;
    const Id none = diagram_.constant(0);
    for (const ActionValue before : actions_of(diagram_, a)) {
      const Id from = calls_with(diagram_, a, before.value);
      for (const ActionValue after : actions_of(diagram_, b)) {
        if (before == after) continue;
        const Id both = diagram_.choose(from, calls_with(diagram_, b, after.value), none);
        if (both == none) continue;
        Pair pair{before, after, both == diagram_.constant(1), {}, {}, witness_of(both)};
        if (!pair.always) {
          if (auto when = conjunctions_of(diagram_, both, bits)) {
            pair.when = std::move(*when);
          } else {
            pair.unsaid = when.error().message;
          }
        }
        at->second.push_back(std::move(pair));
      }
    }
    return at->second;
  }

  /// A call of a set over arguments, with the arguments as a person counts them.
  seccomp_data witness_of(Id set) {
    std::uint64_t words[kWords] = {};
    while (const auto asked = diagram_.question(set)) {
      // A set that is not empty has a call on one side of the bit at least.
      const bool low = asked->low != diagram_.constant(0);
      if (!low) words[asked->word] |= 1u << asked->bit;
      set = low ? asked->low : asked->high;
    }
    seccomp_data call{};
    call.instruction_pointer = words[kIpWord] | words[kIpWord + 1] << 32;
    for (std::uint32_t i = 0; i < kArgCount; ++i) {
      call.args[i] = words[kArgsWord + 2 * i] | words[kArgsWord + 2 * i + 1] << 32;
    }
    return call;
  }

  void add(std::uint32_t arch, std::optional<Abi> abi, std::uint32_t first, std::uint32_t last,
           const std::string& name, const std::vector<Pair>& pairs) {
    for (const Pair& pair : pairs) {
      Difference difference{arch,        abi,         first,       last,
                            name,        pair.before, pair.after,  pair.when,
                            pair.always, pair.unsaid, pair.witness};
      difference.witness.arch = arch;
      difference.witness.nr = static_cast<int>(first);
      found_.push_back(std::move(difference));
    }
  }

  void elsewhere(const FilterMeaning& a, const FilterMeaning& b) {
    const Id none = diagram_.constant(0);
    for (const auto& [before, from] : a.elsewhere) {
      for (const auto& [after, to] : b.elsewhere) {
        if (before == after) continue;
        const Id both = diagram_.choose(from, to, none);
        const auto witness = diagram_.difference(both, none);
        if (!witness) continue;
        const auto nr = static_cast<std::uint32_t>(witness->nr);
        // Everything that is no architecture of ours: no need to say which.
        const bool all = a.elsewhere.size() == 1 && b.elsewhere.size() == 1;
        found_.push_back({witness->arch,
                          std::nullopt,
                          all ? 0 : nr,
                          all ? UINT32_MAX : nr,
                          "",
                          {before},
                          {after},
                          {},
                          all,
                          all ? "" : "these are calls of architectures that no table here knows",
                          *witness});
      }
    }
  }

  DecisionDiagram& diagram_;
  std::map<std::tuple<Id, Id, unsigned>, std::vector<Pair>> pairs_;
  std::map<Abi, std::vector<Call>> calls_;
  std::vector<Difference> found_;
};

}  // namespace

std::string_view change_name(Change change) {
  switch (change) {
    case Change::kTighter:
      return "tighter";
    case Change::kLooser:
      return "looser";
    case Change::kOther:
      break;
  }
  return "other";
}

Change change_of(ActionValue before, ActionValue after) {
  if (outranks(after, before)) return Change::kTighter;
  if (outranks(before, after)) return Change::kLooser;
  return Change::kOther;
}

std::string difference_text(const Difference& difference, std::string_view before,
                            std::string_view after) {
  const auto number = [](std::uint32_t nr) {
    return nr < kX32Bit ? std::to_string(nr) : fmt::format("{:#x}", nr);
  };
  std::string what =
      difference.abi ? std::string(abi_name(*difference.abi)) : "other architectures";
  if (!difference.name.empty()) {
    what += " " + difference.name;
  } else if (difference.abi) {
    what += " " + number(difference.first);
    if (difference.last != difference.first) what += "-" + number(difference.last);
    what += " (no call)";
  }
  if (!difference.when.empty()) {
    what += " when " + conjunction_text(difference.when.front(), difference.name);
    if (difference.when.size() > 1) {
      what += fmt::format(" or {} more", difference.when.size() - 1);
    }
  }
  return fmt::format("{}: {} {}, {} {}", what, action_label(difference.before), before,
                     action_label(difference.after), after);
}

Result<std::vector<Difference>> differences(DecisionDiagram& diagram, const FilterMeaning& a,
                                            const FilterMeaning& b) {
  return Comparer(diagram).run(a, b);
}

std::optional<ActionValue> whole_abi(const DecisionDiagram& diagram, const FilterMeaning& meaning,
                                     Abi abi) {
  const Id section = meaning.sections.at(audit_arch(abi));
  const Result<std::vector<DecisionRange>> ranges = decision_ranges(diagram, section, section);
  if (!ranges) return std::nullopt;
  std::optional<Id> all;
  for (const DecisionRange& range : *ranges) {
    // The x32 bit parts two ABIs of one architecture; -1 is a number of both.
    if (abi == Abi::kX86_64 && range.first >= kX32Bit) continue;
    if (abi == Abi::kX32 && (range.last < kX32Bit || range.first == kSkippedNr)) continue;
    if (all && *all != range.a) return std::nullopt;
    all = range.a;
  }
  if (!all || diagram.question(*all)) return std::nullopt;
  return ActionValue{diagram.value(*all)};
}

Result<std::vector<Difference>> differences(std::span<const sock_filter> a,
                                            std::span<const sock_filter> b) {
  DecisionDiagram diagram;
  Result<FilterMeaning> first = meaning_of(diagram, a);
  if (!first) return propagate(first);
  Result<FilterMeaning> second = meaning_of(diagram, b);
  if (!second) return propagate(second);
  return differences(diagram, *first, *second);
}

}  // namespace sysnare
