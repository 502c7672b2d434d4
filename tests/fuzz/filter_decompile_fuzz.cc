// Hostile bytes as a filter: what parse_filter accepts has a meaning or is refused with a reason;
// its profile, when it has one, decides as the filter does but for what is said to differ.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "filter/decompile.h"
#include "filter/filter.h"
#include "filter/raw.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sysnare;
  const auto require = [](bool holds) {
    if (!holds) std::abort();
  };
  const Result<std::vector<sock_filter>> program =
      parse_filter({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (!program) return 0;
  // What takes long takes it with the size; the short ones show what there is to see.
  if (program->size() > 48) return 0;
  require(disassembled_lines(*program).has_value());
  require(filter_bytes(*program) == std::string_view(reinterpret_cast<const char*>(data), size));
  const Result<Decompiled> made = decompile(*program);
  if (!made) return 0;
  ResolveOptions options;
  options.foreign_abi = made->foreign_abi;
  const Result<ResolvedProfile> flat = resolve(made->profile, options);
  require(flat.has_value());
  for (const Difference& each : made->residue) {
    const Result<Verdict> verdict = simulate(*program, each.witness);
    require(verdict.has_value());
    require(normal_action(verdict->action.value) == each.before);
    require(normal_action(evaluate(*flat, each.witness).value) == each.after);
  }
  return 0;
}
