#pragma once
// What must the reader of a profile know of the scan that it was made from?

#include <string>
#include <vector>

#include "evidence/evidence.h"

namespace sysnare {

/// That the scan is open, or does not say whether it is, and what the program can start whose calls
/// are not in the evidence. Empty where there was no scan, or it is closed and nothing is started.
std::vector<std::string> scan_notes(const Evidence& evidence);

/// "reachable (load, main): _start in /bin/x, main in /bin/x, … , write in /lib/libc.so.6"
std::string reachable_because(const CallEvidence& call);

}  // namespace sysnare
