#pragma once
// Which objects are loaded for this program, from which files, inside this root?
//
// Source: ld.so(8) of glibc 2.36 (search order: DT_RPATH of the object and its parents unless
// DT_RUNPATH, LD_LIBRARY_PATH, DT_RUNPATH, ld.so.cache, default directories), glibc's
// sysdeps/generic/dl-cache.h (cache format "glibc-ld.so.cache1.1"), ld-musl's search (its
// /etc/ld-musl-ARCH.path, else /lib:/usr/local/lib:/usr/lib). ldd is never run. Hardware
// capability subdirectories (glibc-hwcaps/x86-64-v2 ...) are taken into account: the analysed file
// is what this machine's ld.so would take, and the others are named. So are the subdirectories of
// before (tls/, haswell/, x86_64/), which glibc has searched up to 2.36. Not modelled:
// LD_LIBRARY_PATH and what else the environment says, and relative elements of search lists (by
// the working directory; left out).

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "elf/dynamic.h"
#include "elf/image.h"

namespace sysnare {

/// Most names of one directory that are listed; /usr/bin of a full desktop has about 5,000.
inline constexpr std::size_t kMaxDirectoryNames = 1u << 18;
/// Largest image archive, once unpacked, and its files: images for machine learning have some 20 GB
/// and 300,000.
inline constexpr std::uint64_t kMaxArchiveBytes = 32ull << 30;
inline constexpr std::size_t kMaxArchiveFiles = 2u << 20;

/// A file system to look in: the host's, a directory's (`--root`), or one unpacked from an image
/// archive. Symbolic links stay inside it (openat2(2) RESOLVE_IN_ROOT, Linux 5.6).
class FileTree {
 public:
  static Result<FileTree> host();
  static Result<FileTree> directory(const std::string& path);
  /// `docker save` or OCI layout tar, also gzipped; its layers are unpacked (whiteouts honoured,
  /// devices left out, owners and permissions not kept) into a temporary directory that goes with
  /// the tree. Errors: kBadInput naming file and offset, kLimit, kUnsupported (layers of zstd, an
  /// archive of several images).
  static Result<FileTree> archive(const std::string& path);

  /// Opens a regular file by its absolute path inside the tree. Errors: kNotFound, kNoPermission,
  /// kBadInput for what is no regular file (a device is not even opened).
  [[nodiscard]] Result<Fd> open(const std::string& path) const;
  /// The path inside the tree without symbolic links. Errors: as open(); any kind of file will do.
  [[nodiscard]] Result<std::string> resolve(const std::string& path) const;
  /// The whole of a regular file, for lists and configuration. Errors: as open(); kLimit.
  [[nodiscard]] Result<std::string> read(const std::string& path, std::size_t limit) const;
  /// Names in a directory, sorted; empty where there is none.
  [[nodiscard]] std::vector<std::string> list(const std::string& directory) const;
  /// Of the host's files what lstat(2) says, without opening them; nothing of other trees.
  [[nodiscard]] std::optional<struct stat> status(const std::string& path) const;
  [[nodiscard]] bool is_host() const { return host_; }
  /// Entrypoint and Cmd of the image's configuration; empty for others.
  [[nodiscard]] const std::vector<std::string>& image_command() const { return command_; }

 private:
  [[nodiscard]] Result<Fd> open_as(const std::string& path, int flags) const;
  [[nodiscard]] Failure no_file(const std::string& path) const;
  Fd root_;
  std::string root_name_;  ///< in messages, before the path; empty for the host
  bool host_ = false;
  std::vector<std::string> command_;
  std::shared_ptr<void> unpacked_;  ///< removes the temporary directory
};

/// Looks libraries up as the program's dynamic linker would.
class LibrarySearch {
 public:
  /// Reads ld.so.cache (or musl's path file) of the tree, which must outlive this. A damaged cache
  /// is as none.
  LibrarySearch(const FileTree& tree, std::uint16_t machine, bool musl);
  /// The path of `name` (DT_NEEDED or a dlopen argument), asked for by an object at `origin` (its
  /// path) with these search lists. Only files of the same machine and class count. The path is as
  /// ld.so prints it: FileTree::resolve() gives that of the file itself.
  /// An object without DT_RUNPATH is also looked up by DT_RPATH of those that loaded it: append
  /// expand(their rpath, their path) to its own.
  [[nodiscard]] std::optional<std::string> find(const std::string& name, const std::string& origin,
                                                const std::vector<std::string>& rpath,
                                                const std::vector<std::string>& runpath) const;
  /// Search lists with $ORIGIN, $LIB and $PLATFORM replaced, in the order they are tried.
  [[nodiscard]] std::vector<std::string> expand(const std::vector<std::string>& directories,
                                                const std::string& origin) const;
  /// Files of the same name that the ld.so of another processor would take instead of `path`.
  [[nodiscard]] std::vector<std::string> for_other_processors(const std::string& path) const;
  /// What /etc/ld.so.preload says is loaded into every program; names or paths.
  [[nodiscard]] std::vector<std::string> preloaded() const;

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

}  // namespace sysnare
