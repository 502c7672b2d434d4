#include "enforce/call_text.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstring>
#include <filesystem>
#include <iterator>

#include "arch/syscalls.h"
#include "base/text.h"
#include "process/memory.h"

namespace sysnare {
namespace {

/// Registers that a filter sees.
constexpr std::size_t kArgs = 6;
/// As much of a string as a line of text bears.
constexpr std::size_t kMaxShown = 64;

std::string string_at(pid_t pid, std::uint64_t address) {
  std::array<char, kMaxShown + 1> bytes{};
  const std::size_t got = pid == 0 ? 0 : read_memory(pid, address, bytes.data(), bytes.size());
  if (got == 0) return hex(address);
  const std::size_t length = ::strnlen(bytes.data(), got);
  const std::string_view text(bytes.data(), std::min(length, kMaxShown));
  return fmt::format("\"{}\"{}", printable(text), length > kMaxShown ? "..." : "");
}

std::string argument_text(pid_t pid, const SyscallArg& argument, std::uint64_t value) {
  if (argument.is_pointer) {
    if (value == 0) return "NULL";
    if (argument.type == "const char*" || argument.type == "const char *") {
      // The buffer of write and its like has no end of its own.
      if (argument.name != "buf") return string_at(pid, value);
    }
    return hex(value);
  }
  if (argument.bits < 64) value &= (std::uint64_t{1} << argument.bits) - 1;
  if (argument.type == "umode_t" || argument.name == "mode") return fmt::format("{:#o}", value);
  if (argument.is_signed && argument.bits == 32) {
    return std::to_string(static_cast<std::int32_t>(value));
  }
  // Small ones are counts and ids, large ones flags and addresses.
  constexpr std::uint64_t kSmall = 4096;
  return value < kSmall ? std::to_string(value) : hex(value);
}

/// Arguments that name something in the file system, by the kernel's own names for them
/// (data/syscall-args.tsv). What else is a const char*: names of attributes, keys and types, and
/// buffers. mount and umount2 lack the const.
bool names_a_file(const SyscallArg& argument) {
  constexpr std::string_view kNames[] = {"dir_name", "filename",    "from_pathname", "newname",
                                         "new_root", "oldname",     "path",          "pathname",
                                         "put_old",  "specialfile", "to_pathname"};
  return argument.is_pointer &&
         std::find(std::begin(kNames), std::end(kNames), argument.name) != std::end(kNames);
}

std::string path_at(pid_t thread, std::uint64_t address) {
  std::array<char, PATH_MAX> bytes{};
  const std::size_t got = read_memory(thread, address, bytes.data(), bytes.size());
  return std::string(bytes.data(), ::strnlen(bytes.data(), got));
}

}  // namespace

std::string path_text(pid_t thread, const seccomp_data& data) {
  const auto nr = static_cast<std::uint32_t>(data.nr);
  const std::optional<Abi> abi = abi_of(data.arch, nr);
  if (!abi) return {};
  const std::string_view name = syscall_name({*abi, nr});
  const SyscallSignature signature = syscall_signature(name);
  std::string text;
  for (std::size_t i = 0; signature.known && i < std::min(signature.args.size(), kArgs); ++i) {
    if (!names_a_file(signature.args[i])) continue;
    const std::string path = path_at(thread, data.args[i]);
    if (path.empty()) continue;
    text += (text.empty() ? "" : " -> ") + path;
  }
  if (text.empty() && name == "execveat" && (data.args[4] & AT_EMPTY_PATH) != 0) {
    std::error_code failed;
    const auto file = std::filesystem::read_symlink(
        fmt::format("/proc/{}/fd/{}", thread, static_cast<int>(data.args[0])), failed);
    if (!failed) text = file.string();
  }
  return text;
}

std::string call_text(pid_t pid, const seccomp_data& data) {
  const auto nr = static_cast<std::uint32_t>(data.nr);
  const std::optional<Abi> abi = abi_of(data.arch, nr);
  if (!abi) return fmt::format("call {} of architecture {:#x}", data.nr, data.arch);
  std::string text = *abi == native_abi() ? "" : std::string(abi_name(*abi)) + " ";
  const Call call{*abi, nr};
  text += call_label(call);
  const std::string_view name = syscall_name(call);
  const SyscallSignature signature = syscall_signature(name);
  if (name.empty() || !signature.known) return text + "(...)";
  text += "(";
  for (std::size_t i = 0; i < std::min(signature.args.size(), kArgs); ++i) {
    if (i > 0) text += ", ";
    text += argument_text(pid, signature.args[i], data.args[i]);
  }
  return text + ")";
}

}  // namespace sysnare
