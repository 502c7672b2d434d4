#include <elf.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <span>

#include "base/text.h"
#include "elf/closure.h"
#include "elf/library_cache.h"
#include "elf/tokens.h"

namespace sysnare {
namespace {

constexpr std::size_t kMaxListBytes = 1u << 20;
constexpr std::size_t kMaxLibcBytes = 64u << 20;
constexpr std::string_view kHwcaps = "/glibc-hwcaps/";

/// What this machine's glibc looks for first, best first (sysdeps/x86_64/dl-hwcaps_subdirs.c of
/// glibc 2.36). Features that compilers cannot ask for come with the ones that are asked for.
std::vector<std::string> own_levels(std::uint16_t machine) {
  std::vector<std::string> levels;
#if defined(__x86_64__)
  if (machine != EM_X86_64) return levels;
  const bool v2 = __builtin_cpu_supports("sse3") != 0 && __builtin_cpu_supports("ssse3") != 0 &&
                  __builtin_cpu_supports("sse4.1") != 0 && __builtin_cpu_supports("sse4.2") != 0 &&
                  __builtin_cpu_supports("popcnt") != 0;
  const bool v3 = v2 && __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("bmi") != 0 &&
                  __builtin_cpu_supports("bmi2") != 0 && __builtin_cpu_supports("fma") != 0;
  const bool v4 =
      v3 && __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
      __builtin_cpu_supports("avx512cd") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
      __builtin_cpu_supports("avx512vl") != 0;
  if (v4) levels.emplace_back("x86-64-v4");
  if (v3) levels.emplace_back("x86-64-v3");
  if (v2) levels.emplace_back("x86-64-v2");
#else
  (void)machine;
#endif
  return levels;
}

/// Subdirectories that glibc up to 2.36 looks into after those, and after which order it combines
/// them: all of them first (elf/dl-hwcaps.c _dl_important_hwcaps(), sysdeps/x86/cpu-features.c).
std::vector<std::string> own_legacy(std::uint16_t machine) {
  std::vector<std::string> names{"tls"};
#if defined(__x86_64__)
  if (machine == EM_X86_64) {
    const std::vector<std::string> levels = own_levels(machine);
    const auto has = [&](const char* level) {
      return std::find(levels.begin(), levels.end(), level) != levels.end();
    };
    if (has("x86-64-v3")) names.emplace_back("haswell");
    if (has("x86-64-v4")) names.emplace_back("avx512_1");
    names.emplace_back("x86_64");
  }
#endif
  if (machine == EM_AARCH64) names.emplace_back("aarch64");
  return names;
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string joined(const std::string& folder, const std::string& name) {
  return folder.ends_with('/') ? folder + name : folder + "/" + name;
}

/// The part behind glibc-hwcaps/ up to the next slash; empty: none.
std::string level_of(const std::string& path) {
  const std::size_t at = path.find(kHwcaps);
  if (at == std::string::npos) return {};
  const std::string rest = path.substr(at + kHwcaps.size());
  return rest.substr(0, rest.find('/'));
}

std::string triplet(std::uint16_t machine) {
  return machine == EM_AARCH64 ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
}
std::string machine_name(std::uint16_t machine) {
  return machine == EM_AARCH64 ? "aarch64" : "x86_64";
}

}  // namespace

struct LibrarySearch::State {
  const FileTree* tree = nullptr;
  std::uint16_t machine = 0;
  bool musl = false;
  std::map<std::string, std::vector<std::string>, std::less<>> cache;
  std::vector<std::string> defaults;
  std::vector<std::string> levels;  ///< of glibc-hwcaps, best first
  std::vector<std::string> legacy;
  std::vector<std::string> preload;

  [[nodiscard]] bool fits(const std::string& path) const {
    Result<Fd> file = tree->open(path);
    if (!file) return false;
    std::uint8_t header[20] = {};
    if (::pread(file->get(), header, sizeof header, 0) != sizeof header) return false;
    return std::equal(header, header + SELFMAG, ELFMAG) && header[EI_CLASS] == ELFCLASS64 &&
           header[EI_DATA] == ELFDATA2LSB && (header[18] | header[19] << 8) == machine;
  }
  [[nodiscard]] std::optional<std::string> in_folder(const std::string& folder,
                                                     const std::string& name) const {
    for (const std::string& level : levels) {
      const std::string path = joined(joined(folder, "glibc-hwcaps/" + level), name);
      if (fits(path)) return path;
    }
    if (std::optional<std::string> path = in_legacy(folder, name)) return path;
    const std::string path = joined(folder, name);
    return fits(path) ? std::optional(path) : std::nullopt;
  }
  [[nodiscard]] std::optional<std::string> in_legacy(const std::string& folder,
                                                     const std::string& name) const {
    // Hardly a directory has one of them.
    std::vector<std::string> there;
    for (const std::string& each : legacy) {
      if (tree->resolve(joined(folder, each))) there.push_back(each);
    }
    if (there.empty() || !has_legacy()) return std::nullopt;
    for (unsigned set = (1u << legacy.size()) - 1; set > 0; --set) {
      std::string below = folder;
      for (std::size_t i = 0; i < legacy.size(); ++i) {
        if ((set >> (legacy.size() - 1 - i)) & 1) below = joined(below, legacy[i]);
      }
      if (const std::string path = joined(below, name); fits(path)) return path;
    }
    return std::nullopt;
  }
  /// Whether the C library of the tree is older than 2.37, or does not say so.
  [[nodiscard]] bool has_legacy() const {
    constexpr std::string_view kSays = "stable release version 2.";
    constexpr int kFirstWithout = 37;
    for (const std::string& folder : defaults) {
      const Result<std::string> bytes = tree->read(joined(folder, "libc.so.6"), kMaxLibcBytes);
      if (!bytes) continue;
      const std::size_t at = bytes->find(kSays);
      if (at == std::string::npos) return true;
      return std::atoi(bytes->c_str() + at + kSays.size()) < kFirstWithout;
    }
    return true;
  }
  [[nodiscard]] std::optional<std::string> in_cache(const std::string& name) const {
    const auto found = cache.find(name);
    if (found == cache.end()) return std::nullopt;
    std::optional<std::string> best;
    std::size_t best_rank = levels.size() + 1;
    for (const std::string& path : found->second) {
      const std::string level = level_of(path);
      const auto known = std::find(levels.begin(), levels.end(), level);
      if (!level.empty() && known == levels.end()) continue;  // another processor's
      const auto rank = static_cast<std::size_t>(known - levels.begin());
      if (rank < best_rank && fits(path)) {
        best = path;
        best_rank = rank;
      }
    }
    // What ldconfig lists, it lists with what is in these.
    if (best && best_rank == levels.size()) {
      if (std::optional<std::string> path = in_legacy(folder_of(*best), name)) return path;
    }
    return best;
  }
};

LibrarySearch::LibrarySearch(const FileTree& tree, std::uint16_t machine, bool musl) {
  State state;
  state.tree = &tree;
  state.machine = machine;
  state.musl = musl;
  if (musl) {
    const std::string list = "/etc/ld-musl-" + machine_name(machine) + ".path";
    // As musl's ldso/dynlink.c has it; the file may have either separator.
    std::string text = tree.read(list, kMaxListBytes).value_or("/lib:/usr/local/lib:/usr/lib");
    std::replace(text.begin(), text.end(), '\n', ':');
    for (const std::string_view folder : split(text, ':')) {
      if (folder.starts_with('/')) state.defaults.emplace_back(folder);
    }
  } else {
    const std::string bytes = tree.read("/etc/ld.so.cache", kMaxCacheBytes).value_or("");
    state.cache = read_library_cache(bytes, machine);
    // Debian's, then what others have in its place.
    for (const char* folder : {"/lib/", "/usr/lib/"}) {
      state.defaults.push_back(folder + triplet(machine));
    }
    for (const char* folder : {"/lib", "/usr/lib", "/lib64", "/usr/lib64"}) {
      state.defaults.emplace_back(folder);
    }
    state.levels = own_levels(machine);
    state.legacy = own_legacy(machine);
    std::string text = tree.read("/etc/ld.so.preload", kMaxListBytes).value_or("");
    // Separated by blanks, tabs, line ends or colons; '#' comments out a line (elf/rtld.c, 2.36).
    for (const std::string_view line : split(text, '\n')) {
      std::string rest(line.substr(0, line.find('#')));
      std::replace_if(
          rest.begin(), rest.end(), [](char c) { return c == '\t' || c == ':'; }, ' ');
      for (const std::string_view name : split(rest, ' ')) {
        if (!name.empty()) state.preload.emplace_back(name);
      }
    }
  }
  state_ = std::make_shared<const State>(std::move(state));
}

std::vector<std::string> LibrarySearch::expand(const std::vector<std::string>& directories,
                                               const std::string& origin) const {
  std::vector<std::string> expanded;
  for (std::string folder : directories) {
    folder = with_token(folder, "ORIGIN", folder_of(origin));
    std::vector<std::string> forms{folder};
    // $LIB is lib64, in Debian lib/x86_64-linux-gnu; $PLATFORM what the processor is.
    const std::vector<std::string> libs{"lib/" + triplet(state_->machine), "lib64", "lib"};
    std::vector<std::string> platforms{machine_name(state_->machine)};
    if (std::find(state_->levels.begin(), state_->levels.end(), "x86-64-v3") !=
        state_->levels.end()) {
      platforms.insert(platforms.begin(), "haswell");
    }
    for (const auto& [token, values] :
         {std::pair(std::string("LIB"), libs), std::pair(std::string("PLATFORM"), platforms)}) {
      std::vector<std::string> next;
      for (const std::string& each : forms) {
        for (const std::string& value : values) {
          const std::string form = with_token(each, token, value);
          if (std::find(next.begin(), next.end(), form) == next.end()) next.push_back(form);
        }
      }
      forms = std::move(next);
    }
    expanded.insert(expanded.end(), forms.begin(), forms.end());
  }
  // A relative one is relative to the working directory, which the image does not say.
  std::erase_if(expanded, [](const std::string& each) { return !each.starts_with('/'); });
  return expanded;
}

std::optional<std::string> LibrarySearch::find(const std::string& name, const std::string& origin,
                                               const std::vector<std::string>& rpath,
                                               const std::vector<std::string>& runpath) const {
  const State& state = *state_;
  if (name.empty()) return std::nullopt;
  if (name.find('/') != std::string::npos) {
    for (const std::string& path : expand({name}, origin)) {
      if (state.fits(path)) return path;
    }
    return std::nullopt;
  }
  if (state.musl) {
    // These are the linker itself (ldso/dynlink.c of musl 1.2.3, load_library).
    for (const char* own :
         {"libc.", "libpthread.", "librt.", "libm.", "libdl.", "libutil.", "libxnet."}) {
      const std::string linker = "/lib/ld-musl-" + machine_name(state.machine) + ".so.1";
      if (name.starts_with(own) && state.fits(linker)) return linker;
    }
  }
  const auto in_folders = [&](const std::vector<std::string>& folders) {
    std::optional<std::string> path;
    for (const std::string& folder : folders) {
      if ((path = state.in_folder(folder, name))) break;
    }
    return path;
  };
  // DT_RPATH counts only where there is no DT_RUNPATH.
  if (auto path = in_folders(expand(runpath.empty() ? rpath : runpath, origin))) return path;
  if (auto path = state.in_cache(name)) return path;
  return in_folders(state.defaults);
}

std::vector<std::string> LibrarySearch::for_other_processors(const std::string& path) const {
  std::vector<std::string> others;
  const std::string name = path.substr(path.rfind('/') + 1);
  const std::size_t at = path.find(kHwcaps);
  const std::string base = at == std::string::npos ? folder_of(path) : path.substr(0, at);
  std::vector<std::string> folders{base.empty() ? "/" : base};
  for (const std::string& level : state_->tree->list(joined(base, "glibc-hwcaps"))) {
    folders.push_back(joined(base, "glibc-hwcaps/" + level));
  }
  for (const std::string& folder : folders) {
    const std::string other = joined(folder, name);
    if (other != path && state_->fits(other)) others.push_back(other);
  }
  return others;
}

std::vector<std::string> LibrarySearch::preloaded() const { return state_->preload; }

}  // namespace sysnare
