#pragma once
// Which profile follows from this evidence, and why is each call in it?

#include <string>
#include <vector>

#include "base/result.h"
#include "evidence/evidence.h"
#include "profile/profile.h"

namespace sysnare {

struct LearnOptions {
  Action default_action = Action::kErrno;
  std::uint32_t default_errno = 1;  ///< EPERM
  bool accept_loss = false;         ///< make a profile of lossy evidence all the same
};

/// Calls that a container runtime makes between loading the filter and exec, or any other labelled
/// addition: name of the layer, and what it adds.
struct Layer {
  std::string name;    ///< "runtime: runc"
  std::string reason;  ///< one sentence with its origin
  std::vector<std::string> calls;
};

/// Why one call is in a profile, or is refused in a certain way.
struct Reason {
  std::string call;
  Action action = Action::kAllow;
  std::vector<std::string> because;  ///< "observed: 12 calls in 20 of 20 runs, first in run 1"
};

struct Learned {
  Profile profile;
  std::vector<Reason> reasons;  ///< sorted by call
  std::vector<std::string> notes;
};

/// The tight profile: what the evidence shows, what the kernel itself needs (exit, rt_sigreturn …),
/// what `layers` add, and ENOSYS for the calls that libc falls back from. Deterministic.
///
/// Errors: kBadInput for lossy evidence without accept_loss, and for evidence without a call.
Result<Learned> learn(const std::vector<Evidence>& evidence, const std::vector<Layer>& layers,
                      const LearnOptions& options);

/// The side file OUT.why.json.
std::string write_why(const Learned& learned, const std::vector<Evidence>& evidence);

}  // namespace sysnare
