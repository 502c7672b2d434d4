#include "scan/opened.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/text.h"

namespace sysnare {
namespace {

constexpr std::string_view kNss = "nss:";
constexpr std::string_view kGconv = "gconv:";
constexpr const char* kNsswitch = "/etc/nsswitch.conf";
constexpr std::size_t kMaxNsswitch = 1u << 20;
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
                   LoadedSet& set) {
  bool any = false;
  for (const std::string& name : around.list(directory)) {
    if (!is_library_name(name)) continue;
    const std::optional<std::string> path = around.resolve(directory + "/" + name);
    any = (path && set.add_opened(*path, why)) || any;
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
    if (add_directory(around, directory, why, set)) return;
  }
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
      if (in_brackets || c == ' ' || c == '\t' || c == '\r') {
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

void load_opened(const OpenRequest& request, const Surroundings& around, LoadedSet& set,
                 std::vector<OpenPoint>& open, std::vector<std::string>& notes) {
  const std::string_view name = request.name;
  if (name.starts_with(kNss)) {
    const std::string_view database = name.substr(kNss.size());
    for (const std::string& service :
         nss_services(read_beginning(around, kNsswitch, kMaxNsswitch), database)) {
      if (service.find('/') != std::string::npos) continue;
      const auto path = set.find(fmt::format("libnss_{}.so.2", service), request.object);
      // One that is not installed is passed over (nss/nss_module.c, glibc 2.36).
      if (path) set.add_opened(*path, asked_by(request, "a name service, by nsswitch.conf"));
    }
    return;
  }
  if (name.starts_with(kGconv)) return add_gconv(request, around, set);
  const std::string why = asked_by(request, fmt::format("dlopen(\"{}\")", request.name));
  if (name.ends_with('/') && name.starts_with('/')) {
    add_directory(around, request.name.substr(0, name.size() - 1), why, set);
    return;
  }
  if (const auto path = set.find(request.name, request.object)) {
    set.add_opened(*path, why);
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
