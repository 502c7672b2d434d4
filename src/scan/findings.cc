#include "scan/findings.h"

#include <algorithm>
#include <array>

namespace sysnare {
namespace {

/// Functions of the C library whose arguments say what is loaded, executed or called: sorted.
constexpr std::array<std::string_view, 22> kTelling = {
    "__libc_dlopen_mode",
    "__libc_start_main",
    "dlmopen",
    "dlopen",
    "execl",
    "execle",
    "execlp",
    "execv",
    "execve",
    "execveat",
    "execvp",
    "execvpe",
    "fcntl",
    "fexecve",
    "ioctl",
    "popen",
    "posix_spawn",
    "posix_spawnp",
    "prctl",
    "socket",
    "syscall",
    "system",
};

}  // namespace

bool is_telling(std::string_view name) {
  return std::binary_search(kTelling.begin(), kTelling.end(), name) ||
         name.find("syscall") != std::string_view::npos;
}

bool depends_on_caller(const std::vector<Value>& values) {
  return std::any_of(values.begin(), values.end(), [](const Value& value) {
    return value.kind == Value::Kind::kPassed || value.kind == Value::Kind::kPointee;
  });
}

bool is_heard(const ObjectMap& map, const Findings& findings, const CallFact& call) {
  if (call.target.kind == Target::Kind::kImport) {
    return is_telling(map.dynamic().symbols[call.target.index].name);
  }
  return call.target.index != kNone && findings.asking[call.target.index] != 0;
}

bool is_linker(const ObjectMap& map) { return map.dynamic().soname.starts_with("ld-"); }

}  // namespace sysnare
