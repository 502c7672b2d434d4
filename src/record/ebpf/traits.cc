#include "record/ebpf/traits.h"

#include <string_view>

#include "arch/recorded_args.h"
#include "arch/syscalls.h"
#include "record/ready.h"

namespace sysnare {
namespace {

__u16 traits_of(Call call) {
  static_assert(SYSNARE_TRAIT_ARGS == kRecordedArgs);
  const RecordedArgs args = recorded_args(call);
  unsigned traits = args.indexes | unsigned{args.wide} << SYSNARE_TRAIT_WIDE_SHIFT;
  const std::string_view name = syscall_name(call);
  if (name == "seccomp" || name == "prctl") traits |= SYSNARE_TRAIT_FILTER;
  for (const char* each : {"mmap", "mmap2", "mprotect", "pkey_mprotect"}) {
    if (name == each && !(name == "mmap" && call.abi == Abi::kI386)) {
      traits |= SYSNARE_TRAIT_MAPS_CODE;
    }
  }
  switch (ready_call(call)) {
    case ReadyCall::kListens:
      traits |= SYSNARE_TRAIT_LISTENS;
      break;
    case ReadyCall::kAccepts:
      traits |= SYSNARE_TRAIT_ACCEPTS;
      break;
    case ReadyCall::kWaits:
      traits |= SYSNARE_TRAIT_WAITS;
      break;
    case ReadyCall::kNothing:
      break;
  }
  return static_cast<__u16>(traits);
}

}  // namespace

void fill_traits(__u16 (&traits)[2 * SYSNARE_TRAITS]) {
  const Abi native = native_abi();
  const auto siblings = sibling_abis(native);
  for (std::uint32_t nr = 0; nr < SYSNARE_TRAITS; ++nr) {
    traits[nr] = traits_of({native, nr});
    if (!siblings.empty()) traits[SYSNARE_TRAITS + nr] = traits_of({siblings.back(), nr});
  }
}

void fill_plain_rows(const __u16 (&traits)[2 * SYSNARE_TRAITS], __u16 (&rows)[SYSNARE_TRAITS]) {
  for (std::uint32_t nr = 0; nr < SYSNARE_TRAITS; ++nr) {
    const bool has_row =
        nr < SYSNARE_HOLE_BEGIN || (nr >= SYSNARE_HOLE_END && nr < SYSNARE_INDEXED);
    const std::uint32_t hole = nr < SYSNARE_HOLE_BEGIN ? 0 : SYSNARE_HOLE_END - SYSNARE_HOLE_BEGIN;
    static_assert(SYSNARE_ROWS_END <= SYSNARE_NO_ROW);
    rows[nr] = static_cast<__u16>(has_row && traits[nr] == 0 ? (nr - hole) * sizeof(sysnare_row)
                                                             : SYSNARE_NO_ROW);
  }
}

}  // namespace sysnare
