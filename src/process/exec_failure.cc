#include "process/exec_failure.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "base/fd.h"
#include "base/text.h"
#include "elf/identity.h"

namespace sysnare {
namespace {

/// What the kernel looks at to tell what a file is: BINPRM_BUF_SIZE, include/uapi/linux/binfmts.h.
constexpr std::size_t kStart = 256;

/// The first bytes of a regular file; empty when it has none or may not be read.
std::string start_of(const std::string& path) {
  // Not blocking: what stands there now may be a FIFO.
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) return {};
  std::array<char, kStart> bytes{};
  const ssize_t got = ::read(file.get(), bytes.data(), bytes.size());
  return std::string(bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
}

bool is_empty(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && info.st_size == 0;
}

/// The interpreter that a "#!" line names; empty when it names none.
std::string interpreter_in(std::string_view start) {
  const std::string_view line = trim(start.substr(2, start.find('\n') - 2));
  return std::string(line.substr(0, line.find_first_of(" \t")));
}

std::string missing_part(const std::string& path) {
  const std::string start = start_of(path);
  if (start.starts_with("#!")) {
    return fmt::format("its interpreter {} (in its #! line) does not exist",
                       printable(interpreter_in(start)));
  }
  if (const Result<ElfIdentity> elf = elf_identity(path); elf && !elf->interpreter.empty()) {
    return fmt::format("its dynamic loader {} does not exist", printable(elf->interpreter));
  }
  return "what it is started by (the interpreter of a script, the dynamic loader of a program) "
         "does not exist";
}

std::string unknown_format(const std::string& path) {
  if (is_empty(path)) return "it is empty";
  const std::string start = start_of(path);
  if (start.starts_with("\177ELF")) {
    return "an ELF file that this kernel does not run: damaged, or for another machine";
  }
  if (start.starts_with("#!")) return "its #! line names no interpreter";
  return fmt::format(
      "neither a program for this machine nor a script with a #! line; a script without one is "
      "started by its shell, as in `sh {}`",
      printable(path));
}

}  // namespace

std::string exec_failure_sentence(const std::string& path, int sys_errno) {
  std::string why;
  switch (sys_errno) {
    case ENOENT:
      why = missing_part(path);
      break;
    case ENOEXEC:
      why = unknown_format(path);
      break;
    default:
      why = std::strerror(sys_errno);
      break;
  }
  return fmt::format("{}: cannot be executed: {}", printable(path), why);
}

std::string script_interpreter(const std::string& path) {
  const std::string start = start_of(path);
  return start.starts_with("#!") ? interpreter_in(start) : std::string();
}

}  // namespace sysnare
