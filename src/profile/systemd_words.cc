#include "profile/systemd_words.h"

#include <algorithm>

namespace sysnare {
namespace {

struct ArchRow {
  Abi abi;
  std::string_view word;
};
constexpr ArchRow kArchs[] = {
    {Abi::kX86_64, "x86-64"}, {Abi::kX32, "x32"},          {Abi::kI386, "x86"},
    {Abi::kAarch64, "arm64"}, {Abi::kArm, "arm"},          {Abi::kRiscv64, "riscv64"},
    {Abi::kS390x, "s390x"},   {Abi::kPpc64le, "ppc64-le"}, {Abi::kMips64, "mips64"},
};

}  // namespace

const SystemdGroup* systemd_group(std::string_view name) {
  const auto groups = systemd_groups();
  const auto found = std::find_if(groups.begin(), groups.end(),
                                  [&](const SystemdGroup& group) { return group.name == name; });
  return found == groups.end() ? nullptr : &*found;
}

const SystemdGroup& systemd_default_group() { return *systemd_group("@default"); }

std::string_view systemd_arch(Abi abi) {
  for (const ArchRow& row : kArchs) {
    if (row.abi == abi) return row.word;
  }
  return {};
}

std::optional<Abi> abi_by_systemd_arch(std::string_view word) {
  for (const ArchRow& row : kArchs) {
    if (row.word == word) return row.abi;
  }
  return std::nullopt;
}

}  // namespace sysnare
