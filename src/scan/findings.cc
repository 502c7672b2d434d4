#include "scan/findings.h"

#include <algorithm>
#include <array>

#include "scan/names.h"

namespace sysnare {
namespace {

/// Functions whose arguments say what is loaded, executed or called: those of the C library, and
/// of scan/plug_ins.h. Sorted.
constexpr std::array<std::string_view, 33> kTelling = {
    "ENGINE_by_id",
    "OSSL_PROVIDER_load",
    "OSSL_PROVIDER_try_load",
    kLlvmRealPath,
    "__libc_dlopen_mode",
    "__libc_start_main",
    "bfd_plugin_set_plugin",
    kBindDomain,
    "dlmopen",
    "dlopen",
    "dlsym",
    "dlvsym",
    "execl",
    "execle",
    "execlp",
    "execv",
    "execve",
    "execveat",
    "execvp",
    "execvpe",
    kAccess,
    "fcntl",
    "fexecve",
    "ioctl",
    "popen",
    "posix_spawn",
    "posix_spawnp",
    "prctl",
    "socket",
    "sqlite3_file_control",
    "syscall",
    kSysconf,
    "system",
};

}  // namespace

bool is_telling(std::string_view name) {
  return std::binary_search(kTelling.begin(), kTelling.end(), name) ||
         name.find("syscall") != std::string_view::npos;
}

bool is_asked(std::string_view name) {
  return name == kAccess || name == kSysconf || name == kBindDomain || name == kLlvmRealPath;
}

bool depends_on_caller(const std::vector<Value>& values) {
  return std::any_of(values.begin(), values.end(), [](const Value& value) {
    return value.kind == Value::Kind::kPassed || value.kind == Value::Kind::kPointee;
  });
}

std::uint32_t own_function(const ObjectMap& map, const Target& target) {
  if (target.kind != Target::Kind::kImport) return target.index;
  const DynamicSymbol& symbol = map.dynamic().symbols[target.index];
  return symbol.defined && map.is_code(symbol.vaddr) ? map.function_at(symbol.vaddr) : kNone;
}

bool is_heard(const ObjectMap& map, const Findings& findings, const CallFact& call) {
  if (call.target.kind == Target::Kind::kImport) {
    if (is_telling(map.dynamic().symbols[call.target.index].name)) return true;
    const std::uint32_t own = own_function(map, call.target);
    return own != kNone && findings.asking[own] != 0;
  }
  return call.target.index != kNone && findings.asking[call.target.index] != 0;
}

bool is_for_heard_alone(const PassedFact& fact) {
  return fact.values.empty() || depends_on_caller(fact.values);
}

bool is_linker(const ObjectMap& map) { return map.dynamic().soname.starts_with("ld-"); }

}  // namespace sysnare
