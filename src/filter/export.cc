#include "filter/export.h"

#include <fmt/format.h>

#include "base/text.h"

namespace sysnare {
namespace {

std::string identifier(std::string_view title) {
  std::string name;
  for (char c : title) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (plain) {
      name += c;
    } else if (!name.empty() && name.back() != '_') {
      name += '_';
    }
  }
  while (!name.empty() && name.back() == '_') name.pop_back();
  if (name.empty()) return "seccomp";
  return name.front() >= '0' && name.front() <= '9' ? "seccomp_" + name : name;
}

/// Text that cannot end the comment it stands in.
std::string comment(std::string_view title) {
  std::string text;
  for (const char c : printable(title)) text += c == '*' || c == '\\' ? '.' : c;
  return text;
}

}  // namespace

std::string filter_c_array(std::span<const sock_filter> program, std::string_view title) {
  const std::string name = identifier(title);
  std::string text = fmt::format(
      "/* {}: seccomp filter of {}.\n"
      "   prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);\n"
      "   syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &{}_program); */\n"
      "#include <linux/filter.h>\n"
      "\n"
      "static const struct sock_filter {}_filter[] = {{\n",
      comment(title), plural(program.size(), "instruction"), name, name);
  for (const sock_filter& insn : program) {
    text +=
        fmt::format("    {{{:#04x}, {}, {}, {:#010x}}},\n", insn.code, insn.jt, insn.jf, insn.k);
  }
  text += fmt::format(
      "}};\n"
      "static const struct sock_fprog {}_program = {{\n"
      "    sizeof {}_filter / sizeof {}_filter[0], (struct sock_filter *){}_filter}};\n",
      name, name, name, name);
  return text;
}

}  // namespace sysnare
