// Any text as an evidence file: what is read must, once written, be read as the same again.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "evidence/evidence.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto evidence = sysnare::parse_evidence(text, "fuzz");
  if (!evidence) return 0;
  const std::string written = sysnare::write_evidence(*evidence);
  auto again = sysnare::parse_evidence(written, "written");
  if (!again || sysnare::write_evidence(*again) != written) std::abort();
  sysnare::Evidence merged = *evidence;
  sysnare::merge_evidence(merged, *again);
  if (!sysnare::parse_evidence(sysnare::write_evidence(merged), "merged")) std::abort();
  return 0;
}
