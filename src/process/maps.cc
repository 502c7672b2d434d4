#include <fcntl.h>
#include <linux/ioctl.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <climits>

#include "base/fd.h"
#include "base/file.h"
#include "process/address_space.h"

namespace sysnare {
namespace {

constexpr std::string_view kDeleted = " (deleted)";

// include/uapi/linux/fs.h, Linux 6.11; Debian 12's headers are older.
struct ProcmapQuery {
  std::uint64_t size;
  std::uint64_t query_flags;
  std::uint64_t query_addr;
  std::uint64_t vma_start;
  std::uint64_t vma_end;
  std::uint64_t vma_flags;
  std::uint64_t vma_page_size;
  std::uint64_t vma_offset;
  std::uint64_t inode;
  std::uint32_t dev_major;
  std::uint32_t dev_minor;
  std::uint32_t vma_name_size;
  std::uint32_t build_id_size;
  std::uint64_t vma_name_addr;
  std::uint64_t build_id_addr;
};
constexpr unsigned long kProcmapQuery = _IOWR('f', 17, ProcmapQuery);
constexpr std::uint64_t kVmaReadable = 1;
constexpr std::uint64_t kVmaWritable = 2;
constexpr std::uint64_t kVmaExecutable = 4;

std::uint32_t device_number(unsigned major_number, unsigned minor_number) {
  return static_cast<std::uint32_t>(makedev(major_number, minor_number));
}

void set_path(Mapping& mapping, std::string path) {
  if (path.ends_with(kDeleted)) {
    path.resize(path.size() - kDeleted.size());
    mapping.deleted = true;
  }
  mapping.path = std::move(path);
}

/// The number at the front of `text`, which is cut off together with one `separator` behind it.
template <typename Number>
bool take(std::string_view& text, int base, char separator, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  const auto used = static_cast<std::size_t>(end - text.data());
  if (error != std::errc() || used == text.size() || *end != separator) return false;
  text.remove_prefix(used + 1);
  return true;
}

/// seq_path() escapes a newline in a name as \012, and nothing else.
std::string unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 4) == "\\012") {
      plain += '\n';
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

/// "7f01000-7f02000 r-xp 00001000 fd:01 1234      /usr/bin/true"
bool parse_line(std::string_view line, Mapping& mapping) {
  unsigned major_number = 0;
  unsigned minor_number = 0;
  if (!take(line, 16, '-', mapping.start) || !take(line, 16, ' ', mapping.end)) return false;
  if (line.size() < 5) return false;
  mapping.readable = line[0] == 'r';
  mapping.writable = line[1] == 'w';
  mapping.executable = line[2] == 'x';
  line.remove_prefix(5);
  if (!take(line, 16, ' ', mapping.file_offset) || !take(line, 16, ':', major_number) ||
      !take(line, 16, ' ', minor_number)) {
    return false;
  }
  mapping.device = device_number(major_number, minor_number);
  const auto [end, error] =
      std::from_chars(line.data(), line.data() + line.size(), mapping.inode, 10);
  if (error != std::errc()) return false;
  line.remove_prefix(static_cast<std::size_t>(end - line.data()));
  const std::size_t path = line.find_first_not_of(' ');
  if (path != std::string_view::npos) set_path(mapping, unescape(line.substr(path)));
  return true;
}

Failure maps_failure(int sys_errno, pid_t pid) {
  if (sys_errno == ENOENT || sys_errno == ESRCH) {
    return fail(Errc::kNotFound, "process {} is gone", pid);
  }
  return fail_errno(sys_errno, "cannot read the memory map of process {}", pid);
}

}  // namespace

Result<std::vector<Mapping>> read_maps(pid_t pid) {
  const std::string path = fmt::format("/proc/{}/maps", pid);
  Result<std::string> text = read_file(path);
  if (!text) {
    if (text.error().code == Errc::kLimit) return propagate(text);
    return maps_failure(text.error().sys_errno, pid);
  }
  std::vector<Mapping> mappings;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    Mapping mapping;
    if (parse_line(rest.substr(0, end), mapping)) mappings.push_back(std::move(mapping));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return mappings;
}

AddressSpace::AddressSpace(pid_t pid)
    : pid_(pid), file_(::open(fmt::format("/proc/{}/maps", pid).c_str(), O_RDONLY | O_CLOEXEC)) {
  if (!file_) open_errno_ = errno;
}

Result<std::optional<Mapping>> AddressSpace::query(std::uint64_t address) {
  if (!file_) return maps_failure(open_errno_, pid_);
  std::array<char, PATH_MAX> name{};
  ProcmapQuery query{};
  query.size = sizeof query;
  query.query_addr = address;
  query.vma_name_size = name.size();
  query.vma_name_addr = reinterpret_cast<std::uintptr_t>(name.data());
  if (::ioctl(file_.get(), kProcmapQuery, &query) == 0) {
    Mapping mapping;
    mapping.start = query.vma_start;
    mapping.end = query.vma_end;
    mapping.file_offset = query.vma_offset;
    mapping.inode = query.inode;
    mapping.device = device_number(query.dev_major, query.dev_minor);
    mapping.readable = (query.vma_flags & kVmaReadable) != 0;
    mapping.writable = (query.vma_flags & kVmaWritable) != 0;
    mapping.executable = (query.vma_flags & kVmaExecutable) != 0;
    if (query.vma_name_size > 0) set_path(mapping, name.data());
    return std::optional<Mapping>(std::move(mapping));
  }
  if (errno == ENOENT) return std::optional<Mapping>();
  if (errno == ESRCH) return maps_failure(ESRCH, pid_);
  // ENOTTY before Linux 6.11; ENAMETOOLONG for a path that does not fit: the text has it all.
  Result<std::vector<Mapping>> all = read_maps(pid_);
  if (!all) return propagate(all);
  known_ = std::move(*all);
  whole_ = true;
  for (const Mapping& mapping : known_) {
    if (address >= mapping.start && address < mapping.end) return std::optional<Mapping>(mapping);
  }
  return std::optional<Mapping>();
}

const Mapping* AddressSpace::find(std::uint64_t address) {
  for (const Mapping& mapping : known_) {
    if (address >= mapping.start && address < mapping.end) return &mapping;
  }
  if (whole_) return nullptr;
  Result<std::optional<Mapping>> found = query(address);
  if (!found || !*found) return nullptr;
  if (!whole_) {
    known_.push_back(std::move(**found));
    return &known_.back();
  }
  return find(address);
}

Result<std::optional<Mapping>> find_mapping(pid_t pid, std::uint64_t address) {
  return AddressSpace(pid).query(address);
}

}  // namespace sysnare
