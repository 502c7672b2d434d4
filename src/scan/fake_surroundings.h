#pragma once
// A small file system with programs and libraries of a few bytes, for the tests of this room.

#include <elf.h>
#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "elf/elf_builder.h"
#include "scan/surroundings.h"

namespace sysnare {

struct FakeObject {
  std::string soname = {};
  std::vector<std::string> needed = {};
  std::string runpath = {};
  std::string rpath = {};
  std::string interpreter = {};
  std::string code = "\x90\xc3";
};

inline std::string elf_of(const FakeObject& object) {
  constexpr std::uint64_t kStrings = 0x1000;
  constexpr std::uint64_t kCode = 0x2000;
  constexpr std::uint64_t kDynamic = 0x3000;
  std::string strings(1, '\0');
  std::vector<std::pair<std::uint64_t, std::uint64_t>> entries;
  const auto add = [&](std::uint64_t tag, const std::string& text) {
    if (text.empty()) return;
    entries.emplace_back(tag, strings.size());
    strings += text + '\0';
  };
  add(DT_SONAME, object.soname);
  add(DT_RUNPATH, object.runpath);
  add(DT_RPATH, object.rpath);
  for (const std::string& name : object.needed) add(DT_NEEDED, name);
  entries.emplace_back(DT_STRTAB, kStrings);
  entries.emplace_back(DT_STRSZ, strings.size());
  ElfBuilder builder;
  builder.load(kStrings, PF_R, strings).load(kCode, PF_R | PF_X, object.code).entry(kCode);
  builder.dynamic(kDynamic, entries);
  if (!object.interpreter.empty()) {
    builder.segment(PT_INTERP, 0, PF_R, object.interpreter + '\0');
  }
  return builder.build();
}

class FakeSurroundings : public Surroundings {
 public:
  FakeSurroundings() {
    std::string pattern = std::filesystem::temp_directory_path() / "aroundXXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~FakeSurroundings() override { std::filesystem::remove_all(folder_); }

  void put_text(const std::string& path, const std::string& bytes) {
    std::filesystem::create_directories(std::filesystem::path(folder_ + path).parent_path());
    std::ofstream(folder_ + path, std::ios::binary) << bytes;
  }
  void put(const std::string& path, const FakeObject& object) { put_text(path, elf_of(object)); }
  void remove(const std::string& path) { std::filesystem::remove(folder_ + path); }
  void link(const std::string& from, const std::string& to) { links_[from] = to; }
  /// Answers look() from now on. Counted is what is opened meanwhile.
  void look_around() { looks_ = true; }
  [[nodiscard]] int opened() const { return opened_; }

  [[nodiscard]] Result<Fd> open(const std::string& path) const override {
    ++opened_;
    const auto link = links_.find(path);
    if (link != links_.end()) return open(link->second);
    Fd file(::open((folder_ + path).c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return fail_errno(errno, "{}", path);
    return file;
  }
  [[nodiscard]] std::optional<std::string> resolve(const std::string& path) const override {
    const auto link = links_.find(path);
    if (link != links_.end()) return resolve(link->second);
    // A directory that is a link.
    for (const auto& [from, to] : links_) {
      if (path.starts_with(from + "/")) return resolve(to + path.substr(from.size()));
    }
    if (looks_ && std::filesystem::is_directory(folder_ + path)) return path;
    if (!std::filesystem::is_regular_file(folder_ + path)) return std::nullopt;
    return path;
  }
  [[nodiscard]] std::vector<std::string> list(const std::string& directory) const override {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ + directory, error)) {
      names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  [[nodiscard]] std::optional<std::string> find_library(
      const LibraryQuestion& question) const override {
    std::vector<std::string> directories = question.rpath;
    directories.insert(directories.end(), question.runpath.begin(), question.runpath.end());
    directories.emplace_back("/lib");
    for (const std::string& directory : directories) {
      if (resolve(directory + "/" + question.name)) return directory + "/" + question.name;
    }
    return std::nullopt;
  }
  [[nodiscard]] std::optional<PathLook> look(const std::string& path) const override {
    if (!looks_) return std::nullopt;
    const bool link = links_.contains(path);
    struct ::stat status {};
    if (!link && ::lstat((folder_ + path).c_str(), &status) != 0) return std::nullopt;
    return PathLook{stamp_of(status), !link && S_ISREG(status.st_mode)};
  }

 private:
  bool looks_ = false;
  mutable std::atomic<int> opened_ = 0;
  std::string folder_;
  std::map<std::string, std::string> links_;
};

}  // namespace sysnare
