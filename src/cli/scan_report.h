#pragma once
// How does a scan look to its reader? Texts for standard output, made of the evidence alone.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "evidence/evidence.h"

namespace sysnare::cli {

/// The calls that can be made in one of `phases` (kReachable…, or-ed; 0: in any), a row each; what
/// is open; what can be started; and "N calls, closed" or "N calls, open at K places".
std::string scan_table(const Evidence& evidence, std::uint8_t phases);

/// "N calls, closed" or "N calls, open at K places", a line.
std::string scan_total(const Evidence& evidence);

/// A row for each program: calls in all and by phase, open places, starts of unknown programs.
std::string scan_list(const std::vector<Evidence>& programs);

/// The chain of reasons of each call of that name (or number), from an entry point to the function
/// that calls, and the instructions that make it.
std::string scan_why(const Evidence& evidence, std::string_view call);

/// Every calling instruction and its numbers, a line each.
std::string scan_sites(const Evidence& evidence);

/// All chains as a graph for dot(1).
std::string scan_graph(const Evidence& evidence);

}  // namespace sysnare::cli
