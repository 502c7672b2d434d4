#include "scan/light_summary.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "elf/dynamic.h"
#include "elf/identity.h"
#include "elf/memory.h"
#include "scan/plug_ins.h"

namespace sysnare {
namespace {

/// What these do depends on what they are given. Prefixes: "exec" has execve, execl and so on.
constexpr std::array<std::string_view, 11> kToldByArguments = {
    "syscall", "dl",        "exec",  "fexecve",        "posix_spawn", "system",
    "popen",   "__libc_dl", "clone", "pthread_create", "__nss_"};

/// syscall, sysenter, int $0x80 (Intel SDM 2B); svc of any immediate (Arm ARM, C6.2.365).
bool enters_kernel(std::span<const std::uint8_t> code, std::uint16_t machine) {
  if (machine == EM_AARCH64) {
    constexpr std::uint32_t kMask = 0xffe0001f;
    constexpr std::uint32_t kSvc = 0xd4000001;
    for (std::size_t at = 0; at + sizeof(std::uint32_t) <= code.size(); ++at) {
      std::uint32_t word = 0;
      std::memcpy(&word, code.data() + at, sizeof word);
      if ((word & kMask) == kSvc) return true;
    }
    return false;
  }
  for (std::size_t at = 0; at + 1 < code.size(); ++at) {
    if (code[at] == 0x0f && (code[at + 1] == 0x05 || code[at + 1] == 0x34)) return true;
    if (code[at] == 0xcd && code[at + 1] == 0x80) return true;
  }
  return false;
}

struct Owned {
  std::vector<std::uint32_t> needed, runpath, rpath;
  std::vector<Function> functions;
  std::vector<Target> targets, roots;
  std::vector<Import> imports;
  std::vector<Export> exports;
  std::vector<char> text = {'\0'};
  std::map<std::string, std::uint32_t, std::less<>> known;

  std::uint32_t put(std::string_view each) {
    if (each.empty()) return 0;
    const auto found = known.find(each);
    if (found != known.end()) return found->second;
    const auto at = static_cast<std::uint32_t>(text.size());
    text.insert(text.end(), each.begin(), each.end());
    text.push_back('\0');
    known.emplace(each, at);
    return at;
  }
};

}  // namespace

std::optional<Summary> light_summary(const ElfImage& image) {
  if (!image.is_64() || (image.machine() != EM_X86_64 && image.machine() != EM_AARCH64)) {
    return std::nullopt;
  }
  Result<ImageMemory> memory = ImageMemory::load(image);
  if (!memory) return std::nullopt;
  Result<Dynamic> dynamic = read_dynamic(image, *memory);
  if (!dynamic || !dynamic->present || dynamic->has_filter) return std::nullopt;
  Function all;
  all.start = UINT64_MAX;
  for (const ImageMemory::Segment& segment : memory->segments()) {
    if (!segment.executable) continue;
    if (enters_kernel(segment.bytes, image.machine())) return std::nullopt;
    all.start = std::min(all.start, segment.vaddr);
    all.end = std::max(all.end, segment.memory_end);
  }
  if (all.start >= all.end) return std::nullopt;
  // What it defines and calls by a slot, another object may define before it.
  std::vector<std::uint8_t> bound(dynamic->symbols.size(), 0);
  for (const Relocation& relocation : dynamic->relocations) {
    if (relocation.kind == Relocation::Kind::kSymbol) bound[relocation.symbol] = 1;
  }
  const auto owned = std::make_shared<Owned>();
  const Target self{Target::Kind::kFunction, true, 0, 0};
  for (std::size_t i = 1; i < dynamic->symbols.size(); ++i) {
    const DynamicSymbol& symbol = dynamic->symbols[i];
    if (symbol.type == STT_GNU_IFUNC) return std::nullopt;
    if (symbol.name.empty() || symbol.binding == STB_LOCAL) continue;
    if (symbol.defined) {
      owned->exports.push_back({owned->put(symbol.name), owned->put(symbol.version),
                                static_cast<std::uint8_t>(symbol.default_version ? 1 : 0), 0,
                                static_cast<std::uint8_t>(symbol.binding == STB_WEAK ? 1 : 0), 0,
                                self});
      if (bound[i] == 0) continue;
    }
    if (names_plug_ins(symbol.name)) return std::nullopt;
    for (const std::string_view prefix : kToldByArguments) {
      if (symbol.name.starts_with(prefix)) return std::nullopt;
    }
    const auto number = static_cast<std::uint32_t>(owned->imports.size());
    owned->imports.push_back({owned->put(symbol.name),
                              owned->put(symbol.version),
                              static_cast<std::uint8_t>(symbol.binding == STB_WEAK ? 1 : 0),
                              {}});
    owned->targets.push_back({Target::Kind::kImport, true, 0, number});
  }
  for (const std::string& name : dynamic->needed) owned->needed.push_back(owned->put(name));
  for (const std::string& path : dynamic->runpath) owned->runpath.push_back(owned->put(path));
  for (const std::string& path : dynamic->rpath) owned->rpath.push_back(owned->put(path));
  all.name = owned->put("all of it");
  all.targets = {0, static_cast<std::uint32_t>(owned->targets.size())};
  all.calls_indirect = 1;
  owned->functions = {all};
  owned->roots = {self};
  Summary summary;
  summary.soname = owned->put(dynamic->soname);
  if (Result<ElfIdentity> identity = elf_identity(image); identity) {
    summary.interpreter = owned->put(identity->interpreter);
  }
  summary.machine = image.machine();
  summary.position_independent = dynamic->position_independent;
  summary.symbolic = dynamic->symbolic;
  summary.is_library = dynamic->is_library;
  std::stable_sort(owned->exports.begin(), owned->exports.end(),
                   [&](const Export& a, const Export& b) {
                     return std::string_view(owned->text.data() + a.name) <
                            std::string_view(owned->text.data() + b.name);
                   });
  summary.needed = owned->needed;
  summary.runpath = owned->runpath;
  summary.rpath = owned->rpath;
  summary.functions = owned->functions;
  summary.targets = owned->targets;
  summary.imports = owned->imports;
  summary.exports = owned->exports;
  summary.init = owned->roots;
  summary.fini = owned->roots;
  summary.always = owned->roots;
  summary.text = owned->text;
  summary.owner = owned;
  return summary;
}

}  // namespace sysnare
