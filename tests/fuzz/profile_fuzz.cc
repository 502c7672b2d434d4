// Whatever stands in a file, parse_profile gives a profile or one printable sentence; what is
// written of a profile is read back and written the same; resolving and converting hold, too.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "profile/plain.h"
#include "profile/profile.h"
#include "profile/resolve.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sysnare;
  const Result<Profile> profile =
      parse_profile({reinterpret_cast<const char*>(data), size}, "input");
  if (!profile) {
    const std::string& message = profile.error().message;
    require(message.starts_with("input:"));
    for (const char c : message) require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
    return 0;
  }
  const std::string text = write_profile(*profile);
  const Result<Profile> again = parse_profile(text, "again");
  require(again.has_value());
  require(write_profile(*again) == text);

  ResolveOptions options;
  options.caps = {"CAP_SYS_ADMIN"};
  const Result<ResolvedProfile> flat = resolve(*profile, options);
  const Result<PlainProfile> plain = plain_profile(*profile, options);
  require(flat.has_value() == plain.has_value());
  if (!flat) return 0;
  // The plain form says the same to whoever reads it.
  const Result<Profile> reread = parse_profile(write_profile(plain->profile), "plain");
  require(reread.has_value());
  const Result<ResolvedProfile> flat_again = resolve(*reread, options);
  require(flat_again.has_value());
  require(flat_again->rules.size() == flat->rules.size());
  seccomp_data call{};
  for (const auto& [number, rules] : flat->rules) {
    call.arch = audit_arch(number.abi);
    call.nr = static_cast<int>(number.nr);
    require(evaluate(*flat, call) == evaluate(*flat_again, call));
  }
  return 0;
}
