#pragma once
// Can firejail and bubblewrap make a sandbox here, and how is firejail kept from the host's files?

#include <string>
#include <vector>

namespace sysnare::live {

/// `argv` in a mount namespace with an /etc of its own, a copy. firejail makes an empty
/// /etc/ld.so.preload where there is none (src/firejail/fs_trace.c, 0.9.72), and every program of
/// the machine that is loaded meanwhile makes other calls for it. Needs root.
std::vector<std::string> with_own_etc(const std::vector<std::string>& argv);

/// Why firejail makes no sandbox here; empty when it does.
std::string why_no_firejail();
std::string why_no_bwrap();

}  // namespace sysnare::live
