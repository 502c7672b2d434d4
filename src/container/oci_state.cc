#include "container/oci_state.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

namespace sysnare {
namespace {

using json::Cursor;

/// PID_MAX_LIMIT, include/linux/threads.h, Linux 6.18.
constexpr std::uint64_t kMaxPid = 4u << 20;
/// NAME_MAX, include/uapi/linux/limits.h, less ".evidence.json" and ".10000".
constexpr std::size_t kMaxId = 230;
constexpr std::size_t kMaxShown = 200;
constexpr int kMaxTaken = 10'000;
constexpr mode_t kOthersWrite = S_IWGRP | S_IWOTH;

/// The ids that runc takes (libcontainer/factory_linux.go), and crun too: no slash, no "..".
bool can_be_id(std::string_view id) {
  return !id.empty() && id.size() <= kMaxId && id != "." && id != ".." &&
         std::all_of(id.begin(), id.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  std::string_view("_+-.").find(c) != std::string_view::npos;
         });
}

std::string shown(std::string_view text) { return printable(text.substr(0, kMaxShown)); }

/// Without the slashes at the end.
std::string_view trimmed(std::string_view folder) {
  while (folder.size() > 1 && folder.ends_with('/')) folder.remove_suffix(1);
  return folder;
}

int open_beneath(int folder, const std::string& path) {
  open_how how{};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return static_cast<int>(::syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how));
}

}  // namespace

Result<OciState> parse_oci_state(std::string_view text) {
  constexpr std::string_view kSource = "the state on standard input";
  Result<json::Value> value = json::parse(text, kSource);
  if (!value) return propagate(value);
  const Cursor top(*value, kSource);
  if (!top.is_object()) return top.fail("an object is needed here");
  OciState state;
  Result<Cursor> id = top.at("id");
  if (!id) return propagate(id);
  Result<std::string> id_text = id->string();
  if (!id_text) return propagate(id_text);
  if (!can_be_id(*id_text)) {
    return id->fail("\"{}\" is no container's id: letters, digits and _ + - . are allowed",
                    shown(*id_text));
  }
  state.id = std::move(*id_text);
  Result<Cursor> pid_at = top.at("pid");
  if (!pid_at) return propagate(pid_at);
  Result<std::uint64_t> pid = pid_at->u64(1, kMaxPid);
  if (!pid) return propagate(pid);
  state.pid = static_cast<pid_t>(*pid);
  auto members = top.members_of("annotations");
  if (!members) return propagate(members);
  for (const auto& [name, at] : *members) {
    Result<std::string> annotation = at.string();
    if (!annotation) return propagate(annotation);
    state.annotations[name] = std::move(*annotation);
  }
  return state;
}

Workload workload_of(const OciState& state, std::string_view runtime) {
  // containerd's CRI plugin, CRI-O; Podman tells nothing of the kind.
  constexpr std::string_view kNames[] = {"io.kubernetes.cri.container-name",
                                         "io.kubernetes.cri-o.ContainerName",
                                         "io.kubernetes.container.name"};
  constexpr std::string_view kImages[] = {"io.kubernetes.cri.image-name",
                                          "io.kubernetes.cri-o.ImageName"};
  const auto first_of = [&](const auto& keys) -> std::string {
    for (std::string_view key : keys) {
      const auto found = state.annotations.find(std::string(key));
      if (found != state.annotations.end()) return found->second;
    }
    return "";
  };
  Workload workload{.engine = "oci", .id = state.id};
  if (runtime == "runc" || runtime == "crun") workload.engine = workload.runtime = runtime;
  workload.name = first_of(kNames);
  workload.image = first_of(kImages);
  return workload;
}

Result<std::optional<std::string>> hook_file(const OciState& state, const std::string& folder) {
  const auto annotation = state.annotations.find(std::string(kOutputAnnotation));
  if (annotation == state.annotations.end()) return std::optional<std::string>();
  const std::string own_name = state.id + ".evidence.json";
  std::string_view path = annotation->second;
  if (path.empty()) return std::optional(own_name);
  const std::string above = std::string(trimmed(folder)) + "/";
  const auto refuse = [&](std::string_view why) {
    return fail(Errc::kUsage,
                "annotation {}: \"{}\" {}; a path below {} is allowed, or none for {}{}",
                kOutputAnnotation, shown(path), why, trimmed(folder), above, own_name);
  };
  if (path == trimmed(folder)) return std::optional(own_name);
  if (!path.starts_with(above)) return refuse("is not below the folder of this hook");
  std::string name(path.substr(above.size()));
  for (std::string_view part : split(trimmed(name), '/')) {
    if (part == "..") return refuse("has .. in it");
  }
  if (name.find('\0') != std::string::npos) return refuse("has a NUL in it");
  if (name.empty() || name.ends_with('/')) name += own_name;
  return std::optional(name);
}

Result<SafeFile> SafeFile::prepare(const std::string& folder, const std::string& name) {
  if (!folder.starts_with('/')) {
    return fail(Errc::kUsage, "{}: an absolute path is needed", shown(folder));
  }
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail_errno(errno, "making {}", shown(folder));
  }
  const Fd top(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!top) return fail_errno(errno, "{}", shown(folder));
  struct stat info {};
  if (::fstat(top.get(), &info) != 0) return fail_errno(errno, "{}", shown(folder));
  if ((info.st_mode & kOthersWrite) != 0 || (info.st_uid != 0 && info.st_uid != ::geteuid())) {
    return fail(Errc::kNoPermission,
                "{}: others than root may write to it (mode {:o}); evidence goes to a folder of "
                "root's with mode 0755 or less",
                shown(folder), info.st_mode & 07777);
  }
  SafeFile file;
  file.folder_ = folder;
  file.name_ = name;
  const std::size_t slash = name.rfind('/');
  file.last_ = name.substr(slash + 1);  // npos + 1 is 0
  const std::string above = slash == std::string::npos ? "." : name.substr(0, slash);
  file.parent_.reset(open_beneath(top.get(), above));
  if (!file.parent_) return fail_errno(errno, "{}/{}", shown(folder), shown(above));
  return file;
}

std::string SafeFile::path() const { return std::string(trimmed(folder_)) + "/" + name_; }

std::string SafeFile::temporary() const {
  return fmt::format(".{}.{}", last_.substr(0, kMaxId), ::getpid());
}

Result<SafeFile::Saved> SafeFile::write_temporary(std::string_view text) const {
  const std::string name = temporary();
  Fd out(::openat(parent_.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                  0600));
  if (!out) return fail_errno(errno, "{}", shown(path()));
  Result<void> written = write_all(out.get(), text);
  if (written && ::fsync(out.get()) != 0) written = fail_errno(errno, "writing");
  struct stat info {};
  if (written && ::fstat(out.get(), &info) != 0) written = fail_errno(errno, "writing");
  if (written) return Saved{"", info.st_dev, info.st_ino};
  ::unlinkat(parent_.get(), name.c_str(), 0);
  return propagate(written, "{}", shown(path()));
}

Result<std::string> SafeFile::name_it() const {
  for (int taken = 1; taken <= kMaxTaken; ++taken) {
    const std::string suffix = taken == 1 ? "" : fmt::format(".{}", taken);
    if (::renameat2(parent_.get(), temporary().c_str(), parent_.get(), (last_ + suffix).c_str(),
                    RENAME_NOREPLACE) == 0) {
      return suffix;
    }
    if (errno == EEXIST) continue;
    const int error = errno;
    ::unlinkat(parent_.get(), temporary().c_str(), 0);
    return fail_errno(error, "{}: naming it", shown(path()));
  }
  ::unlinkat(parent_.get(), temporary().c_str(), 0);
  return fail(Errc::kLimit, "{} and {} more names are taken", shown(path()), kMaxTaken - 1);
}

Result<std::string> SafeFile::write(std::string_view text) const {
  Result<Saved> written = write_temporary(text);
  if (!written) return propagate(written);
  Result<std::string> suffix = name_it();
  if (!suffix) return suffix;
  return path() + *suffix;
}

bool SafeFile::is_there(const Saved& saved) const {
  struct stat info {};
  return ::fstatat(parent_.get(), (last_ + saved.suffix).c_str(), &info, AT_SYMLINK_NOFOLLOW) ==
             0 &&
         info.st_dev == saved.device && info.st_ino == saved.inode;
}

Result<std::string> SafeFile::save(std::string_view text) {
  Result<Saved> written = write_temporary(text);
  if (!written) return propagate(written);
  if (saved_ && is_there(*saved_)) {
    written->suffix = saved_->suffix;
    if (::renameat(parent_.get(), temporary().c_str(), parent_.get(),
                   (last_ + written->suffix).c_str()) != 0) {
      const int error = errno;
      ::unlinkat(parent_.get(), temporary().c_str(), 0);
      return fail_errno(error, "{}: replacing it", shown(path()));
    }
  } else {
    Result<std::string> suffix = name_it();
    if (!suffix) return suffix;
    written->suffix = std::move(*suffix);
  }
  saved_ = std::move(*written);
  return path() + saved_->suffix;
}

}  // namespace sysnare
