#pragma once
// Does the program that is watched start programs itself, as far as evidence shows?
//
// Evidence is `--evidence FILE`, else the side file of the profile, as long as it was made of the
// profile's present state. It speaks for the program that it was recorded of: of one with neither
// the same path nor the same content it is not used, or evidence of a shell would let any program
// exec. Another build at the same path is the daily case; it is used, and said.
//
// Not modelled: interpreters. A script is its interpreter to the kernel, to a recording and here.

#include <functional>
#include <string>

#include "base/result.h"

namespace sysnare::cli {

struct ExecQuestion {
  std::string command;         ///< argv[0] of what is watched
  std::string evidence;        ///< FILE, empty: the side file of the profile
  std::string profile;         ///< path
  std::string profile_sha256;  ///< empty: a profile without a file of its own
};

/// Whether an exec by the program itself is within its evidence; without evidence it is not. `say`
/// gets what a person should know. Errors: an unusable file.
/// Cost: reads the whole executable where evidence shows execs.
Result<bool> program_execs(const ExecQuestion& question,
                           const std::function<void(const std::string&)>& say);

}  // namespace sysnare::cli
