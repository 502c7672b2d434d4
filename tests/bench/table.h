#pragma once
// What the tables of the bench have in common.

#include <string>
#include <vector>

namespace sysnare::bench {

/// "Linux 6.18.5, AMD EPYC 9B14, 2 CPUs, load 0.31 at the start"
std::string machine_line();

/// "5,620" or "84.1"
std::string figure(double value);

/// "met" or "missed".
const char* verdict(bool met);

/// The upper one of the middle two where there are two; 0 of none.
double median(std::vector<double> values);
/// 0 of none.
double least(const std::vector<double>& values);

/// On a terminal shows `text` as what is being done, in place of the last one; "" removes it.
void show_progress(const std::string& text);

}  // namespace sysnare::bench
