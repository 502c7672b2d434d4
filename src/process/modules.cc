#include "process/modules.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/file.h"
#include "elf/demangle.h"
#include "process/memory.h"

namespace sysnare {
namespace {

/// Largest vdso that is read; real ones have 2 to 4 pages. The process may map what it likes there.
constexpr std::uint64_t kMaxVdso = 256u << 10;
/// Different vdsos that are kept: one an ABI, and a few that programs changed.
constexpr std::size_t kMaxVdsos = 8;

/// Opens `path` for reading if it is a regular file. O_PATH first: opening a device or FIFO that a
/// process happens to have mapped can block or do something.
Result<Fd> open_regular(const std::string& path, const Mapping* same_as) {
  const Fd handle(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!handle) return fail_errno(errno, "cannot open {}", path);
  struct stat status {};
  if (::fstat(handle.get(), &status) != 0) return fail_errno(errno, "cannot stat {}", path);
  if (!S_ISREG(status.st_mode)) return fail(Errc::kBadInput, "{}: not a regular file", path);
  if (same_as != nullptr && (status.st_ino != same_as->inode ||
                             static_cast<std::uint32_t>(status.st_dev) != same_as->device)) {
    return fail(Errc::kNotFound, "{}: no longer the file that is mapped", path);
  }
  Fd file(::open(fmt::format("/proc/self/fd/{}", handle.get()).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return fail_errno(errno, "cannot read {}", path);
  return file;
}

std::int64_t nanoseconds(const timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

Result<Fd> open_mapped_file(pid_t pid, const Mapping& mapping) {
  Result<Fd> exact = open_regular(
      fmt::format("/proc/{}/map_files/{:x}-{:x}", pid, mapping.start, mapping.end), nullptr);
  if (exact) return exact;
  if (!mapping.deleted && mapping.path.starts_with('/')) {
    Result<Fd> by_path = open_regular(fmt::format("/proc/{}/root{}", pid, mapping.path), &mapping);
    if (by_path) return by_path;
  }
  // A deleted executable, or one run from a memfd, stays reachable so.
  return open_regular(fmt::format("/proc/{}/exe", pid), &mapping);
}

const ElfIdentity& Module::identity() {
  if (!identity_) {
    Result<ElfIdentity> found = elf_identity(image_);
    identity_ = found ? std::move(*found) : ElfIdentity{};
  }
  return *identity_;
}

const std::string& Module::key() {
  if (!key_) {
    key_ = identity().build_id;
    if (key_->empty() && image_.fd() < 0) {
      key_ = "sha256:" + sha256_hex(image_.bytes());
    } else if (key_->empty() && image_.size() <= kMaxHashedFile) {
      Result<std::string> hash = sha256_file(fmt::format("/proc/self/fd/{}", image_.fd()));
      if (hash) key_ = "sha256:" + *hash;
    }
  }
  return *key_;
}

std::unique_ptr<ElfImage> Module::debug_file() {
  const std::string& id = identity().build_id;
  if (id.size() < 4 || id.starts_with("go:")) return nullptr;
  Result<ElfImage> debug = ElfImage::from_path(
      fmt::format("/usr/lib/debug/.build-id/{}/{}.debug", id.substr(0, 2), id.substr(2)));
  if (!debug || debug->machine() != image_.machine()) return nullptr;
  Result<ElfIdentity> other = elf_identity(*debug);
  // elf_identity() refuses some debug files: their program headers still name the stripped bytes.
  if (other && other->build_id != id) return nullptr;
  return std::make_unique<ElfImage>(std::move(*debug));
}

const SymbolTable& Module::symbols() {
  if (!symbols_) {
    symbols_.emplace();
    symbols_->add(image_);
    const auto sections = image_.sections();
    const bool stripped = std::none_of(sections.begin(), sections.end(), [](const auto& section) {
      return section.type == SHT_SYMTAB;
    });
    if (stripped) {
      if (const std::unique_ptr<ElfImage> debug = debug_file()) symbols_->add(*debug);
    }
  }
  return *symbols_;
}

const GoTable* Module::go(pid_t pid, std::uint64_t bias) {
  if (!go_loaded_) {
    go_loaded_ = true;
    const auto memory = [&](std::uint64_t vaddr, std::size_t length) {
      std::string bytes(length, '\0');
      bytes.resize(read_memory(pid, vaddr + bias, bytes.data(), length));
      // Not ours to read: the file has the same bytes unless it was relocated.
      if (bytes.empty() && bias == 0) {
        if (const auto offset = image_.offset_of_vaddr(vaddr)) {
          Result<std::string> text = image_.read(*offset, length, "data", length);
          if (text) bytes = std::move(*text);
        }
      }
      return bytes;
    };
    go_ = GoTable::load(image_, memory, bias);
  }
  return go_ ? &*go_ : nullptr;
}

void Module::open_debug() {
  if (debug_tried_) return;
  debug_tried_ = true;
  if (image_.section(".debug_info") == nullptr) debug_ = debug_file();
}

CallFrames& Module::call_frames() {
  if (call_frames_ == nullptr) {
    open_debug();
    call_frames_ = std::make_unique<CallFrames>(image_, debug_.get());
  }
  return *call_frames_;
}

std::vector<std::string> Module::find_functions(std::uint64_t vaddr, const GoTable* go) {
  if (go != nullptr) {
    if (const auto function = go->find(vaddr)) return go->names(*function, vaddr);
  }
  if (debug_info_ == nullptr) {
    open_debug();
    debug_info_ = std::make_unique<DebugInfo>(debug_ != nullptr ? *debug_ : image_);
  }
  std::vector<std::string> names = debug_info_->functions_at(vaddr);
  // A part of a function that the compiler split off and inlined back is the function itself.
  if (names.size() > 1 && names[names.size() - 2] == names.back()) names.pop_back();
  // The symbol rather than DWARF's name, as in a place: "write", which libc's sources call
  // __GI___libc_write.
  if (const auto symbol = symbols().find(vaddr)) {
    if (!names.empty()) names.pop_back();
    names.push_back(demangle(symbol->symbol));
  }
  return names;
}

const std::vector<std::string>& Module::functions_at(std::uint64_t vaddr, const GoTable* go) {
  const auto known = functions_.find(vaddr);
  if (known != functions_.end()) return known->second;
  if (functions_.size() >= kMaxKnownAddresses) functions_.clear();
  return functions_.emplace(vaddr, find_functions(vaddr, go)).first->second;
}

std::optional<ModuleAddress> address_in(const ElfImage& image, const Mapping& mapping,
                                        std::uint64_t address) {
  ModuleAddress place;
  place.file_offset = address - mapping.start + mapping.file_offset;
  std::optional<std::uint64_t> vaddr;
  if (mapping.executable) vaddr = image.vaddr_of_offset(place.file_offset, PF_X);
  if (!vaddr) vaddr = image.vaddr_of_offset(place.file_offset);
  if (!vaddr) return std::nullopt;
  place.vaddr = *vaddr;
  place.bias = address - *vaddr;
  return place;
}

std::shared_ptr<Module> ModuleCache::find_vdso(pid_t pid, const Mapping& mapping) {
  std::string bytes(std::min(mapping.end - mapping.start, kMaxVdso), '\0');
  bytes.resize(read_memory(pid, mapping.start, bytes.data(), bytes.size()));
  const auto known = vdsos_.find(bytes);
  if (known != vdsos_.end()) return known->second;
  if (vdsos_.size() >= kMaxVdsos) vdsos_.clear();
  Result<ElfImage> image = ElfImage::from_bytes(bytes, "[vdso]");
  std::shared_ptr<Module> module;
  if (image) module = std::make_shared<Module>(std::move(*image));
  vdsos_.emplace(std::move(bytes), module);
  return module;
}

void ModuleCache::make_room() {
  if (files_.size() < kMaxModules) return;
  files_.erase(std::min_element(files_.begin(), files_.end(), [](const auto& a, const auto& b) {
    return a.second.used < b.second.used;
  }));
}

std::shared_ptr<Module> ModuleCache::find(pid_t pid, const Mapping& mapping) {
  if (mapping.path == "[vdso]") return find_vdso(pid, mapping);
  if (mapping.inode == 0) return nullptr;
  const std::pair key(mapping.device, mapping.inode);
  struct stat status {};
  const auto known = files_.find(key);
  if (known != files_.end()) {
    Entry& entry = known->second;
    entry.used = ++clock_;
    // A library can be written to in place while it is mapped.
    if (entry.module != nullptr && ::fstat(entry.module->image().fd(), &status) == 0 &&
        status.st_size == entry.size && nanoseconds(status.st_mtim) == entry.modified_ns) {
      return entry.module;
    }
    files_.erase(known);
  }
  Result<Fd> file = open_mapped_file(pid, mapping);
  if (!file || ::fstat(file->get(), &status) != 0) return nullptr;
  Result<ElfImage> image = ElfImage::from_fd(std::move(*file), mapping.path);
  if (!image) return nullptr;
  make_room();
  Entry entry{std::make_shared<Module>(std::move(*image)), status.st_size,
              nanoseconds(status.st_mtim), ++clock_};
  return files_.emplace(key, std::move(entry)).first->second.module;
}

}  // namespace sysnare
