#include "elf/tar_reader.h"

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "elf/closure.h"

namespace sysnare {
namespace {

constexpr std::size_t kBlock = 512;
/// Data of an extended header, or of a long name.
constexpr std::uint64_t kMaxExtended = 1u << 20;

// Fields of a header: where they stand, and their length.
struct Field {
  std::size_t at;
  std::size_t length;
};
constexpr Field kName{0, 100};
constexpr Field kMode{100, 8};
constexpr Field kSize{124, 12};
constexpr Field kChecksum{148, 8};
constexpr std::size_t kType = 156;
constexpr Field kLink{157, 100};
constexpr Field kMagic{257, 6};
constexpr Field kPrefix{345, 155};

std::string text_of(const std::string& block, Field field) {
  const std::string text = block.substr(field.at, field.length);
  return text.substr(0, text.find('\0'));
}

/// Octal digits, or GNU's big-endian binary number; nothing for anything else.
std::optional<std::uint64_t> number_of(const std::string& block, Field field) {
  const std::string_view text = std::string_view(block).substr(field.at, field.length);
  std::uint64_t value = 0;
  if ((static_cast<unsigned char>(text[0]) & 0x80) != 0) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      const unsigned byte = static_cast<unsigned char>(text[i]) & (i == 0 ? 0x7fu : 0xffu);
      if (value >> 56 != 0) return std::nullopt;
      value = value << 8 | byte;
    }
    return value;
  }
  const std::size_t begin = std::min(text.find_first_not_of(' '), text.size());
  for (std::size_t i = begin; i < text.size() && text[i] != ' ' && text[i] != '\0'; ++i) {
    if (text[i] < '0' || text[i] > '7') return std::nullopt;
    value = value << 3 | static_cast<std::uint64_t>(text[i] - '0');  // 12 digits: 36 bits
  }
  return value;
}

bool checksum_fits(const std::string& block) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < block.size(); ++i) {
    const bool inside = i >= kChecksum.at && i < kChecksum.at + kChecksum.length;
    sum += inside ? ' ' : static_cast<unsigned char>(block[i]);
  }
  return number_of(block, kChecksum) == sum;
}

}  // namespace

/// What headers in front of a file's own say about it.
struct TarReader::Extended {
  std::optional<std::string> path;
  std::optional<std::string> link;
  std::optional<std::uint64_t> size;
};

Failure TarReader::bad(std::string_view problem) const {
  return fail(Errc::kBadInput, "{}: offset {:#x} of the tar archive: {}", stream_.name(), header_,
              problem);
}

Result<bool> TarReader::next_header(std::string& block) {
  if (Result<void> skipped = stream_.skip(left_ + padding_); !skipped) return propagate(skipped);
  left_ = padding_ = 0;
  header_ = stream_.position();
  block.assign(kBlock, '\0');
  Result<std::size_t> got = stream_.read(block.data(), block.size());
  if (!got) return propagate(got);
  if (*got == 0) return false;
  if (*got < kBlock) return bad("it is cut short");
  // Two blocks of zeros end it; writers that leave the second one out are forgiven.
  if (block.find_first_not_of('\0') == std::string::npos) return false;
  if (!checksum_fits(block)) return bad("no header stands here (its checksum differs)");
  return true;
}

Result<std::string> TarReader::small_data(std::uint64_t size) {
  if (size > kMaxExtended) return bad("an extended header of more than 1 MB");
  std::string text(size, '\0');
  left_ = size;
  padding_ = (kBlock - size % kBlock) % kBlock;
  Result<std::size_t> got = read(text.data(), text.size());
  if (!got) return propagate(got);
  return text;
}

Result<void> TarReader::read_extended(std::uint64_t size, Extended& extended) {
  Result<std::string> text = small_data(size);
  if (!text) return propagate(text);
  // Records "LENGTH KEY=VALUE\n"; the length counts all of the record.
  std::string_view rest = *text;
  while (!rest.empty() && rest[0] != '\0') {
    const std::size_t blank = rest.find(' ');
    const auto length =
        blank == std::string_view::npos ? std::nullopt : parse_u64(rest.substr(0, blank));
    if (!length || *length <= blank + 1 || *length > rest.size() || rest[*length - 1] != '\n') {
      return bad("a damaged extended header");
    }
    const std::string_view record = rest.substr(blank + 1, *length - blank - 2);
    rest.remove_prefix(*length);
    const std::size_t equals = record.find('=');
    if (equals == std::string_view::npos) return bad("a damaged extended header");
    const std::string_view key = record.substr(0, equals);
    const std::string value(record.substr(equals + 1));
    if (key == "path") extended.path = value;
    if (key == "linkpath") extended.link = value;
    if (key == "size") {
      extended.size = parse_u64(value);
      if (!extended.size) return bad("a size that is no number");
    }
    if (key.starts_with("GNU.sparse.")) {
      return fail(Errc::kUnsupported, "{}: offset {:#x} of the tar archive: a sparse file",
                  stream_.name(), header_);
    }
  }
  return {};
}

Result<bool> TarReader::next(TarEntry& entry) {
  Extended extended;
  std::string block;
  for (;;) {
    Result<bool> more = next_header(block);
    if (!more || !*more) return more;
    const std::optional<std::uint64_t> size = number_of(block, kSize);
    if (!size) return bad("a size that is no number");
    const char type = block[kType];
    if (type == 'x') {
      if (Result<void> read = read_extended(*size, extended); !read) return propagate(read);
      continue;
    }
    if (type == 'g') {  // for all files that follow: times and such
      Extended ignored;
      if (Result<void> read = read_extended(*size, ignored); !read) return propagate(read);
      continue;
    }
    if (type == 'L' || type == 'K') {
      Result<std::string> text = small_data(*size);
      if (!text) return propagate(text);
      (type == 'L' ? extended.path : extended.link) = text->substr(0, text->find('\0'));
      continue;
    }
    if (type == 'S') {
      return fail(Errc::kUnsupported, "{}: offset {:#x} of the tar archive: a sparse file",
                  stream_.name(), header_);
    }
    entry = TarEntry();
    entry.path = text_of(block, kName);
    // GNU's own format ("ustar ") has other things there.
    if (block.compare(kMagic.at, kMagic.length, std::string("ustar\0", 6)) == 0) {
      const std::string prefix = text_of(block, kPrefix);
      if (!prefix.empty()) entry.path = prefix + "/" + entry.path;
    }
    entry.path = extended.path.value_or(entry.path);
    entry.link = extended.link.value_or(text_of(block, kLink));
    entry.size = extended.size.value_or(*size);
    entry.executable = (number_of(block, kMode).value_or(0) & 0111) != 0;
    if (entry.path.size() > kMaxTarPath || entry.link.size() > kMaxTarPath) {
      return bad("a path of more than 4096 bytes");
    }
    // Without this the sums below could wrap.
    if (entry.size > kMaxArchiveBytes) return bad("a file larger than any archive that is read");
    switch (type) {
      case '0':
      case '\0':
      case '7':
        // Before POSIX a directory was a file whose name ends in a slash.
        entry.type = entry.path.ends_with('/') ? TarEntry::Type::kDirectory : TarEntry::Type::kFile;
        break;
      case '1':
        entry.type = TarEntry::Type::kHardLink;
        break;
      case '2':
        entry.type = TarEntry::Type::kSymbolicLink;
        break;
      case '5':
        entry.type = TarEntry::Type::kDirectory;
        break;
      default:
        entry.type = TarEntry::Type::kOther;
        break;
    }
    // Links and directories have no data, whatever their size says.
    const bool data = entry.type == TarEntry::Type::kFile || entry.type == TarEntry::Type::kOther;
    if (!data) entry.size = 0;
    left_ = entry.size;
    padding_ = (kBlock - entry.size % kBlock) % kBlock;
    entry.offset = stream_.position();
    return true;
  }
}

Result<std::size_t> TarReader::read(char* to, std::size_t size) {
  Result<std::size_t> got = stream_.read(to, std::min<std::uint64_t>(size, left_));
  if (!got) return got;
  if (*got < std::min<std::uint64_t>(size, left_)) return bad("the data of a file are cut short");
  left_ -= *got;
  return got;
}

}  // namespace sysnare
