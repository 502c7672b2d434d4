#pragma once
/// \file
/// How does a profile become a seccomp filter, is the filter right, and what does a filter do?
///
/// Every filter compiled here is proven equal to its profile before it is handed out: all numbers
/// of every ABI and all argument values. There is no switch to skip that.
///
/// Source: kernel/seccomp.c, net/core/filter.c bpf_check_classic(), Linux 6.18. Not modelled:
/// stacked filters, TSYNC.

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sysnare/profile.h"
#include "sysnare/result.h"

namespace sysnare::v1 {

struct CompileOptions {
  /// The answer to calls of an ABI that the profile does not list, x32 among them; not ALLOW or
  /// LOG.
  Decision foreign_abi{SECCOMP_RET_KILL_PROCESS};
  /// Compare int-typed arguments by their declared width: the kernel ignores the upper half of the
  /// register, and so does a rule then.
  bool int_args_by_width = false;
};

/// The outcome of one call.
struct Verdict {
  Decision decision;
  std::uint32_t steps = 0;  ///< instructions that were executed
};

/// Calls that two filters decide differently.
struct Difference {
  std::string abi;          ///< empty: an architecture that no table knows
  std::string call;         ///< its name; empty: numbers that no table knows
  std::uint32_t first = 0;  ///< the number, or the first of several in a row
  std::uint32_t last = 0;
  Decision before;
  Decision after;
  bool looser = false;     ///< the second filter lets more happen
  bool tighter = false;    ///< or less; neither: another errno, signal or message
  seccomp_data witness{};  ///< one such call
};

/// A program that the kernel would load. Cheap to copy; never changes.
class Filter {
 public:
  /// Compiles `profile` and proves the result.
  /// Errors: as Profile::resolved(); kBadInput for names of calls that no ABI knows; kLimit past
  /// BPF_MAXINSNS (4096) instructions, or for argument rules too entangled to be compared.
  static Result<Filter> compile(const Profile& profile, const Machine& machine = {},
                                const CompileOptions& options = {});
  /// A filter that somebody else made. Errors: kBadInput when the kernel would refuse to load it.
  static Result<Filter> adopt(std::vector<sock_filter> program);

  /// As `struct sock_fprog` takes it.
  [[nodiscard]] std::span<const sock_filter> program() const;

  /// Runs it on `call`, without the kernel.
  [[nodiscard]] Verdict simulate(const seccomp_data& call) const;

  /// One line an instruction: names, ABIs, argument names, labels.
  [[nodiscard]] std::string disassemble() const;

  /// A profile with the same meaning. Errors: kUnsupported, with a call, for what no profile says;
  /// kLimit.
  [[nodiscard]] Result<Profile> decompile() const;

  struct Impl;
  explicit Filter(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  [[nodiscard]] const Impl& impl() const { return *impl_; }  ///< of no use outside the library

 private:
  std::shared_ptr<const Impl> impl_;
};

/// A call on which `filter` and `profile` differ; empty: they are equal on every call there is.
/// Errors: as Filter::compile(); kUnsupported for a program that computes with more than loads, AND
/// and jumps by constants.
Result<std::optional<seccomp_data>> find_difference(const Filter& filter, const Profile& profile,
                                                    const Machine& machine = {},
                                                    const CompileOptions& options = {});

/// All differences between two filters, by meaning and not by text, sorted by ABI and number.
/// Errors: kUnsupported and kLimit as above.
Result<std::vector<Difference>> differences(const Filter& before, const Filter& after);

}  // namespace sysnare::v1
