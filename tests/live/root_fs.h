#pragma once
// What do the containers of the live tests run? A small root file system made on the spot.
//
// It holds programs of this machine with the libraries that ldd names, and victims; no image is
// downloaded, and nothing of it is a Debian system.

#include <string>
#include <vector>

namespace sysnare::live {

/// Fills `folder` (made when missing) with bash, busybox as sh, mkdir, ls, cat and true of
/// coreutils, and the Go victim as /bin/helloworld. Throws std::runtime_error naming what is not
/// to be had on this machine.
void make_root_fs(const std::string& folder);

/// Programs of make_root_fs() that PATH does not have.
std::vector<std::string> missing_for_root_fs();

}  // namespace sysnare::live
