#pragma once
/// \file
/// What does a seccomp profile say, and what happens to this call under it?
///
/// Reads OCI's, Docker's (old and new) and Podman's JSON. Semantics: conditions of one entry are
/// AND; of several entries that match a call the one with the kernel's highest precedence decides
/// (kill_process, kill_thread, trap, errno, notify, trace, log, allow). Not modelled here: what a
/// particular container runtime makes of the same file.
///
/// Source: OCI runtime specification 1.2 (config-linux.md, "Seccomp"); Docker 20.10 to 28
/// (profiles/seccomp); containers/common 0.50; kernel/seccomp.c.

#include <linux/seccomp.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sysnare/result.h"

namespace sysnare::v1 {

/// For which container and machine a profile is meant: what Docker's archMap, includes and excludes
/// ask for, and which calls an ABI name stands for.
struct Machine {
  std::vector<std::string> caps;  ///< capabilities of the container: "CAP_NET_ADMIN"
  std::string arch;               ///< "x86_64", "aarch64" …; empty: that of this program
  std::string kernel = "6.1";     ///< MAJOR.MINOR, for minKernel
  bool sub_architectures = true;  ///< with what archMap adds to `arch`
};

/// What a filter answers for one call: SECCOMP_RET_* with its data bits, as in seccomp(2).
struct Decision {
  std::uint32_t value = SECCOMP_RET_KILL_PROCESS;
  [[nodiscard]] std::uint32_t action() const { return value & SECCOMP_RET_ACTION_FULL; }
  /// The errno of SECCOMP_RET_ERRNO, the message of SECCOMP_RET_TRACE.
  [[nodiscard]] std::uint16_t data() const {
    return static_cast<std::uint16_t>(value & SECCOMP_RET_DATA);
  }
  /// "allow", "errno EPERM", "kill process"
  [[nodiscard]] std::string text() const;
  bool operator==(const Decision&) const = default;
};

/// The call `name` (or its number in decimal) of `abi` with `args`, as the kernel hands it to a
/// filter. Errors: kNotFound for an ABI or a name that no table knows.
Result<seccomp_data> make_call(std::string_view abi, std::string_view name,
                               const std::array<std::uint64_t, 6>& args = {});

/// A profile as it was read. Cheap to copy; never changes.
class Profile {
 public:
  /// Reads JSON. `name` stands for the text in messages: its file name.
  /// Errors: kBadInput, with line, JSON path, value and what is allowed.
  static Result<Profile> parse(std::string_view json, std::string_view name);
  /// The same from a file; "-" is standard input. Errors: also kNotFound, kNoPermission.
  static Result<Profile> load(const std::string& path);

  /// What was accepted and is odd, and names of calls that no ABI knows: "FILE:LINE: PATH: …".
  [[nodiscard]] std::vector<std::string> warnings() const;

  /// The profile as JSON, two blanks a level. Equal profiles give equal bytes.
  [[nodiscard]] std::string json() const;

  /// The plain OCI profile that an engine would make of it for `machine`: without archMap,
  /// includes, excludes and singular `name`. Errors: kBadInput for both `architectures` and
  /// archMap; kUsage for a Machine that is none.
  [[nodiscard]] Result<Profile> resolved(const Machine& machine = {}) const;

  /// What happens to `call`. Errors: as resolved().
  [[nodiscard]] Result<Decision> decide(const seccomp_data& call,
                                        const Machine& machine = {}) const;

  struct Impl;
  explicit Profile(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  [[nodiscard]] const Impl& impl() const { return *impl_; }  ///< of no use outside the library

 private:
  std::shared_ptr<const Impl> impl_;
};

}  // namespace sysnare::v1
