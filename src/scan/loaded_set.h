#pragma once
// Which objects are loaded with this program, and in which order are they searched for symbols?
//
// Source: ld.so(8) and elf/dl-load.c, elf/dl-deps.c of glibc 2.36 (breadth-first by DT_NEEDED; a
// name that is the soname of a loaded object is that object; DT_RPATH of the one who asks and of
// those who had it loaded, unless it has a DT_RUNPATH); musl's ldso/dynlink.c (libc and its parts
// are the dynamic linker itself); /etc/ld.so.preload. Not modelled: LD_PRELOAD, LD_LIBRARY_PATH,
// LD_AUDIT.

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "evidence/static_evidence.h"
#include "scan/link.h"
#include "scan/object_store.h"

namespace sysnare {

/// Most objects of one program; LibreOffice has some 200, and glibc's gconv 250 modules.
inline constexpr std::size_t kMaxObjects = 8192;

class LoadedSet {
 public:
  LoadedSet(const Surroundings& around, const ObjectStore& store,
            std::function<void(const std::string& path)> progress);

  /// The program, what it needs, and its dynamic linker. Errors: as ObjectStore::open for the
  /// program itself, also when it cannot be analysed.
  Result<void> load_program(const std::string& path);

  /// Adds the object at `path`, which `why` asks for while the program runs, and what it needs;
  /// `asker` asks it for functions. Whether it is there, now or before.
  bool add_opened(const std::string& path, const std::string& why, const Asker& asker);
  /// Grows whenever there is a new object, or one more who asks one.
  [[nodiscard]] std::size_t growth() const { return entries_.size() + askers_; }
  /// As dlopen finds `name`, asked for by the object at `origin`: one that is loaded already, or
  /// the path of its file.
  [[nodiscard]] std::optional<std::string> find(const std::string& name, const std::string& origin);
  /// Gives all that were added their summaries.
  void summarise();

  /// Those that have a summary, the program first, in the order of the global scope.
  [[nodiscard]] std::vector<LoadedObject> objects() const;
  /// Of each object that was found, whether it has a summary or not.
  [[nodiscard]] const std::deque<ObjectFile>& files() const { return files_; }
  [[nodiscard]] const ObjectFile* file(const std::string& path) const;
  /// Libraries that are missing, and objects that could not be analysed.
  [[nodiscard]] std::vector<OpenPoint> open_points() const;

 private:
  struct Entry {
    std::size_t file = 0;
    std::size_t parent = 0;  ///< who had it loaded; itself for the program
    LoadedObject::Role role = LoadedObject::Role::kLibrary;
    std::string why;
    std::set<Asker> askers;  ///< without those of who needs it
    std::vector<std::string> resolved;
    std::vector<std::string> missing;
  };

  Result<std::size_t> add(const std::string& path, std::size_t parent, LoadedObject::Role role,
                          const std::string& why);
  void add_needed_of(std::size_t first);
  [[nodiscard]] std::optional<std::string> search(const std::string& name, std::size_t entry);
  void note_relative(const LibraryQuestion& question);
  [[nodiscard]] std::optional<std::size_t> entry_at(const std::string& path) const;
  [[nodiscard]] bool is_opened(const std::string& path) const;
  [[nodiscard]] std::vector<std::set<Asker>> all_askers() const;

  const Surroundings& around_;
  const ObjectStore& store_;
  std::function<void(const std::string& path)> progress_;
  std::deque<ObjectFile> files_;  ///< one for each entry
  std::vector<Entry> entries_;
  std::size_t askers_ = 0;
  std::map<std::string, std::size_t, std::less<>> by_path_;
  std::map<std::string, std::string, std::less<>> by_name_;  ///< soname, or name asked for -> path
  std::map<std::string, std::string> unreadable_;            ///< path -> why
  /// Who asks, and a directory, or name, that is relative -> name that is looked up there.
  std::map<std::pair<std::string, std::string>, std::string> relative_;
  std::string interpreter_;
  bool musl_ = false;
};

}  // namespace sysnare
