#include "record/ebpf/module_files.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "arch/abi.h"
#include "base/file.h"
#include "base/text.h"
#include "process/isa_call.h"
#include "process/modules.h"
#include "process/place.h"

namespace sysnare {
namespace {

constexpr unsigned kMinorBits = 20;  // include/linux/kdev_t.h
/// Fields of a line of mountinfo, counted from 0.
constexpr std::size_t kDeviceField = 2;
constexpr std::size_t kRootField = 3;
constexpr std::size_t kPathField = 4;

/// "\040" is a blank: mountinfo writes blank, tab, newline and backslash so.
std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto digit = [&](std::size_t at) { return text[at] >= '0' && text[at] <= '7'; };
    if (text[i] == '\\' && i + 3 < text.size() && digit(i + 1) && digit(i + 2) && digit(i + 3)) {
      out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                               (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

dev_t device_of(std::uint32_t packed) {
  return makedev(packed >> kMinorBits, packed & ((1u << kMinorBits) - 1));
}

bool is_file(const std::string& path, std::uint32_t device, std::uint64_t inode) {
  struct stat found {};
  return ::stat(path.c_str(), &found) == 0 && found.st_ino == inode &&
         found.st_dev == device_of(device);
}

/// What lies between the calling instruction and the address that the kernel shows.
std::uint64_t call_bytes() {
  seccomp_data data{};
  data.arch = audit_arch(native_abi());
  return data.instruction_pointer - calling_instruction(data);
}

}  // namespace

std::vector<MountPoint> parse_mountinfo(std::string_view text) {
  std::vector<MountPoint> mounts;
  for (std::string_view line : split(text, '\n')) {
    const auto fields = split(line, ' ');
    if (fields.size() <= kPathField) continue;
    const auto numbers = split(fields[kDeviceField], ':');
    if (numbers.size() != 2) continue;
    const auto major = parse_u64(numbers[0]);
    const auto minor = parse_u64(numbers[1]);
    if (!major || !minor || *major >= 1u << (32 - kMinorBits) || *minor >= 1u << kMinorBits) {
      continue;
    }
    mounts.push_back({static_cast<std::uint32_t>(*major << kMinorBits | *minor),
                      unescaped(fields[kRootField]), unescaped(fields[kPathField])});
  }
  return mounts;
}

void ModuleFiles::add(const sysnare_module_event& event) {
  std::string path;
  const std::uint32_t depth = std::min<std::uint32_t>(event.depth, SYSNARE_MAX_DEPTH);
  for (std::uint32_t i = std::max(depth, 1u); i > 0; --i) {
    const char* name = event.names[i - 1];
    if (*name == '\0') continue;  // one that was not told
    path += '/';
    path.append(name, ::strnlen(name, SYSNARE_MAX_NAME));
  }
  const std::pair key(event.device, event.inode);
  paths_[key] = std::move(path);
  // Now, while it is mapped: at the end its file may be gone, replaced by a newer one, or out of
  // reach.
  files_.emplace(key, find(event.device, event.inode, static_cast<pid_t>(event.process)));
}

Site ModuleFiles::site_of(const sysnare_place& place) {
  Site site;
  switch (place.kind) {
    case SYSNARE_PLACE_FILE: {
      const File& file = file_of(place.device, place.inode);
      site.module = file.path;
      site.module_key = file.key;
      site.offset = place.offset - call_bytes();
      break;
    }
    case SYSNARE_PLACE_VDSO: {
      site.module = "[vdso]";
      site.offset = place.offset - call_bytes();
      // The kernel maps the same one into every process of an ABI; ours is at hand.
      const CallPlace ours = Places().locate(::getpid(), ::getauxval(AT_SYSINFO_EHDR));
      if (ours.module == "[vdso]") site.module_key = ours.module_key;
      break;
    }
    default:
      // Memory without a file lies elsewhere in each run: the address would say nothing.
      site.module = "[anon]";
      break;
  }
  return site;
}

const ModuleFiles::File& ModuleFiles::file_of(std::uint32_t device, std::uint64_t inode) {
  const std::pair key(device, inode);
  const auto found = files_.find(key);
  return found != files_.end() ? found->second
                               : files_.emplace(key, find(device, inode, 0)).first->second;
}

std::optional<ModuleFiles::File> ModuleFiles::find_mapped(pid_t process, std::uint32_t device,
                                                          std::uint64_t inode) {
  if (process == 0) return std::nullopt;
  Result<std::vector<Mapping>> all = read_maps(process);
  if (!all) return std::nullopt;
  // The numbers there are the kernel's own; those of stat(2) are others on btrfs and overlayfs.
  const auto wanted = static_cast<std::uint32_t>(device_of(device));
  for (const Mapping& mapping : *all) {
    if (mapping.device != wanted || mapping.inode != inode) continue;
    File file{mapping.path, {}};
    Result<Fd> open = open_mapped_file(process, mapping);
    Result<ElfImage> image = open ? ElfImage::from_fd(std::move(*open), mapping.path)
                                  : Result<ElfImage>(propagate(open));
    if (image) file.key = Module(std::move(*image)).key();
    return file;
  }
  return std::nullopt;
}

ModuleFiles::File ModuleFiles::find(std::uint32_t device, std::uint64_t inode, pid_t process) {
  // Anew when a module is told: a container's file system was mounted a moment ago.
  if (mounts_.empty() || process != 0) {
    if (Result<std::string> text = read_file("/proc/self/mountinfo")) {
      mounts_ = parse_mountinfo(*text);
    }
  }
  const auto known = paths_.find({device, inode});
  const std::string below = known == paths_.end() ? std::string() : known->second;
  for (const MountPoint& mount : mounts_) {
    if (mount.device != device || below.empty()) continue;
    const std::string root = mount.root == "/" ? std::string() : mount.root;
    if (!below.starts_with(root + "/")) continue;
    std::string path = (mount.path == "/" ? std::string() : mount.path) + below.substr(root.size());
    if (!is_file(path, device, inode)) continue;
    File file{path, {}};
    if (Result<ElfImage> image = ElfImage::from_path(path)) {
      file.key = Module(std::move(*image)).key();
    }
    return file;
  }
  if (std::optional<File> mapped = find_mapped(process, device, inode)) return std::move(*mapped);
  return {below.empty() ? fmt::format("[inode {} of device {}:{}]", inode, device >> kMinorBits,
                                      device & ((1u << kMinorBits) - 1))
                        : below,
          {}};
}

}  // namespace sysnare
