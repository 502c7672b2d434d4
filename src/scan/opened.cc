#include "scan/opened.h"

#include <fmt/format.h>
#include <strings.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <span>

#include "base/text.h"
#include "scan/known_loads.h"
#include "scan/plug_ins.h"

namespace sysnare {
namespace {

constexpr std::string_view kNss = "nss:";
constexpr std::string_view kGconv = "gconv:";
constexpr const char* kNsswitch = "/etc/nsswitch.conf";
constexpr std::size_t kMaxNsswitch = 1u << 20;
constexpr std::size_t kMaxConfiguration = 1u << 20;
/// Most files of configuration and directories of plug-ins of one loader.
constexpr std::size_t kMaxLooked = 4096;
/// Directories of plug-ins below one another, and files of configuration that name others.
constexpr int kMaxDepth = 4;
/// Where libraries of distributions put them; beside libc comes first.
constexpr std::array<const char*, 4> kGconvDirectories = {"/usr/lib/x86_64-linux-gnu/gconv",
                                                          "/usr/lib/aarch64-linux-gnu/gconv",
                                                          "/usr/lib64/gconv", "/usr/lib/gconv"};

std::string asked_by(const OpenRequest& request, std::string_view what) {
  return fmt::format("{} in {}{}{}", what, request.function, request.object.empty() ? "" : " of ",
                     request.object);
}

bool is_library_name(std::string_view name) {
  return name.ends_with(".so") || name.find(".so.") != std::string_view::npos;
}

/// Every library of `directory`; whether there is one.
bool add_directory(const Surroundings& around, const std::string& directory, const std::string& why,
                   const Asker& asker, LoadedSet& set) {
  bool any = false;
  for (const std::string& name : around.list(directory)) {
    if (!is_library_name(name)) continue;
    const std::optional<std::string> path = around.resolve(directory + "/" + name);
    any = (path && set.add_opened(*path, why, asker)) || any;
  }
  return any;
}

void add_gconv(const OpenRequest& request, const Surroundings& around, LoadedSet& set) {
  const std::string why = asked_by(request, "a character set converter, by iconv");
  std::vector<std::string> directories;
  if (const std::size_t slash = request.object.rfind('/'); slash != std::string::npos) {
    directories.push_back(request.object.substr(0, slash) + "/gconv");
  }
  directories.insert(directories.end(), kGconvDirectories.begin(), kGconvDirectories.end());
  for (const std::string& directory : directories) {
    if (add_directory(around, directory, why, request.asker, set)) return;
  }
}

/// What one loader of plug-ins can load: see plug_ins.h.
class PlugInLoader {
 public:
  PlugInLoader(const PlugIns& plug_ins, const OpenRequest& request, const Surroundings& around,
               LoadedSet& set, std::vector<OpenPoint>& open)
      : plug_ins_(plug_ins), request_(request), around_(around), set_(set), open_(open) {
    why_ = asked_by(request, fmt::format("a plug-in of {},", plug_ins.object));
    beside_ = request.object.substr(0, request.object.rfind('/') + 1);
  }

  /// `told`: a name, kAllPlugIns, or nothing.
  void load(std::string_view told) {
    if (told == kAllPlugIns) {
      for (const std::string_view directory : plug_ins_.named_in) add_all(place(directory), 0);
      return;
    }
    for (const std::string_view directory : plug_ins_.named_in) {
      if (directory.empty()) continue;
      for (const std::string& name : around_.list(place(directory))) {
        if (is_library_name(name)) named_.emplace(name, place(directory) + "/" + name);
      }
    }
    if (!told.empty()) return add_named(told);
    // First, since a file may lie in one of the directories.
    for (const std::string_view file : plug_ins_.files) {
      if (!file.empty()) read(std::string(file), 0);
    }
    for (const std::string_view directory : plug_ins_.directories) add_all(place(directory), 0);
    for (const auto& [name, path] : named_) {
      if (begins_with_any(name, plug_ins_.prefixes)) add(path);
    }
    add_beside();
  }

 private:
  static bool begins_with_any(std::string_view name, std::span<const std::string_view> prefixes) {
    return std::any_of(prefixes.begin(), prefixes.end(), [&](std::string_view prefix) {
      return !prefix.empty() && name.starts_with(prefix);
    });
  }

  [[nodiscard]] std::string place(std::string_view directory) const {
    if (directory.empty() || directory.front() == '/') return std::string(directory);
    if (directory == "..") {
      const std::string own = beside_.substr(0, beside_.empty() ? 0 : beside_.size() - 1);
      return own.substr(0, own.rfind('/'));
    }
    return beside_ + std::string(directory);
  }

  void add(const std::string& path) {
    if (const auto resolved = around_.resolve(path))
      set_.add_opened(*resolved, why_, request_.asker);
  }

  /// What it loads beside its own file, or in a directory there.
  void add_beside() {
    const std::string_view first = plug_ins_.beside[0];
    if (first.empty()) return;
    bool found = false;
    const auto look_at = [&](const std::string& name, const std::string& path) {
      if (!is_library_name(name) || !begins_with_any(name, plug_ins_.beside)) return;
      found = found || name.starts_with(first);
      add(path);
    };
    for (const auto& [name, path] : named_) look_at(name, path);
    for (const std::string& name : around_.list(place("."))) look_at(name, beside_ + name);
    if (!found && plug_ins_.needs_first) {
      open_point(beside_ + std::string(first), "nor is it there itself");
    }
  }

  void add_all(const std::string& directory, int depth) {
    if (directory.empty() || !is_new(directory)) return;
    for (const std::string& name : around_.list(directory)) {
      const std::string path = directory + "/" + name;
      if (is_library_name(name)) {
        add(path);
      } else if (depth < kMaxDepth) {
        add_all(path, depth + 1);
      }
    }
  }

  void add_named(std::string_view name) {
    for (const std::string& file :
         {std::string(name), fmt::format("{}.so", name), fmt::format("lib{}.so", name)}) {
      const auto found = named_.find(file);
      if (found != named_.end()) add(found->second);
    }
  }

  /// Whether nothing was looked for there yet: files may name each other, and links lead back.
  bool is_new(const std::string& path) {
    const bool is_new = looked_.insert(around_.resolve(path).value_or(path)).second;
    if (looked_.size() <= kMaxLooked) return is_new;
    if (is_new) open_point(path, "more files than are read");
    return false;
  }

  /// A file of configuration, or a directory of them.
  void read(const std::string& path, int depth) {
    if (!is_new(path)) return;
    if (depth > kMaxDepth) return open_point(path, "files that name others");
    const std::vector<std::string> names = around_.list(path);
    for (const std::string& name : names) read(path + "/" + name, depth + 1);
    if (!names.empty()) return;
    const Result<Fd> file = around_.open(path);
    if (!file && file.error().code == Errc::kNoPermission)
      return open_point(path, "it cannot be read");
    const std::string text = read_beginning(around_, path, kMaxConfiguration + 1);
    if (text.size() > kMaxConfiguration) open_point(path, "it is longer than is read");
    for (const std::string_view line : split(text, '\n')) read_line(line, path, depth);
  }

  void read_line(std::string_view line, const std::string& path, int depth) {
    line = trim(line.substr(0, line.find('#')));
    if (line.starts_with('[')) section_ = trim(line.substr(1, line.find(']') - 1));
    std::string_view key;
    std::string_view before;
    for (std::size_t at = 0; at < line.size();) {
      const std::size_t end = std::min(line.find_first_of(" \t\r=:;,\"'", at), line.size());
      const std::string_view word = line.substr(at, end - at);
      at = end + 1;
      if (word.empty()) continue;
      if (key.empty()) {
        key = word;
        if (section_ == modules_ && !line.starts_with('[') && !is_known_module(key)) {
          open_point(path, std::string(key));
        }
      } else if (section_.empty() && key == "openssl_conf") {
        modules_ = word;
      }
      take({key, before, path}, word, depth);
      // What is behind the name of a library are its arguments.
      if (is_library_name(word)) break;
      before = word;
    }
  }

  /// OpenSSL loads a library for each name in the section of modules that it has none for: 3.0,
  /// crypto/conf/conf_mod.c (module_run, module_find, module_load_dso), conf_mall.c.
  static bool is_known_module(std::string_view key) {
    constexpr std::array<std::string_view, 7> kKnown = {
        "alg_section", "engines", "oid_section", "providers", "random", "ssl_conf", "stbl_section"};
    const std::string_view name = key.substr(0, key.rfind('.'));
    return key == ".include" || key == ".pragma" ||
           std::any_of(kKnown.begin(), kKnown.end(),
                       [&](std::string_view known) { return known.starts_with(name); });
  }

  /// Whether the file begins as programs and libraries do.
  [[nodiscard]] bool is_object(const std::string& path) const {
    return read_beginning(around_, path, 4) == "\177ELF";
  }

  struct Line {
    std::string_view key;     ///< with which it begins
    std::string_view before;  ///< the word that is taken; empty: it is the first one
    const std::string& path;
  };

  /// A word of a line.
  void take(const Line& line, std::string_view word, int depth) {
    constexpr std::array<std::string_view, 4> kLoads = {"module", "dynamic_path", "plugin_base_dir",
                                                        "db_module_dir"};
    const std::string_view key = line.key;
    const bool loads = std::find(kLoads.begin(), kLoads.end(), key) != kLoads.end() && key != word;
    // PAM has these behind the kind of a line: "auth include FILE".
    const bool includes = key.find("include") != std::string_view::npos ||
                          line.before.find("include") != std::string_view::npos ||
                          line.before == "substack";
    if (word.front() == '/' && includes) {
      read(std::string(word), depth + 1);
    } else if (key == ".include" && key != word) {
      // OpenSSL takes it by OPENSSL_CONF_INCLUDE, or by the working directory.
      open_point(line.path, std::string(word));
    } else if (word.front() == '/' && (loads || is_library_name(word))) {
      if (is_library_name(word)) {
        add(std::string(word));
      } else if (!around_.list(std::string(word)).empty()) {
        add_all(std::string(word), 0);
      } else {
        add(std::string(word));
      }
    } else if (word.find('$') != std::string_view::npos && (loads || is_library_name(word))) {
      open_point(line.path, std::string(word));
    } else if (key == "library" && key != word && is_library_name(word) &&
               word.find('/') == std::string_view::npos) {
      add_found(line.path, word);
    } else if (word.front() == '/' && is_object(std::string(word))) {
      add(std::string(word));
    } else if (is_library_name(word) && word.find('/') != std::string_view::npos) {
      add_below(line.path, word);
    } else {
      add_named(word);
    }
  }

  /// A library that NSS has the dynamic linker look for.
  void add_found(const std::string& file, std::string_view word) {
    const auto path = set_.find(std::string(word), request_.object);
    if (!path) return open_point(file, std::string(word));
    set_.add_opened(*path, why_, request_.asker);
  }

  /// A library below one of the directories: PAM takes "sub/pam_x.so" (_pam_load_module(),
  /// libpam/pam_handlers.c of Linux-PAM 1.5.2).
  void add_below(const std::string& file, std::string_view word) {
    bool found = false;
    for (const std::string_view directory : plug_ins_.named_in) {
      const auto path = around_.resolve(fmt::format("{}/{}", place(directory), word));
      found = (path && set_.add_opened(*path, why_, request_.asker)) || found;
    }
    if (!found) open_point(file, std::string(word));
  }

  void open_point(const std::string& path, const std::string& what) {
    if (!said_.insert(what).second) return;
    OpenPoint point;
    point.kind = "dlopen";
    point.object = request_.object;
    point.function = request_.function;
    point.reason = fmt::format(
        "{} names a library that is not followed: {}; a run that loads it adds what it calls",
        printable(path), printable(what));
    open_.push_back(std::move(point));
  }

  const PlugIns& plug_ins_;
  const OpenRequest& request_;
  const Surroundings& around_;
  LoadedSet& set_;
  std::vector<OpenPoint>& open_;
  std::string why_;
  std::string section_;        ///< of the file that is read
  std::string modules_ = "?";  ///< the section of OpenSSL's modules; "?": none is named
  std::string beside_;         ///< where the loader lies, with '/'
  std::map<std::string, std::string, std::less<>> named_;  ///< file -> path, in named_in
  std::set<std::string> looked_;                           ///< paths of files and directories
  std::set<std::string> said_;                             ///< what open points were made of
};

/// Where it is not read as a whole, what it names stays open.
std::string read_nsswitch(const OpenRequest& request, const Surroundings& around,
                          std::vector<OpenPoint>& open) {
  std::string text = read_beginning(around, kNsswitch, kMaxNsswitch + 1);
  const Result<Fd> file = around.open(kNsswitch);
  const bool refused = !file && file.error().code == Errc::kNoPermission;
  if (!refused && text.size() <= kMaxNsswitch) return text;
  OpenPoint point;
  point.kind = "dlopen";
  point.object = request.object;
  point.function = request.function;
  point.reason =
      fmt::format("{} {}, which names libraries that are loaded; {}", kNsswitch,
                  refused ? "cannot be read" : "is longer than is read",
                  refused ? "a scan by a user who may read it knows them" : "shortening it helps");
  open.push_back(std::move(point));
  return text;
}

}  // namespace

std::vector<std::string> nss_services(std::string_view text, std::string_view database) {
  std::set<std::string> services = {"files", "dns"};
  for (std::string_view line : split(text, '\n')) {
    line = trim(line.substr(0, line.find('#')));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    if (!database.empty() && trim(line.substr(0, colon)) != database) continue;
    line.remove_prefix(colon + 1);
    // "[NOTFOUND=return]" says what to do with an answer, and names no service.
    bool in_brackets = false;
    std::string word;
    const auto take = [&] {
      if (!word.empty()) services.insert(word);
      word.clear();
    };
    for (const char c : line) {
      if (c == '[') in_brackets = true;
      if (in_brackets || c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f') {
        take();
      } else {
        word += c;
      }
      if (c == ']') in_brackets = false;
    }
    take();
  }
  return {services.begin(), services.end()};
}

std::vector<std::string> subid_services(std::string_view text) {
  constexpr std::string_view kKey = "subid:";
  std::set<std::string> services;
  for (const std::string_view line : split(text, '\n')) {
    if (line.size() < kKey.size() || strncasecmp(line.data(), kKey.data(), kKey.size()) != 0)
      continue;
    std::string_view words = line.substr(kKey.size());
    while (!words.empty()) {
      const std::size_t end = std::min(words.find_first_of(" \t\r\v\f"), words.size());
      services.emplace(words.substr(0, end));
      words.remove_prefix(std::min(end + 1, words.size()));
    }
  }
  services.erase("");
  services.erase("files");
  return {services.begin(), services.end()};
}

void load_opened(const OpenRequest& request, const Surroundings& around, LoadedSet& set,
                 std::vector<OpenPoint>& open, std::vector<std::string>& notes) {
  const std::string_view name = request.name;
  if (name == kSubidRequest) {
    for (const std::string& service : subid_services(read_nsswitch(request, around, open))) {
      OpenRequest named = request;
      named.name = fmt::format("libsubid_{}.so", service);
      load_opened(named, around, set, open, notes);
    }
    return;
  }
  if (name.starts_with(kNss)) {
    const std::string_view database = name.substr(kNss.size());
    for (const std::string& service :
         nss_services(read_nsswitch(request, around, open), database)) {
      if (service.find('/') != std::string::npos) {
        OpenPoint point;
        point.kind = "dlopen";
        point.object = request.object;
        point.function = request.function;
        point.reason = fmt::format(
            "{} names \"{}\", of which a path is made that begins in the working directory",
            kNsswitch, service);
        open.push_back(std::move(point));
        continue;
      }
      const auto path = set.find(fmt::format("libnss_{}.so.2", service), request.object);
      // One that is not installed is passed over (nss/nss_module.c, glibc 2.36).
      if (path)
        set.add_opened(*path, asked_by(request, "a name service, by nsswitch.conf"), request.asker);
    }
    return;
  }
  if (name.starts_with(kPlugInRequest)) {
    const std::string_view asked = name.substr(kPlugInRequest.size());
    const std::size_t colon = std::min(asked.find(':'), asked.size());
    const PlugIns* plug_ins = plug_ins_named(asked.substr(0, colon));
    if (plug_ins == nullptr) return;
    const std::string_view told = asked.substr(std::min(colon + 1, asked.size()));
    PlugInLoader(*plug_ins, request, around, set, open).load(told);
    return;
  }
  if (name.starts_with(kGconv)) return add_gconv(request, around, set);
  const std::string why = asked_by(request, fmt::format("dlopen(\"{}\")", request.name));
  if (name.ends_with('/') && name.starts_with('/')) {
    add_directory(around, request.name.substr(0, name.size() - 1), why, request.asker, set);
    return;
  }
  if (const auto path = set.find(request.name, request.object)) {
    const bool itself = *path == request.object && request.asker.kind == Asker::Kind::kAnybody;
    set.add_opened(*path, why, itself ? Asker{Asker::Kind::kItself, *path} : request.asker);
    return;
  }
  const bool by_working_directory = name.find('/') != std::string_view::npos && name[0] != '/';
  if (by_working_directory) {
    OpenPoint point;
    point.kind = "dlopen";
    point.object = request.object;
    point.function = request.function;
    point.reason = fmt::format(
        "\"{}\" is looked up in the working directory, which is not known; a run that loads it "
        "adds "
        "what it calls",
        request.name);
    open.push_back(std::move(point));
    return;
  }
  notes.push_back(fmt::format("{} is not there: what it would call is not in the scan", why));
}

}  // namespace sysnare
