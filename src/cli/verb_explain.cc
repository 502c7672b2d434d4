// sysnare explain PROFILE CALL [ARGS...]: which entry decides a call, and why.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "arch/syscalls.h"
#include "base/text.h"
#include "cli/constants.h"
#include "cli/filter_input.h"
#include "cli/machine.h"
#include "cli/print.h"
#include "cli/verb.h"
#include "profile/explain.h"
#include "profile/plain.h"
#include "profile/runtime.h"

namespace sysnare::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kName = "explain";
constexpr int kJsonSchema = 1;
/// Stands for the minus sign of an argument while CLI11 parses, which takes -1 for an option.
constexpr char kMinus = '\001';

struct Typed {
  std::string file;
  std::string call;
  std::vector<std::string> args;
  std::string abi;
  MachineWords machine;
  bool json = false;
};

/// A minus sign before a digit becomes kMinus, and back.
void exchange(std::string& word, char from, char to) {
  if (word.size() > 1 && word[0] == from && word[1] >= '0' && word[1] <= '9') word[0] = to;
}

/// Gives all words their minus signs back.
void restore(Typed& typed) {
  for (std::string* word : {&typed.file, &typed.call, &typed.abi, &typed.machine.as,
                            &typed.machine.arch, &typed.machine.kernel}) {
    exchange(*word, kMinus, '-');
  }
  for (std::string& word : typed.args) exchange(word, kMinus, '-');
  for (std::string& word : typed.machine.caps) exchange(word, kMinus, '-');
}

std::optional<Abi> abi_of(const Typed& typed, const ResolveOptions& options) {
  if (typed.abi.empty()) return options.arch;
  const Result<Abi> found = abi_of_word("--abi", typed.abi);
  if (found) return *found;
  complain(kName, found.error());
  return std::nullopt;
}

/// The call as the kernel shows it to a filter; complains when a word is wrong.
std::optional<seccomp_data> call_of(const Typed& typed, Abi abi) {
  seccomp_data data{};
  data.arch = audit_arch(abi);
  if (typed.call == "-1") {
    data.nr = static_cast<int>(kSkippedNr);
  } else if (const auto number = parse_u64(typed.call); number && *number <= UINT32_MAX) {
    data.nr = static_cast<int>(static_cast<std::uint32_t>(*number));
  } else if (const auto nr = syscall_nr(abi, typed.call)) {
    data.nr = static_cast<int>(*nr);
  } else if (is_syscall_name(typed.call)) {
    complain(kName, fmt::format("{} has no call {}; `sysnare syscalls {}` shows who has it",
                                abi_name(abi), typed.call, typed.call));
    return std::nullopt;
  } else {
    const auto all = syscall_names();
    complain(kName, unknown_word("call", typed.call, {all.begin(), all.end()}) +
                        "; give a name, or a number from 0 to 4294967295 (-1 is the last)");
    return std::nullopt;
  }
  if (typed.args.size() > kArgCount) {
    complain(kName, fmt::format("{} arguments are given, a call has at most {}", typed.args.size(),
                                kArgCount));
    return std::nullopt;
  }
  for (std::size_t i = 0; i < typed.args.size(); ++i) {
    const std::string& word = typed.args[i];
    const auto value = argument_value(word);
    if (!value) {
      complain(kName, fmt::format("argument {}: \"{}\" is no number and no constant known here; "
                                  "allowed: 40, 0x28, -1, AF_VSOCK, O_RDWR|O_CREAT",
                                  i, printable(word)));
      return std::nullopt;
    }
    data.args[i] = *value;
  }
  return data;
}

std::string number_text(std::uint64_t value) {
  return value < 4096 ? std::to_string(value) : hex(value);
}

/// "argument 0 (int family)"
std::string argument_text(const std::optional<Call>& call, unsigned index) {
  if (call) {
    const SyscallSignature signature = syscall_signature(syscall_name(*call));
    if (signature.known && index < signature.args.size()) {
      return fmt::format("argument {} ({} {})", index, signature.args[index].type,
                         signature.args[index].name);
    }
  }
  return fmt::format("argument {}", index);
}

/// The condition as it is compared: over `bits` of both sides.
ArgCondition cut(ArgCondition condition, unsigned bits) {
  if (bits >= 64) return condition;
  condition.value &= (std::uint64_t{1} << bits) - 1;
  condition.value_two &= (std::uint64_t{1} << bits) - 1;
  return condition;
}

std::string op_text(const ArgCondition& c) {
  switch (c.op) {
    case Op::kNe:
      return "!= " + number_text(c.value);
    case Op::kLt:
      return "< " + number_text(c.value);
    case Op::kLe:
      return "<= " + number_text(c.value);
    case Op::kEq:
      return "== " + number_text(c.value);
    case Op::kGe:
      return ">= " + number_text(c.value);
    case Op::kGt:
      return "> " + number_text(c.value);
    case Op::kMaskedEq:
      break;
  }
  return fmt::format("& {} == {}", hex(c.value), number_text(c.value_two));
}

/// "argument 0 (int family) == 5 (0x100000005, cut to 32 bits): holds (it is 5)"
std::string condition_text(const Explanation& explained, const ExplainedCondition& met) {
  const ArgCondition compared = cut(met.condition, met.bits);
  std::string width = met.bits == 64 ? "" : fmt::format(", {} bits", met.bits);
  std::string was;
  if (compared != met.condition) {
    was = fmt::format(" (`{}`, cut to {} bits)", op_text(met.condition), met.bits);
    width.clear();
  }
  return fmt::format("{} {}{}: {} (it is {}{})", argument_text(explained.call, met.condition.index),
                     op_text(compared), was, met.held ? "holds" : "does not hold",
                     number_text(cut({0, met.argument, 0, Op::kEq}, met.bits).value), width);
}

/// "matches", "needs CAP_SYS_ADMIN", "1 of 2 conditions holds"
std::string state_of(const ExplainedEntry& entry, Decider decider) {
  if (!entry.off.empty()) return "switched off: " + entry.off;
  if (decider == Decider::kUnlistedAbi) return "not asked: the ABI is not listed";
  if (entry.decides) return "decides";
  if (decider == Decider::kAhead) return "not asked: the runtime answers before";
  if (entry.matches) return "matches, but a stronger or earlier entry decides";
  const auto held = std::count_if(entry.conditions.begin(), entry.conditions.end(),
                                  [](const ExplainedCondition& each) { return each.held; });
  return fmt::format("does not match: {} of its {} {}", held,
                     plural(entry.conditions.size(), "condition"), held == 1 ? "holds" : "hold");
}

std::string reason_of(const Profile& profile, const Explanation& explained) {
  switch (explained.decider) {
    case Decider::kEntry:
      for (const ExplainedEntry& entry : explained.entries) {
        if (!entry.decides) continue;
        const Entry& by = profile.entries[entry.entry];
        return fmt::format("{} (line {}) decides", by.path, by.line);
      }
      break;
    case Decider::kUnlistedAbi:
      return "the profile does not list the ABI, and what it does not list is killed";
    case Decider::kAhead:
      return "the runtime answers this number before the profile is asked";
    case Decider::kDefault:
      break;
  }
  const bool named = std::any_of(explained.entries.begin(), explained.entries.end(),
                                 [](const ExplainedEntry& entry) { return entry.off.empty(); });
  return named ? "no entry that names it matches, so the default action decides"
         : explained.entries.empty()
             ? "no entry names it, so the default action decides"
             : "every entry that names it is switched off, so the default action decides";
}

/// "x86_64 socket(40, 1, 0), number 41"
std::string call_text(const Explanation& explained, const seccomp_data& data) {
  const auto nr = static_cast<std::uint32_t>(data.nr);
  if (!explained.call) return fmt::format("number {} of an unknown architecture", nr);
  if (nr == kSkippedNr) {
    return fmt::format("{} number -1, no call of any ABI (a tracer skips calls by it)",
                       abi_name(explained.call->abi));
  }
  const SyscallSignature signature = syscall_signature(syscall_name(*explained.call));
  const std::size_t count = signature.known ? signature.args.size() : kArgCount;
  std::string args;
  for (std::size_t i = 0; i < kArgCount; ++i) {
    if (i >= count && data.args[i] == 0) continue;
    args += (args.empty() ? "" : ", ") + number_text(data.args[i]);
  }
  return fmt::format("{} {}({}), number {}", abi_name(explained.call->abi),
                     call_label(*explained.call), args, nr);
}

std::string text_of(const Profile& profile, const Explanation& explained, const seccomp_data& data,
                    std::string_view as) {
  std::string text =
      fmt::format("{}: {}\n", call_text(explained, data), action_label(explained.verdict));
  text += fmt::format("why: {}\n", reason_of(profile, explained));
  text += as.empty() ? "read as: plain OCI; all conditions of an entry must hold, the strongest "
                       "action wins\n"
                     : fmt::format("read as: {} reads it\n", as);
  if (explained.entries.empty()) return text;
  std::size_t path_width = 0;
  std::size_t action_width = 0;
  for (const ExplainedEntry& entry : explained.entries) {
    path_width = std::max(path_width, profile.entries[entry.entry].path.size());
    action_width = std::max(action_width, action_label(entry.action).size());
  }
  text += "entries that name it, in order:\n";
  for (const ExplainedEntry& entry : explained.entries) {
    const Entry& by = profile.entries[entry.entry];
    text += fmt::format("{} {:<{}}  line {:>4}  {:<{}}  {}\n", entry.decides ? '*' : ' ', by.path,
                        path_width, by.line, action_label(entry.action), action_width,
                        state_of(entry, explained.decider));
    for (const ExplainedCondition& met : entry.conditions) {
      text += fmt::format("      {}\n", condition_text(explained, met));
    }
  }
  return text;
}

Json entry_json(const Profile& profile, const Explanation& explained, const ExplainedEntry& entry) {
  const Entry& by = profile.entries[entry.entry];
  Json json = {{"path", by.path},
               {"line", by.line},
               {"action", action_name(by.action)},
               {"result", action_label(entry.action)},
               {"applies", entry.off.empty()},
               {"matches", entry.matches},
               {"decides", entry.decides},
               {"state", state_of(entry, explained.decider)},
               {"conditions", Json::array()}};
  for (const ExplainedCondition& met : entry.conditions) {
    const ArgCondition compared = cut(met.condition, met.bits);
    json["conditions"].push_back({{"index", met.condition.index},
                                  {"op", op_name(met.condition.op)},
                                  {"value", hex(met.condition.value)},
                                  {"valueTwo", hex(met.condition.value_two)},
                                  {"comparedValue", hex(compared.value)},
                                  {"comparedValueTwo", hex(compared.value_two)},
                                  {"argument", hex(met.argument)},
                                  {"bits", met.bits},
                                  {"held", met.held}});
  }
  return json;
}

std::string json_of(const Profile& profile, const Explanation& explained, const seccomp_data& data,
                    std::string_view as) {
  Json json = {{"schema", kJsonSchema}, {"profile", profile.source}};
  json["abi"] = explained.call ? Json(abi_name(explained.call->abi)) : Json(nullptr);
  json["nr"] = static_cast<std::uint32_t>(data.nr);
  json["name"] = explained.call ? Json(call_label(*explained.call)) : Json(nullptr);
  json["args"] = Json::array();
  for (const std::uint64_t arg : data.args) json["args"].push_back(hex(arg));
  json["result"] = action_label(explained.verdict);
  json["value"] = fmt::format("{:#010x}", explained.verdict.value);
  json["errno"] = explained.verdict.action() == SECCOMP_RET_ERRNO ? Json(explained.verdict.data())
                                                                  : Json(nullptr);
  json["decided_by"] = decider_name(explained.decider);
  json["reason"] = reason_of(profile, explained);
  json["read_as"] = as.empty() ? "oci" : as;
  json["entries"] = Json::array();
  for (const ExplainedEntry& entry : explained.entries) {
    json["entries"].push_back(entry_json(profile, explained, entry));
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

/// What is enforced, by plain OCI or by a runtime.
Result<ResolvedProfile> resolved_as(const Profile& profile, const Machine& machine) {
  Result<RuntimeView> view = seen_by(machine, profile);
  if (!view) return propagate(view);
  if (machine.as == Runtime::kDocker || machine.as == Runtime::kPodman) {
    // Rules of an engine are about the entries that it hands over; these keep their paths.
    Result<PlainProfile> plain = plain_profile(profile, machine.options);
    if (!plain) return propagate(plain);
    std::map<std::string_view, std::size_t> index;
    for (std::size_t i = 0; i < profile.entries.size(); ++i) index[profile.entries[i].path] = i;
    for (auto& [call, rules] : view->resolved.rules) {
      for (ResolvedRule& rule : rules) {
        rule.entry = index.at(plain->profile.entries[rule.entry].path);
      }
    }
  }
  return std::move(view->resolved);
}

}  // namespace

int verb_explain(const Words& words) {
  CLI::App app(
      "Say which entry of a profile decides a call, with every other entry that names it: which "
      "condition did not hold, what switched it off.",
      std::string(kName));
  Typed typed;
  app.add_option("PROFILE", typed.file, "the profile; - is standard input")->required();
  app.add_option("CALL", typed.call, "the call, by name or number")->required();
  app.add_option("ARGS", typed.args,
                 "its arguments: 40, 0x28, -1, AF_VSOCK, O_RDWR|O_CREAT; those left out are 0");
  app.add_option("--abi", typed.abi, "the ABI of the call (default: that of --arch)");
  app.add_flag("--json", typed.json, "one JSON document");
  add_machine_options(app, typed.machine);
  app.footer(
      "examples:\n"
      "  sysnare explain docker.json socket AF_VSOCK\n"
      "  sysnare explain docker.json clone CLONE_NEWUSER --caps CAP_SYS_ADMIN\n"
      "  sysnare explain --abi i386 allow.json 102\n"
      "\n"
      "exit status: 0 explained, 2 usage error, 3 the profile cannot be used.");
  Words typed_words = words;
  for (std::string& word : typed_words) exchange(word, '-', kMinus);
  const Parsed parsed = parse(app, typed_words, kUsageError, false);
  if (parsed.leave) return parsed.status;
  restore(typed);

  const Result<Machine> machine = machine_of(typed.machine);
  if (!machine) {
    complain(kName, machine.error());
    return kUsageError;
  }
  const ResolveOptions& options = machine->options;
  const auto abi = abi_of(typed, options);
  if (!abi) return kUsageError;
  const auto data = call_of(typed, *abi);
  if (!data) return kUsageError;

  Result<Imported> imported = read_any_profile(typed.file, options.arch);
  if (!imported) {
    complain(kName, imported.error());
    return kUnusableInput;
  }
  for (const std::string& loss : imported->losses) complain(kName, loss);
  const Profile* const profile = &imported->profile;
  Result<ResolvedProfile> resolved = resolved_as(*profile, *machine);
  if (!resolved) {
    complain(kName, resolved.error());
    return kUnusableInput;
  }
  Explanation explained = explain(*profile, options, *resolved, *data);
  // -1 belongs to every ABI of its architecture; what is named is the one that was asked for.
  if (static_cast<std::uint32_t>(data->nr) == kSkippedNr && explained.call) {
    explained.call->abi = *abi;
  }
  say(stdout, "{}",
      typed.json ? json_of(*profile, explained, *data, typed.machine.as)
                 : text_of(*profile, explained, *data, typed.machine.as));
  return kOk;
}

}  // namespace sysnare::cli
