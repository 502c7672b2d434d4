#pragma once
// How does a call look to a person? `mkdir("home", 0755)`
//
// Source: the argument types of data/syscall-args.tsv; strings are read from the caller's memory.
// Not modelled: flags by name, structures.

#include <linux/seccomp.h>
#include <sys/types.h>

#include <string>

namespace sysnare {

/// The call with its arguments; strings come from the memory of `pid` (0: addresses are shown),
/// which has to stand still, else another thread may have written there since. i386 and x32 calls
/// on x86_64 have their ABI in front: `i386 getpid()`. Arguments that no table knows are left out:
/// `foo(...)`.
std::string call_text(pid_t pid, const seccomp_data& data);

/// What the call in `thread`, which has to stand still in it, names in the file system: "/tmp/x",
/// for two names "/tmp/x -> /tmp/y"; for execveat of a descriptor alone what that is. As it stands
/// in memory: relative, with links, up to PATH_MAX bytes a name. Empty for a call that names
/// nothing there, and where it cannot be read. Cost: reads some memory of `thread`, about 1 us.
std::string path_text(pid_t thread, const seccomp_data& data);

}  // namespace sysnare
