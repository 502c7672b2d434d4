#include "cli/argument_table.h"

#include <fmt/format.h>

#include <vector>

#include "arch/syscalls.h"
#include "base/text.h"

namespace sysnare::cli {
namespace {

constexpr std::size_t kLineBytes = 100;
constexpr std::size_t kCallBytes = 16;
constexpr std::size_t kArgBytes = 14;

/// "cmd", or "argument 1" for a call whose arguments no table has.
std::string argument_name(Call call, unsigned index) {
  const SyscallSignature signature = syscall_signature(syscall_name(call));
  if (index >= signature.args.size()) return fmt::format("argument {}", index);
  return std::string(signature.args[index].name);
}

/// With line breaks below the first value.
std::string values_text(const std::vector<std::uint64_t>& values) {
  constexpr std::size_t kIndent = kCallBytes + 1 + kArgBytes + 1;
  std::string text;
  std::size_t column = kIndent;
  for (const std::uint64_t value : values) {
    const std::string word = hex(value);
    if (!text.empty() && column + 1 + word.size() > kLineBytes) {
      text += "\n" + std::string(kIndent, ' ');
      column = kIndent;
    } else if (!text.empty()) {
      text += ' ';
      ++column;
    }
    text += word;
    column += word.size();
  }
  return text;
}

}  // namespace

std::string argument_table(const Evidence& evidence) {
  std::string text;
  for (const CallEvidence& each : evidence.calls) {
    std::string name = call_label(each.call);
    if (each.call.abi != native_abi()) name += fmt::format(" ({})", abi_name(each.call.abi));
    const auto line = [&](unsigned index, const std::string& values) {
      text += fmt::format("{:<{}} {:<{}} {}\n", name, kCallBytes, argument_name(each.call, index),
                          kArgBytes, values);
      name.clear();
    };
    std::set<unsigned> indexes = each.args_many;
    for (const auto& [index, values] : each.args) indexes.insert(index);
    for (const unsigned index : indexes) {
      const auto values = each.args.find(index);
      line(index, values == each.args.end() ? "many" : values_text(values->second));
    }
  }
  if (text.empty()) return "\nno argument was recorded\n";
  return "\nvalues of arguments\n\n" + text + "\n";
}

}  // namespace sysnare::cli
