#pragma once
// Which capabilities does Linux have, and which one does this word mean?
//
// Source: include/uapi/linux/capability.h, Linux 6.18. Not modelled: which of them a process has.

#include <optional>
#include <span>
#include <string_view>

namespace sysnare {

/// "CAP_CHOWN", "CAP_DAC_OVERRIDE" …: the capability of number N stands at N.
std::span<const std::string_view> capability_names();

/// Whether `name` is one, written as the kernel writes it: CAP_SYS_ADMIN.
bool is_capability(std::string_view name);

/// The capability that a person means: CAP_SYS_ADMIN, SYS_ADMIN, cap_sys_admin, sys_admin.
std::optional<std::string_view> capability_by_word(std::string_view word);

/// The name nearest to a word that is none, for "did you mean"; empty when none is near.
std::string_view nearest_capability(std::string_view word);

}  // namespace sysnare
