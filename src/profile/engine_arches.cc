#include "profile/engine_arches.h"

#include <algorithm>

#include "base/text.h"

namespace sysnare {
namespace {

constexpr std::string_view kNames[] = {
    "amd64",     "arm",     "arm64",    "loong64",     "mips",   "mips3l64n32", "mips64",
    "mips64n32", "mipsel",  "mipsel64", "mipsel64n32", "parisc", "parisc64",    "ppc",
    "ppc64",     "ppc64le", "riscv64",  "s390",        "s390x",  "x32",         "x86"};

}  // namespace

std::string_view engine_arch(Abi abi) {
  switch (abi) {
    case Abi::kX86_64:
      return "amd64";
    case Abi::kX32:
      return "x32";
    case Abi::kI386:
      return "x86";
    case Abi::kAarch64:
      return "arm64";
    case Abi::kArm:
      return "arm";
    case Abi::kRiscv64:
      return "riscv64";
    case Abi::kS390x:
      return "s390x";
    case Abi::kPpc64le:
      return "ppc64le";
    case Abi::kLoongarch64:
      return "loong64";
    case Abi::kMips64:
      return "mips64";
  }
  return {};
}

bool is_engine_arch(std::string_view word) {
  return std::find(std::begin(kNames), std::end(kNames), word) != std::end(kNames);
}

std::string_view nearest_engine_arch(std::string_view word) {
  if (const auto abi = abi_by_name(word)) return engine_arch(*abi);
  if (const auto abi = abi_by_oci_name(word)) return engine_arch(*abi);
  return nearest(word, {std::begin(kNames), std::end(kNames)});
}

}  // namespace sysnare
