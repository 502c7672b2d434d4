// sysnare syscalls [NAME|NR]: the reference table.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "arch/syscalls.h"
#include "base/text.h"
#include "cli/print.h"
#include "cli/verb.h"

namespace sysnare::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kJsonSchema = 1;

std::string number_text(Abi abi, std::string_view name) {
  const auto nr = syscall_nr(abi, name);
  if (!nr) return "-";
  // The bit is what tells x32 apart; with the low part alone people compare it with the tables.
  return abi == Abi::kX32 ? fmt::format("{:#x}+{}", kX32Bit, *nr - kX32Bit) : std::to_string(*nr);
}

std::string arguments_text(std::string_view name) {
  const SyscallSignature signature = syscall_signature(name);
  if (!signature.known) return "?";
  std::string text;
  for (const SyscallArg& arg : signature.args) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", arg.type, arg.name);
  }
  return text.empty() ? "void" : text;
}

Json call_json(std::string_view name) {
  Json call;
  call["name"] = name;
  call["nr"] = Json::object();
  for (Abi abi : all_abis()) {
    if (const auto nr = syscall_nr(abi, name)) call["nr"][std::string(abi_name(abi))] = *nr;
  }
  const SyscallSignature signature = syscall_signature(name);
  call["args"] = signature.known ? Json::array() : Json(nullptr);
  for (const SyscallArg& arg : signature.args) {
    call["args"].push_back({{"name", arg.name}, {"type", arg.type}, {"bits", arg.bits}});
  }
  return call;
}

void print_one(std::string_view name) {
  say(stdout, "{}({})\n", name, arguments_text(name));
  for (Abi abi : all_abis()) say(stdout, "  {:<12} {}\n", abi_name(abi), number_text(abi, name));
}

void print_table(const std::vector<std::string_view>& names, Abi abi) {
  say(stdout, "{:>10} {:<24} {}\n", abi_name(abi), "name", "arguments");
  std::vector<std::pair<std::uint32_t, std::string_view>> rows;
  for (std::string_view name : names) {
    if (const auto nr = syscall_nr(abi, name)) rows.emplace_back(*nr, name);
  }
  std::sort(rows.begin(), rows.end());
  for (const auto& [nr, name] : rows) {
    say(stdout, "{:>10} {:<24} {}\n", nr, name, arguments_text(name));
  }
}

}  // namespace

int verb_syscalls(const Words& words) {
  CLI::App app("Print the reference table of system calls: number per ABI, arguments with types.",
               "syscalls");
  std::string wanted;
  std::string abi_text;
  bool json = false;
  app.add_option("NAME|NR", wanted, "one call, by name or by number in --abi");
  app.add_option("--abi", abi_text, "the ABI of the numbers (default: this machine's)");
  app.add_flag("--json", json, "one JSON document");
  const Parsed parsed = parse(app, words, kUsageError, false);
  if (parsed.leave) return parsed.status;

  Abi abi = native_abi();
  if (!abi_text.empty()) {
    const auto found = abi_by_name(abi_text);
    if (!found) {
      std::vector<std::string_view> names;
      for (Abi each : all_abis()) names.push_back(abi_name(each));
      complain("syscalls", fmt::format("{}; there are: {}", unknown_word("ABI", abi_text, names),
                                       fmt::join(names, ", ")));
      return kUsageError;
    }
    abi = *found;
  }

  std::vector<std::string_view> names(syscall_names().begin(), syscall_names().end());
  if (!wanted.empty()) {
    std::string_view name = is_syscall_name(wanted) ? std::string_view(wanted) : "";
    if (const auto nr = parse_u64(wanted); nr && *nr <= UINT32_MAX) {
      name = syscall_name({abi, static_cast<std::uint32_t>(*nr)});
      if (name.empty()) {
        complain("syscalls", fmt::format("no {} call has number {}", abi_name(abi), *nr));
        return kFoundSomething;
      }
    } else if (name.empty()) {
      complain("syscalls", unknown_word("call", wanted, names));
      return kFoundSomething;
    }
    names = {name};
  }

  if (json) {
    Json document = {{"schema", kJsonSchema}, {"syscalls", Json::array()}};
    for (std::string_view name : names) document["syscalls"].push_back(call_json(name));
    say(stdout, "{}\n", document.dump(2));
  } else if (!wanted.empty()) {
    print_one(names.front());
  } else {
    print_table(names, abi);
  }
  return kOk;
}

}  // namespace sysnare::cli
