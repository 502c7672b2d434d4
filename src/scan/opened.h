#pragma once
// Which files are opened when live code asks for a name at run time?
//
// Names are those of dlopen(3), directories of plug-ins ("…/"), "plug-ins:…" for those of a loader
// (scan/plug_ins.h), and two that stand for what libc loads by itself: "nss:" and "nss:DATABASE"
// for the services of nsswitch.conf(5), "gconv:" for the character set converters of iconv(3).

#include <string>
#include <vector>

#include "scan/link.h"
#include "scan/loaded_set.h"
#include "scan/surroundings.h"

namespace sysnare {

/// Services that /etc/nsswitch.conf of the tree names for `database`, or for any where it is empty;
/// glibc's own defaults (files, dns) always count.
std::vector<std::string> nss_services(std::string_view text, std::string_view database);

/// Modules that it names for subordinate ids, but for "files": each is libsubid_NAME.so (shadow
/// 4.13, lib/nss.c).
std::vector<std::string> subid_services(std::string_view text);

/// Adds what `request` asks for to `set`. What is asked for and not there becomes a note; what is
/// not known becomes an open point.
void load_opened(const OpenRequest& request, const Surroundings& around, LoadedSet& set,
                 std::vector<OpenPoint>& open, std::vector<std::string>& notes);

}  // namespace sysnare
