#pragma once
// Which words does systemd have for ABIs and for groups of calls?
//
// Source: data/systemd-groups.tsv, the output of `systemd-analyze syscall-filter` of systemd 252,
// turned into a table by tools/gen_systemd_groups.py; seccomp_arch_from_string() of 252. A group
// grows from version to version.

#include <optional>
#include <span>
#include <string_view>

#include "arch/abi.h"

namespace sysnare {

/// A group with those that it names in turn laid flat.
struct SystemdGroup {
  std::string_view name;                    ///< "@file-system"
  std::span<const std::string_view> calls;  ///< sorted
};

std::span<const SystemdGroup> systemd_groups();  ///< sorted by name
const SystemdGroup* systemd_group(std::string_view name);
/// @default, which every allow-list holds.
const SystemdGroup& systemd_default_group();

/// "x86-64"; empty for an ABI that systemd 252 does not know.
std::string_view systemd_arch(Abi abi);
std::optional<Abi> abi_by_systemd_arch(std::string_view word);

}  // namespace sysnare
