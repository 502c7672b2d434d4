#pragma once
// How does a filter stand in a file? As the array of struct sock_filter that seccomp(2) takes, in
// this machine's byte order: what seccomp_export_bpf(3) writes and `bwrap --seccomp FD` reads.

#include <linux/filter.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sysnare {

/// Whether a file that begins like this can only be a filter: JSON holds no NUL byte, and each
/// instruction has some.
bool looks_like_filter(std::string_view bytes);

/// The program in `bytes`, which check_program() accepts.
///
/// Errors: kBadInput, with the name of the file and, for a wrong instruction, where it stands.
Result<std::vector<sock_filter>> parse_filter(std::string_view bytes, std::string_view name);

/// The bytes of `program`.
std::string filter_bytes(std::span<const sock_filter> program);

}  // namespace sysnare
