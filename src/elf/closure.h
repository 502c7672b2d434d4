#pragma once
// Which objects are loaded for this program, from which files, inside this root?
//
// Source: ld.so(8) of glibc 2.36 (search order: DT_RPATH of the object and its parents unless
// DT_RUNPATH, LD_LIBRARY_PATH, DT_RUNPATH, ld.so.cache, default directories), glibc's
// sysdeps/generic/dl-cache.h (cache format "glibc-ld.so.cache1.1"), ld-musl's search (its
// /etc/ld-musl-ARCH.path, else /lib:/usr/local/lib:/usr/lib). ldd is never run. Hardware
// capability subdirectories (glibc-hwcaps/x86-64-v2 ...) are taken into account: the analysed file
// is what this machine's ld.so would take, and the others are named.

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

/// A file system to look in: the host's, a directory's (`--root`), or one unpacked from an image
/// archive. Symbolic links stay inside it (openat2(2) RESOLVE_IN_ROOT).
class FileTree {
 public:
  static Result<FileTree> host();
  static Result<FileTree> directory(const std::string& path);
  /// `docker save` or OCI layout tar, also gzipped; its layers are unpacked (whiteouts honoured) into
  /// a temporary directory that goes with the tree. Errors: kBadInput naming file and offset.
  static Result<FileTree> archive(const std::string& path);

  /// Opens a regular file by its absolute path inside the tree. Errors: kNotFound, kNoPermission.
  [[nodiscard]] Result<Fd> open(const std::string& path) const;
  /// The path inside the tree without symbolic links.
  [[nodiscard]] Result<std::string> resolve(const std::string& path) const;
  /// Names in a directory, sorted; empty where there is none.
  [[nodiscard]] std::vector<std::string> list(const std::string& directory) const;
  [[nodiscard]] bool is_host() const { return host_; }
  /// Entrypoint and Cmd of the image's configuration; empty for others.
  [[nodiscard]] const std::vector<std::string>& image_command() const { return command_; }

 private:
  Fd root_;
  bool host_ = false;
  std::vector<std::string> command_;
  std::shared_ptr<void> unpacked_;  ///< removes the temporary directory
};

/// Looks libraries up as the program's dynamic linker would.
class LibrarySearch {
 public:
  /// Reads ld.so.cache (or musl's path file) of the tree. A damaged cache is as none.
  LibrarySearch(const FileTree& tree, std::uint16_t machine, bool musl);
  /// The path of `name` (DT_NEEDED or a dlopen argument), asked for by an object at `origin` (its
  /// path) with these search lists. Only files of the same machine and class count.
  [[nodiscard]] std::optional<std::string> find(const std::string& name, const std::string& origin,
                                                const std::vector<std::string>& rpath,
                                                const std::vector<std::string>& runpath) const;

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

}  // namespace sysnare
