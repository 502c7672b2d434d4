#pragma once
// Which profile follows from this evidence, and why is each call in it?
//
// A profile's entries are by name and hold for every architecture that it lists, while evidence is
// by (ABI, number). What that opens beyond the evidence is said (CallReason::widened, a note),
// never hidden. Not modelled here: rules on arguments.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "arch/abi.h"
#include "base/result.h"
#include "evidence/evidence.h"
#include "profile/profile.h"

namespace sysnare {

struct LearnOptions {
  Action default_action = Action::kErrno;  ///< not kAllow: it would forbid nothing
  std::uint32_t default_errno = 1;         ///< EPERM
  bool accept_loss = false;                ///< make a profile of lossy evidence all the same
};

/// Calls that a container runtime makes between loading the filter and exec, or any other labelled
/// addition: name of the layer, and what it adds.
struct Layer {
  std::string name;    ///< "runtime: runc"
  std::string reason;  ///< one sentence with its origin
  std::vector<std::string> calls;
};

/// Why one call is in a profile, or is refused in a certain way.
struct CallReason {
  std::string call;
  Action action = Action::kAllow;
  std::optional<std::uint32_t> errno_ret;
  std::vector<Origin> origins;      ///< of the evidence, sorted; empty when only a layer has it
  std::vector<std::string> layers;  ///< "kernel", "launch", "fallback", and names of Layers
  std::vector<Abi> abis;            ///< in which it was seen
  std::vector<Abi> widened;         ///< in which it is open though it was not seen
  std::uint64_t count = 0;          ///< over all origins, 0 when not observed
  std::uint64_t first_run = 0;
  std::vector<std::string> because;  ///< "observed: 12 calls in 20 of 20 runs, first in run 1"
};

struct Learned {
  Profile profile;
  std::vector<CallReason> reasons;  ///< sorted by call
  std::vector<std::string> notes;   ///< what the reader must know; for stderr and the side file
  Evidence merged;                  ///< all of it, scans left out of the runs
};

/// The tight profile: what the evidence shows, what the kernel itself needs (exit, rt_sigreturn …),
/// what `layers` add, and ENOSYS for the calls that libc falls back from. Deterministic; the order
/// of `evidence` does not change the profile.
///
/// Errors: kBadInput for lossy evidence without accept_loss, and for evidence without a call;
/// kUsage for a default action of kAllow and for a layer with a name that is no call.
Result<Learned> learn(const std::vector<Evidence>& evidence, const std::vector<Layer>& layers,
                      const LearnOptions& options);

/// That calls of children are missing since they were not followed; empty where none are.
std::string unfollowed_text(const Evidence& evidence);

}  // namespace sysnare
