#include "scan/cached_scan.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <map>
#include <mutex>

#include "scan/result_bytes.h"

namespace sysnare {
namespace {

constexpr std::uint32_t kResultVersion = 1;

enum class Asked : std::uint8_t { kOpen, kResolve, kList, kFind };

/// A question and its answer, each in bytes.
using Answers = std::map<std::string, std::string>;

std::string bytes_of(const std::optional<std::string>& text) {
  ResultWriter writer;
  writer.number(text ? 1 : 0);
  writer.text(text.value_or(""));
  return writer.bytes();
}

std::string bytes_of(const FileStamp& stamp) {
  ResultWriter writer;
  for (const std::uint64_t part : {stamp.dev, stamp.ino, stamp.size}) writer.number(part);
  writer.number(static_cast<std::uint64_t>(stamp.mtime_ns));
  writer.number(static_cast<std::uint64_t>(stamp.ctime_ns));
  return writer.bytes();
}

/// As bytes_of() has it.
FileStamp stamp_in(std::string_view answer) {
  ResultReader reader(answer);
  FileStamp stamp;
  stamp.dev = reader.number();
  stamp.ino = reader.number();
  stamp.size = reader.number();
  stamp.mtime_ns = static_cast<std::int64_t>(reader.number());
  stamp.ctime_ns = static_cast<std::int64_t>(reader.number());
  return stamp;
}

std::string answer_of(const Result<Fd>& file, const std::string& path) {
  if (!file) return {};
  const Result<FileStamp> stamp = stamp_of(file->get(), path);
  return stamp ? bytes_of(*stamp) : std::string();
}

std::string answer_of(const std::vector<std::string>& names) {
  ResultWriter writer;
  for (const std::string& name : names) writer.text(name);
  return writer.bytes();
}

std::string question(Asked kind, std::string_view path) {
  ResultWriter writer;
  writer.number(static_cast<std::uint64_t>(kind));
  writer.text(path);
  return writer.bytes();
}

std::string question(const LibraryQuestion& asked) {
  ResultWriter writer;
  writer.number(static_cast<std::uint64_t>(Asked::kFind));
  writer.text(asked.name);
  writer.number(asked.machine);
  writer.number(asked.musl ? 1 : 0);
  writer.text(asked.origin);
  for (const auto* list : {&asked.rpath, &asked.runpath}) {
    writer.number(list->size());
    for (const std::string& each : *list) writer.text(each);
  }
  return writer.bytes();
}

/// Writes down what is asked and answered.
class Witness : public Surroundings {
 public:
  explicit Witness(const Surroundings& around) : around_(around) {}

  [[nodiscard]] Result<Fd> open(const std::string& path) const override {
    Result<Fd> file = around_.open(path);
    note(question(Asked::kOpen, path), answer_of(file, path));
    return file;
  }
  [[nodiscard]] std::optional<std::string> resolve(const std::string& path) const override {
    auto resolved = around_.resolve(path);
    note(question(Asked::kResolve, path), bytes_of(resolved));
    return resolved;
  }
  [[nodiscard]] std::vector<std::string> list(const std::string& directory) const override {
    auto names = around_.list(directory);
    note(question(Asked::kList, directory), answer_of(names));
    return names;
  }
  [[nodiscard]] std::optional<std::string> find_library(
      const LibraryQuestion& asked) const override {
    auto path = around_.find_library(asked);
    note(question(asked), bytes_of(path));
    return path;
  }
  [[nodiscard]] const Answers& answers() const { return answers_; }
  /// One answer changed while we worked: what was found holds for neither.
  [[nodiscard]] bool changed() const { return changed_; }

 private:
  void note(std::string asked, std::string answer) const {
    const std::lock_guard lock(mutex_);
    const auto [at, fresh] = answers_.try_emplace(std::move(asked), answer);
    if (!fresh && at->second != answer) changed_ = true;
  }

  const Surroundings& around_;
  mutable std::mutex mutex_;
  mutable Answers answers_;
  mutable bool changed_ = false;
};

/// Asks what was asked before. Most questions are about the 250 converters of iconv: which file it
/// is, and whether it has its stamp. One look at each answers both.
class SecondTime {
 public:
  explicit SecondTime(const Surroundings& around) : around_(around) {}

  bool has(const std::string& answer, const std::string& asked) {
    ResultReader reader(asked);
    const auto kind = static_cast<Asked>(reader.number());
    const std::string path = reader.text();
    switch (kind) {
      case Asked::kOpen:
        if (!answer.empty()) {
          if (const PathLook* look = file_at(path)) return look->stamp == stamp_in(answer);
        }
        return answer_of(around_.open(path), path) == answer;
      case Asked::kResolve:
        // No link at its end, and none before it.
        if (answer == bytes_of(std::optional(path)) && file_at(path) != nullptr &&
            is_itself(path.substr(0, path.rfind('/')))) {
          return true;
        }
        return bytes_of(around_.resolve(path)) == answer;
      case Asked::kList:
        return answer_of(around_.list(path)) == answer;
      case Asked::kFind:
        break;
    }
    return bytes_of(around_.find_library(library(path, reader))) == answer;
  }

 private:
  static LibraryQuestion library(const std::string& name, ResultReader& reader);

  /// Null where no regular file stands there.
  const PathLook* file_at(const std::string& path) {
    const auto [at, is_new] = looks_.try_emplace(path);
    if (is_new) at->second = around_.look(path);
    return at->second && at->second->is_file ? &*at->second : nullptr;
  }
  /// Whether no part of `directory` is a symbolic link.
  bool is_itself(const std::string& directory) {
    const auto [at, is_new] = directories_.try_emplace(directory);
    if (is_new) at->second = around_.resolve(directory) == directory;
    return at->second;
  }

  const Surroundings& around_;
  std::map<std::string, std::optional<PathLook>> looks_;
  std::map<std::string, bool> directories_;
};

LibraryQuestion SecondTime::library(const std::string& name, ResultReader& reader) {
  LibraryQuestion library;
  library.name = name;
  library.machine = static_cast<std::uint16_t>(reader.number());
  library.musl = reader.number() != 0;
  library.origin = reader.text();
  for (auto* list : {&library.rpath, &library.runpath}) {
    const std::size_t count = reader.count(1);
    for (std::size_t i = 0; i < count; ++i) list->push_back(reader.text());
  }
  return library;
}

/// Another build of ours may find something else: its file is part of the key. Empty where we
/// cannot see it.
std::string own_stamp() {
  Result<Fd> self = Fd(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  return answer_of(self, "/proc/self/exe");
}

std::optional<Evidence> kept_result(const Surroundings& around, const ScanCache& cache,
                                    const std::string& name, std::string_view identity) {
  const std::optional<CachedFile> file = cache.load(name, kResultVersion);
  if (!file) return std::nullopt;
  ResultReader reader({reinterpret_cast<const char*>(file->bytes.data()), file->bytes.size()});
  if (reader.text() != identity) return std::nullopt;
  const std::size_t count = reader.count(1);
  SecondTime second(around);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string asked = reader.text();
    const std::string answer = reader.text();
    if (!reader.good() || !second.has(answer, asked)) return std::nullopt;
  }
  std::optional<Evidence> evidence = take_evidence(reader);
  if (!reader.at_end()) return std::nullopt;
  return evidence;
}

/// Whether no file that was read has changed within the last seconds.
bool has_settled(const Answers& answers, std::int64_t now_ns) {
  for (const auto& [asked, answer] : answers) {
    ResultReader reader(asked);
    if (reader.number() != static_cast<std::uint64_t>(Asked::kOpen) || answer.empty()) continue;
    if (!has_settled(stamp_in(answer), now_ns)) return false;
  }
  return true;
}

}  // namespace

Result<Evidence> cached_scan(const Surroundings& around, ScanCache& cache, const std::string& path,
                             bool follow, bool keep, const ScanOptions& options) {
  const auto scan = follow ? scan_following : scan_program;
  const std::string own = keep ? own_stamp() : std::string();
  if (own.empty()) return scan(around, cache, path, options);
  ResultWriter identity;
  identity.text(own);
  identity.text(path);
  identity.number(follow ? 1 : 0);
  // No SHA-256: to make libcrypto ready takes a millisecond, and what is asked for stands in the
  // file too.
  const std::string key = path + (follow ? "+" : "");
  const auto bytes = std::as_bytes(std::span(key));
  const std::string name =
      fmt::format("{:016x}{:016x}.result", checksum_of(bytes, 1), checksum_of(bytes, 2));
  if (auto kept = kept_result(around, cache, name, identity.bytes())) return std::move(*kept);
  const Witness witness(around);
  Result<Evidence> evidence = scan(witness, cache, path, options);
  if (!evidence || witness.changed() || !has_settled(witness.answers(), options.now_ns)) {
    return evidence;
  }
  ResultWriter writer;
  writer.text(identity.bytes());
  writer.number(witness.answers().size());
  for (const auto& [asked, answer] : witness.answers()) {
    writer.text(asked);
    writer.text(answer);
  }
  put_evidence(writer, *evidence);
  cache.keep(name, kResultVersion, std::as_bytes(std::span(writer.bytes())));
  return evidence;
}

}  // namespace sysnare
