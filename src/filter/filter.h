#pragma once
// How does a profile become a seccomp filter, and is the filter right?
//
// Source: kernel/seccomp.c seccomp_check_filter() and seccomp_is_const_allow(), net/core/filter.c
// bpf_check_classic(), Linux 6.18. Not modelled: stacked filters, TSYNC.

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "profile/resolve.h"

namespace sysnare {

/// The outcome of one call. A refusal is a verdict, not an Error.
struct Verdict {
  ActionValue action;
  std::uint32_t steps = 0;  ///< instructions executed
};

/// Runs `program` on `call`.
///
/// Errors: kBadInput when the kernel would refuse to load `program`.
/// Cost: at most one step per instruction; allocates only on failure.
Result<Verdict> simulate(std::span<const sock_filter> program, const seccomp_data& call);

/// kBadInput, with the instruction, when the kernel would refuse to load `program`.
Result<void> check_program(std::span<const sock_filter> program);

/// A filter that was proven equal to its profile.
struct Filter {
  std::vector<sock_filter> program;
  std::uint32_t worst_steps = 0;  ///< longest path, in instructions
};

/// How often calls are made, as evidence has it.
using CallCounts = std::map<Call, std::uint64_t>;

/// Compiles `profile` and proves the result before returning it (no switch to skip). Calls that the
/// kernel cannot answer from its cache (argument rules, any action but ALLOW) run the filter each
/// time: the more `counts` has of one, the fewer steps lead to it. Before Linux 5.11 nothing is
/// `cached`, and ALLOW counts too.
///
/// Errors: kLimit past BPF_MAXINSNS (4096) instructions, and for argument rules that verify()
/// cannot compare.
Result<Filter> compile(const ResolvedProfile& profile, const CallCounts& counts = {},
                       bool cached = true);

/// Proves that `program` decides every call as `profile` says (prove.h), and tries it against
/// evaluate() besides: every number of every listed and unlisted ABI, every class of argument
/// values.
///
/// Errors: kBadInput with one witness call on which they differ; kLimit when the argument rules of
/// one call are too entangled to be compared; kUnsupported for a program that computes with more
/// than loads, AND and jumps by constants.
Result<void> verify(std::span<const sock_filter> program, const ResolvedProfile& profile);

/// One instruction as people read it.
struct DisassembledLine {
  std::uint32_t pc = 0;
  sock_filter insn{};
  bool is_target = false;  ///< some jump comes here
  bool runs = true;        ///< no call gets here otherwise
  std::string text;        ///< "jeq  #83 mkdir, L12, L10"
  std::string comment;     ///< "low half of flags"; may be empty
};

/// The instructions in order. Errors: as check_program.
Result<std::vector<DisassembledLine>> disassembled_lines(std::span<const sock_filter> program);

/// Readable text of a filter, one line an instruction: names, ABIs, argument names, labels.
/// Errors: as check_program.
Result<std::string> disassemble(std::span<const sock_filter> program);

}  // namespace sysnare
