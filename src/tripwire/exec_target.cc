#include "tripwire/exec_target.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <climits>

#include "arch/syscalls.h"
#include "base/fd.h"
#include "base/text.h"
#include "process/memory.h"
#include "tripwire/judge.h"

namespace sysnare {
namespace {

/// fs/exec.c: "#!" lines may name scripts in turn, five deep.
constexpr int kMaxInterpreters = 5;
/// fs/binfmt_script.c looks at BINPRM_BUF_SIZE bytes.
constexpr std::size_t kScriptStart = 256;

std::optional<FileId> id_of(const struct stat& info) { return FileId{info.st_dev, info.st_ino}; }

std::string read_path(pid_t thread, std::uint64_t address) {
  std::array<char, PATH_MAX> buffer{};
  const std::size_t got = read_memory(thread, address, buffer.data(), buffer.size());
  const std::string_view text(buffer.data(), got);
  const std::size_t end = text.find('\0');
  return end == text.npos ? std::string() : std::string(text.substr(0, end));
}

bool same_file(const std::string& a, const std::string& b) {
  const auto first = file_id(a);
  return first && first == file_id(b);
}

Fd open_path(const std::string& path) { return Fd(::open(path.c_str(), O_PATH | O_CLOEXEC)); }

Fd open_below(const Fd& start, const std::string& path, std::uint64_t resolve) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = resolve;
  return Fd(static_cast<int>(::syscall(SYS_openat2, start.get(), path.c_str(), &how, sizeof how)));
}

/// Whether `path` is a program's name for itself, which runc and browsers start again by.
bool names_itself(const std::string& path) {
  return path == "/proc/self/exe" || path == "/proc/thread-self/exe";
}

/// `path` as `thread` would find it from `base` ("cwd", "fd/7"); invalid when it cannot be told.
Fd open_as(pid_t thread, const std::string& base, const std::string& path) {
  const std::string folder = fmt::format("/proc/{}/", thread);
  const bool sees_our_files =
      same_file(folder + "root", "/") && same_file(folder + "ns/mnt", "/proc/self/ns/mnt");
  if (names_itself(path) && sees_our_files) return open_path(folder + "exe");
  // /proc/self on the way would be ours instead of theirs, and its links would lead to our folder
  // and descriptors: links of that kind (magic ones, openat2(2)) are not followed.
  if (path.starts_with('/')) {
    return open_below(open_path(folder + "root"), path, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
  }
  // A symbolic link on the way may be absolute, and would be ours instead of theirs.
  if (!sees_our_files) return {};
  return open_below(open_path(folder + base), path, RESOLVE_NO_MAGICLINKS);
}

/// The interpreter that the "#!" line of `file` names; empty when it has none.
std::string interpreter_of(const Fd& file) {
  struct stat info {};
  // Opening a FIFO would wait for a writer.
  if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) return {};
  const Fd readable(
      ::open(fmt::format("/proc/self/fd/{}", file.get()).c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, kScriptStart> buffer{};
  const ssize_t got = ::read(readable.get(), buffer.data(), buffer.size());
  if (got < 2) return {};
  std::string_view text(buffer.data(), static_cast<std::size_t>(got));
  if (!text.starts_with("#!")) return {};
  text = trim(text.substr(2, text.find('\n') - 2));
  return std::string(text.substr(0, text.find_first_of(" \t")));
}

}  // namespace

std::optional<FileId> file_id(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return std::nullopt;
  return id_of(info);
}

std::optional<FileId> running_file(pid_t process) {
  return file_id(fmt::format("/proc/{}/exe", process));
}

ExecTarget exec_target(pid_t thread, const seccomp_data& data) {
  ExecTarget target;
  const bool at = syscall_name(call_of(data)) == "execveat";
  target.path = read_path(thread, data.args[at ? 1 : 0]);
  std::string base = "cwd";
  const int dirfd = static_cast<int>(data.args[0]);
  if (at && dirfd != AT_FDCWD) base = fmt::format("fd/{}", dirfd);

  Fd file;
  if (!target.path.empty()) {
    file = open_as(thread, base, target.path);
  } else if (at && (data.args[4] & AT_EMPTY_PATH) != 0) {
    file = open_path(fmt::format("/proc/{}/{}", thread, base));
  }
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0) return target;
  target.file = id_of(info);
  target.may_become.push_back(*target.file);
  for (int depth = 0; depth < kMaxInterpreters; ++depth) {
    const std::string interpreter = interpreter_of(file);
    if (interpreter.empty()) break;
    file = open_as(thread, "cwd", interpreter);
    if (!file || ::fstat(file.get(), &info) != 0) break;
    target.may_become.push_back(*id_of(info));
  }
  return target;
}

}  // namespace sysnare
