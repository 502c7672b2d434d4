#pragma once
// What the tables of the bench have in common.

#include <string>

namespace sysnare::bench {

/// "Linux 6.18.5, AMD EPYC 9B14, 2 CPUs, load 0.31 at the start"
std::string machine_line();

/// "5,620" or "84.1"
std::string figure(double value);

}  // namespace sysnare::bench
