#include <map>
#include <utility>

#include "elf/closure.h"
#include "scan/surroundings.h"

namespace sysnare {
namespace {

class TreeSurroundings : public Surroundings {
 public:
  explicit TreeSurroundings(const FileTree& tree) : tree_(tree) {}

  [[nodiscard]] Result<Fd> open(const std::string& path) const override { return tree_.open(path); }
  [[nodiscard]] std::optional<std::string> resolve(const std::string& path) const override {
    Result<std::string> resolved = tree_.resolve(path);
    if (!resolved) return std::nullopt;
    return std::move(*resolved);
  }
  [[nodiscard]] std::vector<std::string> list(const std::string& directory) const override {
    return tree_.list(directory);
  }
  [[nodiscard]] std::optional<std::string> find_library(
      const LibraryQuestion& question) const override {
    const std::pair key(question.machine, question.musl);
    auto search = searches_.find(key);
    if (search == searches_.end()) {
      search = searches_.emplace(key, LibrarySearch(tree_, question.machine, question.musl)).first;
    }
    return search->second.find(question.name, question.origin, question.rpath, question.runpath);
  }
  [[nodiscard]] std::optional<PathLook> look(const std::string& path) const override {
    const std::optional<struct ::stat> status = tree_.status(path);
    if (!status) return std::nullopt;
    return PathLook{stamp_of(*status), S_ISREG(status->st_mode)};
  }

 private:
  const FileTree& tree_;
  mutable std::map<std::pair<std::uint16_t, bool>, LibrarySearch> searches_;
};

}  // namespace

std::unique_ptr<Surroundings> surroundings_of(const FileTree& tree) {
  return std::make_unique<TreeSurroundings>(tree);
}

}  // namespace sysnare
