#pragma once
// What does a scan ask of the file system that its program lives in?
//
// Everything that decides which objects a program loads passes here, so that an earlier result can
// be checked by asking the same again (scan/result_file.h), and tests can answer as they like.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "scan/file_stamp.h"

namespace sysnare {

class FileTree;

/// As LibrarySearch::find() has it.
struct LibraryQuestion {
  std::uint16_t machine = 0;  ///< EM_*
  bool musl = false;
  std::string name;
  std::string origin;  ///< path of the object that asks
  std::vector<std::string> rpath;
  std::vector<std::string> runpath;
  auto operator<=>(const LibraryQuestion&) const = default;
};

/// What stands at a path itself.
struct PathLook {
  FileStamp stamp;
  bool is_file = false;  ///< a regular one; a symbolic link is none
};

class Surroundings {
 public:
  Surroundings() = default;
  virtual ~Surroundings() = default;
  Surroundings(const Surroundings&) = delete;
  Surroundings& operator=(const Surroundings&) = delete;

  /// A regular file. Safe to call from several threads; the others are not.
  [[nodiscard]] virtual Result<Fd> open(const std::string& path) const = 0;
  /// The path without symbolic links; nothing where there is no such file.
  [[nodiscard]] virtual std::optional<std::string> resolve(const std::string& path) const = 0;
  /// Names in a directory, sorted; empty where there is none.
  [[nodiscard]] virtual std::vector<std::string> list(const std::string& directory) const = 0;
  [[nodiscard]] virtual std::optional<std::string> find_library(
      const LibraryQuestion& question) const = 0;
  /// What is at `path`, without opening it and without following a link at its end. Nothing where
  /// there is nothing, or where that cannot be said more cheaply than by the questions above.
  [[nodiscard]] virtual std::optional<PathLook> look(const std::string& path) const {
    (void)path;
    return std::nullopt;
  }
};

/// The beginning of a file, at most `limit` bytes; empty where it cannot be read.
std::string read_beginning(const Surroundings& around, const std::string& path, std::size_t limit);

/// Those of a file tree, which must outlive them.
std::unique_ptr<Surroundings> surroundings_of(const FileTree& tree);

}  // namespace sysnare
