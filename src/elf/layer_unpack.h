#pragma once
// How do the layers of a container image become one tree of files? For .cc files of this room
// alone.
//
// Source: OCI image specification 1.1, "Image Layer Filesystem Changeset" (whiteouts, opaque
// directories, what replaces what). Nothing leaves the root: paths are cut at it, and symbolic
// links are followed inside it by the kernel (elf/in_root.h).

#include <set>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "elf/tar_reader.h"

namespace sysnare {

/// Most bytes of paths of one layer; those of 2 million files.
inline constexpr std::uint64_t kMaxLayerPathBytes = 256u << 20;

/// `path` without empty parts, "." and ".."; empty: the root itself. No ".." leads above it.
std::string path_inside(const std::string& path);

class LayerUnpacker {
 public:
  /// `root`: an empty directory of ours.
  explicit LayerUnpacker(Fd root) : root_(std::move(root)) {}
  /// Applies one layer. Errors: of the reader; kBadInput for entries that cannot be made; kLimit;
  /// kSystem (no space).
  Result<void> apply(ByteStream& layer);

 private:
  Result<void> add(TarReader& reader, const TarEntry& entry);
  Result<void> add_file(TarReader& reader, const TarEntry& entry, const Fd& folder,
                        const std::string& name);
  Result<void> white_out(const std::string& folder, const std::string& name);
  /// The directory of `path`, made where it is not there.
  Result<Fd> folder_of(const std::string& path);
  void remove_lower(const Fd& folder, const std::string& name, const std::string& path, int depth);
  [[nodiscard]] bool made_here(const std::string& path) const;

  Fd root_;
  std::set<std::string> made_;     ///< by the layer in work
  std::set<std::string> skipped_;  ///< devices, in any layer
  std::uint64_t path_bytes_ = 0;
  std::uint64_t bytes_ = 0;
  std::size_t files_ = 0;
};

}  // namespace sysnare
