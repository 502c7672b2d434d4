#pragma once
// What does live code load at run time, look up by name, and execute?
//
// dlopen, dlmopen   Live calls with a constant name ask for that object; with one that is not known
//     they are an open point, but for loaders of plug-ins (scan/plug_ins.h). So is taking the
//     address of dlopen.
// The C library itself   opens few objects, by names that stand in its text: each text of a live
//     function of it that looks like a library asks for that library ("libgcc_s.so.1"),
//     "libnss_%s.so" for "nss:", "gconv" for "gconv:". Its own calls of dlopen are no open points
//     then. Source: glibc 2.36, nss/nss_module.c, iconv/gconv_dl.c, misc/unwind-link.c,
//     inet/idna.c.
// dlsym, dlvsym     A constant name reaches every symbol of that name. An unknown name may be any
//     export of an opened object (then those are roots, see phases.h), of any object that a
//     constant dlopen names, of what these need, which is the C library at least, and with
//     RTLD_DEFAULT, RTLD_NEXT or the handle of dlopen(NULL) of all: an open point. Not so for a
//     loader of plug-ins, of which it is known what it looks up in them; it is taken for granted
//     that what it looks up elsewhere stands in the texts of its live code. As long as all names
//     are known, nobody comes to the other exports of what is opened. A static program without
//     symbols has no dlsym that could be told: there they are live.
// The dynamic linker  looks up symbols of libc by name, as malloc and __libc_early_init. Each text
//     of a live function of it that is the name of a symbol reaches that symbol.
// exec              Live calls of the C library's exec functions, of posix_spawn, system and popen,
//     and live calling instructions elsewhere that can make execve or execveat. A path that is not
//     constant is unknown; so is what a shell is told to run.

#include <cstdint>
#include <vector>

#include "scan/link.h"
#include "scan/link_graph.h"
#include "scan/numbers.h"
#include "scan/plug_ins.h"
#include "scan/reach.h"

namespace sysnare {

/// A calling instruction in live code, with its numbers.
struct LiveSite {
  std::uint32_t node = kNone;
  const SyscallSite* site = nullptr;
  Answer nr;
};

/// The call that `number` is at `site`: cut to 32 bits, x32 by its bit.
Call call_of(const SyscallSite& site, std::uint64_t number);

/// Adds edges for what live code looks up by name, and to `unknown` who asks opened objects for
/// names that are not known. Returns whether there are new edges: walk on then.
bool follow_names(LinkGraph& graph, Reach& reach, Numbers& numbers, UnknownNames& unknown);

/// What live code can execute; ExecPoint::object and ::function are the caller. See above.
std::vector<ExecPoint> find_execs(LinkGraph& graph, const Reach& reach, Numbers& numbers,
                                  const std::vector<LiveSite>& sites);

struct Opens {
  std::vector<OpenRequest> wanted;     ///< sorted by name and object, each once
  std::vector<OpenPoint> open;         ///< kinds "dlopen"
  std::vector<ExecPoint> execs;        ///< sorted, none twice
  std::vector<std::uint32_t> openers;  ///< live functions that load something
};
Opens find_opens(LinkGraph& graph, const Reach& reach, Numbers& numbers,
                 const std::vector<LiveSite>& sites);

}  // namespace sysnare
