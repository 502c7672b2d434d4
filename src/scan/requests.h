#pragma once
// What does live code load and execute at run time?

#include <vector>

#include "scan/graph.h"
#include "scan/link.h"
#include "scan/numbers.h"

namespace sysnare {

/// Adds what can be executed to `result.execs`, loads of unknown objects to `result.open`, and what
/// is to be loaded and is not among the objects to `wanted`.
///
/// glibc loads by itself: name services ("nss:"), converters of character sets ("gconv:"), and
/// libraries whose file name stands in its text (libgcc_s.so.1 for pthread_cancel).
void find_requests(const CallGraph& graph, const Reached& live, const NumberSearch& numbers,
                   ScanResult& result, std::vector<OpenRequest>& wanted);

}  // namespace sysnare
