// Every profile that can be read compiles to a filter that the kernel would load, or is too big for
// one. compile() proves each filter; a proof that fails is a mistake of the compiler.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "filter/filter.h"
#include "profile/profile.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sysnare;
  const Result<Profile> profile =
      parse_profile({reinterpret_cast<const char*>(data), size}, "input");
  if (!profile) return 0;
  Result<ResolvedProfile> flat = resolve(*profile, {});
  if (!flat) return 0;
  for (const bool by_width : {false, true}) {
    flat->int_args_by_width = by_width;
    const Result<Filter> filter = compile(*flat);
    if (!filter) {
      if (filter.error().code != Errc::kLimit) std::abort();
      continue;
    }
    if (!check_program(filter->program) || !disassemble(filter->program)) std::abort();
  }
  return 0;
}
