#include "elf/layer_unpack.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <vector>

#include "base/file.h"
#include "base/text.h"
#include "elf/closure.h"
#include "elf/in_root.h"

namespace sysnare {
namespace {

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";
/// Directories nested deeper than a path can name.
constexpr int kMaxDepth = 2048;

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}
std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

/// Removes a file or a whole directory; a symbolic link is not followed.
void remove_all(const Fd& folder, const std::string& name) {
  std::error_code ignored;
  std::filesystem::remove_all("/proc/self/fd/" + std::to_string(folder.get()) + "/" + name,
                              ignored);
}

bool is_directory(const Fd& folder, const std::string& name) {
  struct stat status {};
  return ::fstatat(folder.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISDIR(status.st_mode);
}

std::vector<std::string> names_in(int folder) {
  std::vector<std::string> names;
  const int copy = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) return names;
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(copy), ::closedir);
  while (const dirent* entry = stream == nullptr ? nullptr : ::readdir(stream.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  return names;
}

}  // namespace

std::string path_inside(const std::string& path) {
  std::vector<std::string_view> parts;
  for (const std::string_view part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
    } else if (!parts.empty()) {
      parts.pop_back();
    }
  }
  std::string inside;
  for (const std::string_view part : parts) {
    if (!inside.empty()) inside += '/';
    inside += part;
  }
  return inside;
}

bool LayerUnpacker::made_here(const std::string& path) const {
  if (made_.contains(path)) return true;
  const auto below = made_.lower_bound(path + "/");
  return below != made_.end() && below->starts_with(path + "/");
}

Result<Fd> LayerUnpacker::folder_of(const std::string& path) {
  const std::string folder = parent_of(path);
  Fd opened = open_in_root(root_.get(), folder.empty() ? "." : folder, O_PATH | O_DIRECTORY);
  if (opened || errno != ENOENT || folder.empty()) {
    if (!opened) return fail_errno(errno, "cannot open {}", folder);
    return opened;
  }
  Result<Fd> above = folder_of(folder);  // a path has at most 2048 parts
  if (!above) return above;
  if (::mkdirat(above->get(), name_of(folder).c_str(), 0700) != 0 && errno != EEXIST) {
    return fail_errno(errno, "cannot make {}", folder);
  }
  opened = open_in_root(root_.get(), folder, O_PATH | O_DIRECTORY);
  if (!opened) return fail_errno(errno, "cannot open {}", folder);
  return opened;
}

// What this layer made itself stays, in whatever order its entries come.
void LayerUnpacker::remove_lower(const Fd& folder, const std::string& name, const std::string& path,
                                 int depth) {
  if (!made_here(path)) {
    remove_all(folder, name);
    return;
  }
  if (depth > kMaxDepth || !is_directory(folder, name)) return;
  const Fd below(
      ::openat(folder.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!below) return;
  for (const std::string& each : names_in(below.get())) {
    remove_lower(below, each, path + "/" + each, depth + 1);
  }
}

Result<void> LayerUnpacker::white_out(const std::string& folder, const std::string& name) {
  const Fd opened =
      open_in_root(root_.get(), folder.empty() ? "." : folder, O_RDONLY | O_DIRECTORY);
  if (!opened) return {};  // nothing is there to be removed
  const std::string front = folder.empty() ? "" : folder + "/";
  if (name == kOpaque) {
    for (const std::string& each : names_in(opened.get())) {
      remove_lower(opened, each, front + each, 0);
    }
    return {};
  }
  const std::string hidden = name.substr(kWhiteout.size());
  // ".wh..wh.*" are notes of aufs to itself; ".", ".." and nothing name no file.
  if (hidden.empty() || hidden == "." || hidden == ".." || hidden.starts_with(kWhiteout)) return {};
  remove_lower(opened, hidden, front + hidden, 0);
  return {};
}

Result<void> LayerUnpacker::add_file(TarReader& reader, const TarEntry& entry, const Fd& folder,
                                     const std::string& name) {
  const Fd file(::openat(folder.get(), name.c_str(),
                         O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                         entry.executable ? 0700 : 0600));
  if (!file) return fail_errno(errno, "cannot make {}", entry.path);
  bytes_ += entry.size;
  if (bytes_ > kMaxArchiveBytes) {
    return fail(Errc::kLimit, "layers of more than {} bytes", kMaxArchiveBytes);
  }
  const auto part = std::make_unique<std::array<char, 1u << 18>>();
  for (std::uint64_t left = entry.size; left > 0;) {
    Result<std::size_t> got =
        reader.read(part->data(), std::min<std::uint64_t>(left, part->size()));
    if (!got) return propagate(got);
    Result<void> written = write_all(file.get(), {part->data(), *got});
    if (!written) return propagate(written, "cannot write {}", entry.path);
    left -= *got;
  }
  return {};
}

Result<void> LayerUnpacker::add(TarReader& reader, const TarEntry& entry) {
  const std::string path = path_inside(entry.path);
  if (path.empty()) return {};  // the root itself
  const std::string name = name_of(path);
  if (name.starts_with(kWhiteout)) return white_out(parent_of(path), name);
  if (entry.type == TarEntry::Type::kOther) {
    skipped_.insert(path);
    return {};
  }
  const std::string target = path_inside(entry.link);
  if (entry.type == TarEntry::Type::kHardLink) {
    if (skipped_.contains(target)) skipped_.insert(path);
    if (target == path || skipped_.contains(target)) return {};
  }
  Result<Fd> folder = folder_of(path);
  if (!folder) return propagate(folder);
  made_.insert(path);
  path_bytes_ += path.size();
  if (entry.type == TarEntry::Type::kDirectory && is_directory(*folder, name)) return {};
  remove_all(*folder, name);
  switch (entry.type) {
    case TarEntry::Type::kFile:
      return add_file(reader, entry, *folder, name);
    case TarEntry::Type::kDirectory:
      if (::mkdirat(folder->get(), name.c_str(), 0700) == 0) return {};
      return fail_errno(errno, "cannot make {}", path);
    case TarEntry::Type::kSymbolicLink:
      // Wherever it leads: it is only ever followed inside the root.
      if (::symlinkat(entry.link.c_str(), folder->get(), name.c_str()) == 0) return {};
      return fail_errno(errno, "cannot make {}", path);
    default: {
      const std::string above = parent_of(target);
      const Fd from = open_in_root(root_.get(), above.empty() ? "." : above, O_PATH | O_DIRECTORY);
      if (from && !target.empty() &&
          ::linkat(from.get(), name_of(target).c_str(), folder->get(), name.c_str(), 0) == 0) {
        return {};
      }
      return fail(Errc::kBadInput, "{}: a hard link to {}, which is not there", path, target);
    }
  }
}

Result<void> LayerUnpacker::apply(ByteStream& layer) {
  made_.clear();
  path_bytes_ = 0;
  TarReader reader(layer);
  TarEntry entry;
  for (;;) {
    Result<bool> more = reader.next(entry);
    if (!more) return propagate(more);
    if (!*more) return {};
    if (++files_ > kMaxArchiveFiles || path_bytes_ > kMaxLayerPathBytes) {
      return fail(Errc::kLimit, "{}: more than {} files, or paths of more than {} bytes",
                  layer.name(), kMaxArchiveFiles, kMaxLayerPathBytes);
    }
    if (Result<void> added = add(reader, entry); !added) {
      return propagate(added, "{}", layer.name());
    }
  }
}

}  // namespace sysnare
