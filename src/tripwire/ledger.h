#pragma once
// Which alert is the first of its kind, and how often did each kind come?
//
// A kind is (executable, call, grade, module+offset, path) under one profile. The first of each
// goes out at once and is never held back; the others are counted and summed up. The path belongs
// to it because a program makes all its execs, or folders, from the one instruction of its libc:
// what is executed, or made, is what a person wants to know (docs/adr/0061-paths-are-told.md).

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "alert/alert.h"

namespace sysnare {

/// Kinds that one process may make before its further kinds are counted by call alone: a program
/// with a JIT compiler has a new site for each piece of code, and an attacker as many as he likes.
inline constexpr std::size_t kMaxKindsOfProcess = 4096;
/// Kinds in all: many processes times the limit above.
inline constexpr std::size_t kMaxKinds = 65536;
/// Texts of the kinds and their alerts in all. A program has a command line and a path of 4 KB each
/// for the asking; kMaxKinds of those would be a gigabyte. Ordinary alerts have some 500 bytes.
inline constexpr std::size_t kMaxKindText = 64u << 20;

/// Paths that are told one by one of what else is equal in a kind; all further ones are one kind. A
/// program that reads a tree has thousands.
inline constexpr std::size_t kMaxPaths = 32;
/// The same of an exec, where another path is another program.
inline constexpr std::size_t kMaxExecPaths = 256;

struct AlertKind {
  std::string executable;
  Call call;
  Grade grade = Grade::kUnknown;
  std::string module;
  std::uint64_t offset = 0;
  std::string path = {};     ///< empty for a call that names none
  bool other_paths = false;  ///< the kind of all paths past the limit
  auto operator<=>(const AlertKind&) const = default;
};

class Ledger {
 public:
  /// Counts one call. True when it is the first of its kind: then call first(), and write the
  /// alert. A path past its limit becomes `other_paths` in `kind`. A kind past the other limits is
  /// folded, `kind` with it: executable, site and path empty, and call numbers that no table knows
  /// become one.
  bool count(AlertKind& kind, pid_t process);
  /// Keeps the first alert of `kind`, to sum up its repeats.
  void first(const AlertKind& kind, const Alert& alert);

  /// The repeats since last time, as alerts with their count, sorted by kind.
  std::vector<Alert> take_repeats();
  [[nodiscard]] bool has_repeats() const { return repeats_ > 0; }

  /// Calls seen in all, and by call (name of its ABI's table), most frequent first.
  [[nodiscard]] std::uint64_t total() const { return total_; }
  [[nodiscard]] std::vector<std::pair<Call, std::uint64_t>> by_call() const;
  /// Calls whose kind was folded.
  [[nodiscard]] std::uint64_t folded() const { return folded_; }

 private:
  struct Entry {
    Alert alert;
    std::uint64_t repeats = 0;
  };
  std::map<AlertKind, Entry> kinds_;
  std::map<pid_t, std::size_t> kinds_of_process_;
  std::map<AlertKind, std::size_t> paths_;  ///< how many, by kind without its path
  std::map<Call, std::uint64_t> calls_;
  std::uint64_t total_ = 0;
  std::uint64_t repeats_ = 0;
  std::uint64_t folded_ = 0;
  std::size_t text_ = 0;  ///< bytes in the texts of kinds_
};

}  // namespace sysnare
