// Whatever stands in a unit, a policy or an object, import_profile gives a profile or one printable
// sentence; the profile is one that we read again, and what its format can say of it comes back
// with the same meaning.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "profile/export.h"
#include "profile/import.h"
#include "profile/profile.h"
#include "profile/resolve.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void require_printable(std::string_view text) {
  for (const char c : text) require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

/// Both decide the calls that either has rules for alike, with arguments of 0.
void require_same(const sysnare::Profile& a, const sysnare::Profile& b) {
  using namespace sysnare;
  const Result<ResolvedProfile> first = resolve(a, {});
  const Result<ResolvedProfile> second = resolve(b, {});
  require(first.has_value() && second.has_value());
  for (const auto* rules : {&first->rules, &second->rules}) {
    for (const auto& [number, each] : *rules) {
      seccomp_data call{};
      call.arch = audit_arch(number.abi);
      call.nr = static_cast<int>(number.nr);
      require(evaluate(*first, call) == evaluate(*second, call));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sysnare;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string_view recognised = recognised_format(text);
  for (const std::string_view format : {"k8s", "minijail", "systemd"}) {
    // Each format meets its own files most of all; the others see what is nobody's.
    if (!recognised.empty() && recognised != format) continue;
    const Result<Imported> imported = import_profile(text, "input", format, Abi::kX86_64);
    if (!imported) {
      require_printable(imported.error().message);
      continue;
    }
    const Profile& profile = imported->profile;
    const std::string written = write_profile(profile);
    const Result<Profile> again = parse_profile(written, "again");
    require(again.has_value());
    require(write_profile(*again) == written);
    require_same(profile, *again);
    const Result<Exported> exported = export_profile(profile, format, {}, "input");
    if (!exported || !exported->losses.empty()) continue;
    const Result<Imported> back = import_profile(exported->text, "back", format, Abi::kX86_64);
    require(back.has_value());
    require_same(profile, back->profile);
  }
  return 0;
}
