#include "scan/loaded_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "base/text.h"
#include "elf/tokens.h"

namespace sysnare {
namespace {

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

/// `list` with the object's own directory in place of $ORIGIN: of an object that asks on behalf of
/// another, who has another one.
void add_expanded(const std::vector<std::string>& list, const std::string& path,
                  std::vector<std::string>& to) {
  const std::string directory = directory_of(path);
  for (const std::string& each : list) to.push_back(with_token(each, "ORIGIN", directory));
}

constexpr const char* kPreload = "/etc/ld.so.preload";
constexpr std::size_t kMaxPreload = 1u << 20;

/// Names with blanks or colons between, and comments (do_preload(), elf/rtld.c).
std::vector<std::string> preloaded(const Surroundings& around) {
  std::vector<std::string> names;
  const std::string text = read_beginning(around, kPreload, kMaxPreload);
  for (std::string_view line : split(text, '\n')) {
    line = line.substr(0, line.find('#'));
    std::string name;
    for (const char c : std::string(line) + ' ') {
      if (c != ' ' && c != '\t' && c != ':' && c != '\r') {
        name += c;
      } else if (!name.empty()) {
        names.push_back(std::exchange(name, {}));
      }
    }
  }
  return names;
}

/// Names that musl's dynamic linker takes for itself (ldso/dynlink.c, load_library()).
bool is_part_of_musl(std::string_view name) {
  constexpr std::array<std::string_view, 7> kParts = {"c.",  "pthread.", "rt.",  "m.",
                                                      "dl.", "util.",    "xnet."};
  if (!name.starts_with("lib")) return false;
  name.remove_prefix(3);
  return std::any_of(kParts.begin(), kParts.end(),
                     [&](std::string_view part) { return name.starts_with(part); });
}

}  // namespace

LoadedSet::LoadedSet(const Surroundings& around, const ObjectStore& store,
                     std::function<void(const std::string& path)> progress)
    : around_(around), store_(store), progress_(std::move(progress)) {}

std::optional<std::size_t> LoadedSet::entry_at(const std::string& path) const {
  const auto found = by_path_.find(path);
  if (found == by_path_.end()) return std::nullopt;
  return found->second;
}

const ObjectFile* LoadedSet::file(const std::string& path) const {
  const std::optional<std::size_t> entry = entry_at(path);
  return entry ? &files_[entries_[*entry].file] : nullptr;
}

Result<std::size_t> LoadedSet::add(const std::string& path, std::size_t parent,
                                   LoadedObject::Role role, const std::string& why) {
  if (const auto there = entry_at(path)) return *there;
  if (entries_.size() >= kMaxObjects) {
    return fail(Errc::kLimit, "{}: more than {} objects are loaded", printable(path), kMaxObjects);
  }
  Result<ObjectFile> file = store_.open(path, role == LoadedObject::Role::kOpened);
  if (!file) return propagate(file);
  const std::size_t number = entries_.size();
  Entry entry;
  entry.file = files_.size();
  entry.parent = entries_.empty() ? 0 : parent;
  entry.role = role;
  entry.why = why;
  if (!file->head.soname.empty()) by_name_.emplace(file->head.soname, path);
  files_.push_back(std::move(*file));
  entries_.push_back(std::move(entry));
  by_path_.emplace(path, number);
  return number;
}

/// Notes the first directory of the search list that is relative, where none before it has `name`.
void LoadedSet::note_relative(const LibraryQuestion& question) {
  std::vector<std::string> directories = question.rpath;
  add_expanded(question.runpath, question.origin, directories);
  for (const std::string& directory : directories) {
    if (!directory.starts_with('/')) {
      relative_.emplace(std::pair(question.origin, directory), question.name);
      return;
    }
    if (around_.resolve(directory + "/" + question.name)) return;
  }
}

std::optional<std::string> LoadedSet::search(const std::string& name, std::size_t entry) {
  if (name.empty()) return std::nullopt;
  if (name.find('/') != std::string::npos) {
    std::vector<std::string> expanded;
    add_expanded({name}, files_[entries_[entry].file].path, expanded);
    if (expanded.front().front() != '/') return std::nullopt;  // by the working directory
    return around_.resolve(expanded.front());
  }
  const auto known = by_name_.find(name);
  if (known != by_name_.end() && !is_opened(known->second)) return known->second;
  if (musl_ && is_part_of_musl(name)) return interpreter_;
  const ObjectFile& asking = files_[entries_[entry].file];
  LibraryQuestion question;
  question.machine = files_.front().head.machine;
  question.musl = musl_;
  question.name = name;
  question.origin = asking.path;
  question.runpath = asking.head.runpath;
  if (asking.head.runpath.empty()) {
    for (std::size_t at = entry;; at = entries_[at].parent) {
      const ObjectFile& file = files_[entries_[at].file];
      // One with a DT_RUNPATH has no DT_RPATH (decompose_rpath(), elf/dl-load.c).
      if (file.head.runpath.empty()) add_expanded(file.head.rpath, file.path, question.rpath);
      if (entries_[at].parent == at) break;
    }
  }
  note_relative(question);
  std::optional<std::string> found = around_.find_library(question);
  if (found) found = around_.resolve(*found);
  // Else one of that name that is there already, if it comes first.
  if (!found && known != by_name_.end()) return known->second;
  return found;
}

bool LoadedSet::is_opened(const std::string& path) const {
  const std::optional<std::size_t> entry = entry_at(path);
  return entry && entries_[*entry].role == LoadedObject::Role::kOpened;
}

void LoadedSet::add_needed_of(std::size_t first) {
  for (std::size_t at = first; at < entries_.size(); ++at) {
    const std::vector<std::string> needed = files_[entries_[at].file].head.needed;
    std::vector<std::string> also;
    for (const std::string& name : needed) {
      const std::optional<std::string> path = search(name, at);
      std::string resolved = path.value_or("");
      if (path) {
        const auto role = entries_[first].role == LoadedObject::Role::kOpened
                              ? LoadedObject::Role::kOpened
                          : *path == interpreter_ ? LoadedObject::Role::kInterpreter
                                                  : LoadedObject::Role::kLibrary;
        Result<std::size_t> added =
            add(*path, at, role, fmt::format("{} needs it", files_[entries_[at].file].path));
        if (added) {
          by_name_.emplace(name, *path);
        } else {
          unreadable_.emplace(*path, added.error().message);
        }
      } else if (name.find('/') == std::string::npos || name.front() == '/' ||
                 name.front() == '$') {
        entries_[at].missing.push_back(name);
      } else {
        relative_.emplace(std::pair(files_[entries_[at].file].path, name), name);
      }
      entries_[at].resolved.push_back(std::move(resolved));
      // What was opened under that name before may be there first.
      const auto other = by_name_.find(name);
      if (other != by_name_.end() && path && other->second != *path) also.push_back(other->second);
    }
    std::vector<std::string>& resolved = entries_[at].resolved;
    resolved.insert(resolved.end(), also.begin(), also.end());
  }
}

Result<void> LoadedSet::load_program(const std::string& path) {
  Result<std::size_t> program = add(path, 0, LoadedObject::Role::kProgram, "");
  if (!program) return propagate(program);
  const std::string wanted = files_.front().head.interpreter;
  if (!wanted.empty()) {
    musl_ = wanted.find("/ld-musl-") != std::string::npos;
    if (const auto resolved = around_.resolve(wanted)) {
      interpreter_ = *resolved;
      // ld.so knows itself by its soname, under which libc needs it.
      if (Result<ObjectFile> file = store_.open(interpreter_, false); file) {
        if (!file->head.soname.empty()) by_name_.emplace(file->head.soname, interpreter_);
      }
    }
  }
  if (!interpreter_.empty() && !musl_) {
    for (const std::string& name : preloaded(around_)) {
      if (name.find('$') != std::string::npos) {
        unreadable_.emplace(name, fmt::format("what {} names by a '$' is not followed", kPreload));
        continue;
      }
      const std::optional<std::string> found = search(name, 0);
      if (!found) {  // ld.so says so and goes on
        if (name.find('/') != std::string::npos && name.front() != '/')
          relative_.emplace(std::pair(std::string(kPreload), name), name);
        continue;
      }
      Result<std::size_t> added = add(*found, 0, LoadedObject::Role::kLibrary, kPreload);
      if (!added) unreadable_.emplace(*found, added.error().message);
    }
  }
  add_needed_of(0);
  if (!interpreter_.empty() && !entry_at(interpreter_)) {
    Result<std::size_t> added =
        add(interpreter_, 0, LoadedObject::Role::kInterpreter, "dynamic linker");
    if (!added) unreadable_.emplace(interpreter_, added.error().message);
  } else if (interpreter_.empty() && !wanted.empty()) {
    entries_.front().missing.push_back(wanted);
  }
  summarise();
  if (!files_.front().summary) return fail(Errc::kBadInput, "{}", files_.front().trouble);
  const Summary& summary = *files_.front().summary;
  if (!summary.is_library && summary.entry != 0 && summary.function_at(summary.entry) == kNone) {
    return fail(Errc::kBadInput, "{}: it starts at {:#x}, where it has no code", printable(path),
                summary.entry);
  }
  return {};
}

bool LoadedSet::add_opened(const std::string& path, const std::string& why, const Asker& asker) {
  if (!entry_at(path)) {
    const std::size_t first = entries_.size();
    Result<std::size_t> added = add(path, 0, LoadedObject::Role::kOpened, why);
    if (!added) {
      unreadable_.emplace(path, added.error().message);
      return false;
    }
    add_needed_of(first);
  }
  Entry& entry = entries_[*entry_at(path)];
  if (entry.role == LoadedObject::Role::kOpened && entry.askers.insert(asker).second) ++askers_;
  return true;
}

/// Of each entry who asks it: dlsym of a handle looks in what its object needs, too.
std::vector<std::set<Asker>> LoadedSet::all_askers() const {
  std::vector<std::set<Asker>> askers;
  for (const Entry& entry : entries_) askers.push_back(entry.askers);
  std::vector<std::size_t> todo(entries_.size());
  std::iota(todo.begin(), todo.end(), 0);
  while (!todo.empty()) {
    const std::size_t from = todo.back();
    todo.pop_back();
    for (const std::string& path : entries_[from].resolved) {
      const std::optional<std::size_t> to = entry_at(path);
      if (!to || *to == from || entries_[*to].role != LoadedObject::Role::kOpened) continue;
      const std::size_t before = askers[*to].size();
      for (const Asker& asker : askers[from]) {
        // What glibc asks these for they have themselves: misc/unwind-link.c, inet/idna.c, 2.36.
        if (asker.kind != Asker::Kind::kCLibrary) askers[*to].insert(asker);
      }
      if (askers[*to].size() != before) todo.push_back(*to);
    }
  }
  return askers;
}

std::optional<std::string> LoadedSet::find(const std::string& name, const std::string& origin) {
  return search(name, entry_at(origin).value_or(0));
}

void LoadedSet::summarise() {
  std::vector<ObjectFile*> all;
  for (ObjectFile& file : files_) all.push_back(&file);
  store_.summarise(all, progress_);
}

std::vector<LoadedObject> LoadedSet::objects() const {
  std::vector<LoadedObject> objects;
  const std::vector<std::set<Asker>> askers = all_askers();
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    const ObjectFile& file = files_[entry.file];
    if (!file.summary) continue;
    LoadedObject object;
    object.summary = *file.summary;
    object.path = file.path;
    object.role = entry.role;
    object.resolved = entry.resolved;
    object.why = entry.why;
    object.askers.assign(askers[i].begin(), askers[i].end());
    objects.push_back(std::move(object));
  }
  return objects;
}

std::vector<OpenPoint> LoadedSet::open_points() const {
  std::vector<OpenPoint> points;
  const auto add_point = [&](const std::string& object, std::string reason) {
    OpenPoint point;
    point.kind = "object";
    point.object = object;
    point.reason = std::move(reason);
    points.push_back(std::move(point));
  };
  for (const Entry& entry : entries_) {
    const ObjectFile& file = files_[entry.file];
    for (const std::string& name : entry.missing) {
      add_point(file.path,
                fmt::format("{}, which it needs, is not there; install it and scan again", name));
    }
    if (!file.trouble.empty()) add_point(file.path, "cannot be analysed: " + file.trouble);
  }
  for (const auto& [place, name] : relative_) {
    const auto& [object, directory] = place;
    add_point(object, directory == name
                          ? fmt::format("{}, which it needs, is looked up in the working "
                                        "directory, which is not known",
                                        name)
                          : fmt::format("its search list for {} has \"{}\", which is looked up in "
                                        "the working directory, which is not known",
                                        name, directory));
  }
  for (const auto& [path, why] : unreadable_) add_point(path, "cannot be analysed: " + why);
  return points;
}

}  // namespace sysnare
