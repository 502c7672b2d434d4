#pragma once
// How do filters and calls stand in our JSON? For verbs.

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <span>
#include <string>

namespace sysnare::cli {

/// Of the documents of disasm, dump, simulate and diff.
inline constexpr int kFilterSchema = 1;

/// The text of an array, one object an instruction: pc, code, jt, jf, k, text, comment, runs.
std::string instructions_json(std::span<const sock_filter> program);

/// The text of an object: arch, abi, nr, call and args of a call; 64-bit values are hex strings.
std::string call_json(const seccomp_data& call);

}  // namespace sysnare::cli
