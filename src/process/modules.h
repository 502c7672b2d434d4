#pragma once
// What is known about an object that processes have mapped: identity, functions, frames?
//
// Objects are opened once and kept, keyed by device and inode: an open descriptor keeps the inode
// from being used again, so the key cannot come to mean another file. A file replaced under the
// same name is another inode and is never mistaken for the mapped one.

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "elf/call_frames.h"
#include "elf/debug_info.h"
#include "elf/go_table.h"
#include "elf/identity.h"
#include "elf/image.h"
#include "elf/symbols.h"
#include "process/place.h"

namespace sysnare {

/// Objects kept open at once; a browser maps about 200, and 1,024 descriptors are a usual limit.
inline constexpr std::size_t kMaxModules = 256;
/// Largest file whose SHA-256 is taken for a key where there is no build id.
inline constexpr std::uint64_t kMaxHashedFile = 256u << 20;
/// Addresses whose functions one module remembers; a program makes its calls from far fewer.
inline constexpr std::size_t kMaxKnownAddresses = 16384;

/// The file behind a mapping, open for reading: by /proc/PID/map_files (needs CAP_SYS_ADMIN or
/// CAP_CHECKPOINT_RESTORE), else by the path below /proc/PID/root or /proc/PID/exe, where device
/// and inode must be those of the mapping. Errors: kNotFound, kNoPermission; kBadInput when it is
/// no regular file.
Result<Fd> open_mapped_file(pid_t pid, const Mapping& mapping);

/// One object. What is expensive is read when it is first asked for.
class Module {
 public:
  explicit Module(ElfImage image) : image_(std::move(image)) {}

  [[nodiscard]] const ElfImage& image() const { return image_; }
  /// GNU build-id, "go:ID", "sha256:HEX"; empty when the file is too large to hash.
  const std::string& key();
  /// .symtab and .dynsym; without a .symtab also that of the debug file of the same build-id.
  const SymbolTable& symbols();
  /// Loads the Go table, with the help of a process that has the object mapped `bias` above its
  /// link-time addresses. Null for what is no Go program.
  const GoTable* go(pid_t pid, std::uint64_t bias);
  /// The debug file below /usr/lib/debug with the same build-id, opened anew; null when there is
  /// none.
  std::unique_ptr<ElfImage> debug_file();
  /// How frames of this object are left.
  CallFrames& call_frames();
  /// The names of the functions at link-time address `vaddr`, innermost first, with the inlined
  /// ones; empty when there is none. `go` is what go() gave.
  const std::vector<std::string>& functions_at(std::uint64_t vaddr, const GoTable* go);

 private:
  const ElfIdentity& identity();
  /// Opens the debug file where it is of use: the object has no DWARF of its own.
  void open_debug();
  std::vector<std::string> find_functions(std::uint64_t vaddr, const GoTable* go);

  ElfImage image_;
  std::optional<ElfIdentity> identity_;
  std::optional<std::string> key_;
  std::optional<SymbolTable> symbols_;
  bool go_loaded_ = false;
  std::optional<GoTable> go_;
  bool debug_tried_ = false;
  std::unique_ptr<ElfImage> debug_;  ///< outlives the two that read it
  std::unique_ptr<CallFrames> call_frames_;
  std::unique_ptr<DebugInfo> debug_info_;
  std::unordered_map<std::uint64_t, std::vector<std::string>> functions_;
};

/// Where an address of a process lies in a module.
struct ModuleAddress {
  std::uint64_t file_offset = 0;
  std::uint64_t vaddr = 0;  ///< link-time address
  std::uint64_t bias = 0;   ///< run-time address minus link-time address (modulo 2^64)
};
std::optional<ModuleAddress> address_in(const ElfImage& image, const Mapping& mapping,
                                        std::uint64_t address);

/// Keeps modules for all the processes that one caller watches. Not for use by several threads.
class ModuleCache {
 public:
  /// The object of `mapping`; null for anonymous memory and for what cannot be opened or is no ELF.
  std::shared_ptr<Module> find(pid_t pid, const Mapping& mapping);

 private:
  struct Entry {
    std::shared_ptr<Module> module;
    std::int64_t size = 0;
    std::int64_t modified_ns = 0;
    std::uint64_t used = 0;
  };
  std::shared_ptr<Module> find_vdso(pid_t pid, const Mapping& mapping);
  void make_room();

  std::map<std::pair<std::uint32_t, std::uint64_t>, Entry> files_;
  std::map<std::string, std::shared_ptr<Module>> vdsos_;  ///< by their bytes
  std::uint64_t clock_ = 0;
};

}  // namespace sysnare
