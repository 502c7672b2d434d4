#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <memory>

#include "elf/closure.h"
#include "elf/in_root.h"

namespace sysnare {
namespace {

/// Where the file behind a descriptor is, in this process's view.
Result<std::string> path_of(const Fd& file) {
  const std::string link = "/proc/self/fd/" + std::to_string(file.get());
  std::array<char, PATH_MAX + 1> target{};
  const ssize_t length = ::readlink(link.c_str(), target.data(), target.size());
  if (length < 0) return fail_errno(errno, "cannot read {}", link);
  return std::string(target.data(), static_cast<std::size_t>(length));
}

}  // namespace

Result<FileTree> FileTree::host() {
  Result<FileTree> tree = directory("/");
  if (!tree) return propagate(tree);
  tree->host_ = true;
  tree->root_name_.clear();
  return tree;
}

Result<FileTree> FileTree::directory(const std::string& path) {
  FileTree tree;
  tree.root_.reset(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!tree.root_) return fail_errno(errno, "cannot open {}", path);
  tree.root_name_ = path + ": ";
  return tree;
}

Result<Fd> FileTree::open_as(const std::string& path, int flags) const {
  // The host's paths mean what they mean to any program, /proc/PID/root included.
  Fd file = host_ ? Fd(::openat(root_.get(), path.c_str(), flags | O_CLOEXEC))
                  : open_in_root(root_.get(), path, flags);
  if (!file) return no_file(path);
  return file;
}

/// After a failed call.
Failure FileTree::no_file(const std::string& path) const {
  // ENOTDIR and ELOOP: no file of that name either.
  const int error = errno == ENOTDIR || errno == ELOOP ? ENOENT : errno;
  return fail_errno(error, "{}cannot open {}", root_name_, path);
}

std::optional<struct stat> FileTree::status(const std::string& path) const {
  struct stat status {};
  if (!host_ || ::fstatat(root_.get(), path.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return std::nullopt;
  }
  return status;
}

Result<Fd> FileTree::open(const std::string& path) const {
  // First without opening it: of a device that alone may do something.
  struct stat status {};
  if (!host_) {
    Result<Fd> place = open_as(path, O_PATH);
    if (!place) return propagate(place);
    if (::fstat(place->get(), &status) != 0) {
      return fail_errno(errno, "{}cannot stat {}", root_name_, path);
    }
  } else if (::fstatat(root_.get(), path.c_str(), &status, 0) != 0) {
    return no_file(path);
  }
  if (!S_ISREG(status.st_mode)) {
    return fail(Errc::kBadInput, "{}{}: not a regular file", root_name_, path);
  }
  return open_as(path, O_RDONLY | O_NOCTTY | O_NONBLOCK);
}

Result<std::string> FileTree::resolve(const std::string& path) const {
  Result<Fd> file = open_as(path, O_PATH);
  if (!file) return propagate(file);
  Result<std::string> full = path_of(*file);
  if (!full || host_) return full;
  Result<std::string> root = path_of(root_);
  if (!root) return propagate(root);
  if (*root == "/") return full;
  if (*full == *root) return std::string("/");
  if (!full->starts_with(*root + "/")) {
    return fail(Errc::kNotFound, "{}{}: not inside the root {}", root_name_, path, *root);
  }
  return full->substr(root->size());
}

Result<std::string> FileTree::read(const std::string& path, std::size_t limit) const {
  Result<Fd> file = open(path);
  if (!file) return propagate(file);
  std::string text;
  std::array<char, 65536> part{};
  for (;;) {
    const ssize_t got = ::read(file->get(), part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(errno, "{}cannot read {}", root_name_, path);
    if (got == 0) return text;
    text.append(part.data(), static_cast<std::size_t>(got));
    if (text.size() > limit) {
      return fail(Errc::kLimit, "{}{}: more than {} bytes", root_name_, path, limit);
    }
  }
}

std::vector<std::string> FileTree::list(const std::string& directory) const {
  std::vector<std::string> names;
  Result<Fd> folder = open_as(directory, O_RDONLY | O_DIRECTORY);
  if (!folder) return names;
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(folder->get()), ::closedir);
  if (stream == nullptr) return names;
  folder->release();
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != ".." && names.size() < kMaxDirectoryNames) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace sysnare
