#pragma once
// What does the object in this file do? From the cache, else by analysing it; several at once on
// the machine's processors.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/workers.h"
#include "elf/image.h"
#include "scan/cache.h"
#include "scan/summary.h"
#include "scan/surroundings.h"

namespace sysnare {

/// What decides which further objects are loaded.
struct ObjectHead {
  std::uint16_t machine = 0;
  std::string soname;
  std::string interpreter;
  std::vector<std::string> needed, runpath, rpath;
};

struct ObjectFile {
  std::string path;  ///< without symbolic links
  FileStamp stamp;
  ContentIdentity identity;
  ObjectHead head;
  bool light = false;  ///< it is only opened while the program runs: a light summary is enough
  std::optional<Summary> summary;
  std::string trouble;  ///< why there is none

  /// As Site::module_key.
  [[nodiscard]] std::string module_key() const;
};

/// analyse_object(), or a test's. A summary depends on the object's own file alone, so no debug
/// file is ever given: the second argument is null.
using AnalyseObject = std::function<Result<Summary>(const ElfImage& image, const ElfImage* debug)>;

class ObjectStore {
 public:
  /// All must outlive this. `workers`: who analyses several at once; null: nobody does. `now_ns`:
  /// the time of day.
  ObjectStore(const Surroundings& around, ScanCache& cache, AnalyseObject analyse, Workers* workers,
              std::int64_t now_ns);

  /// Opens the file and reads its head; the summary comes along where the cache has it. `path` is
  /// without symbolic links. Errors: as open; kBadInput naming file and offset.
  [[nodiscard]] Result<ObjectFile> open(const std::string& path, bool light) const;
  /// Gives each that has no summary its own, or the reason why there is none.
  void summarise(const std::vector<ObjectFile*>& objects,
                 const std::function<void(const std::string& path)>& progress) const;

 private:
  void summarise(ObjectFile& object) const;
  [[nodiscard]] Result<Summary> analyse(ObjectFile& object) const;

  const Surroundings& around_;
  ScanCache& cache_;
  AnalyseObject analyse_;
  Workers* workers_;
  std::int64_t now_ns_;
};

}  // namespace sysnare
