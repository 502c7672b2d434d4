#include "table.h"

#include <fmt/core.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>

#include "base/text.h"

namespace sysnare::bench {

std::string machine_line() {
  utsname name{};
  ::uname(&name);
  std::string cpu = name.machine;
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) cpu = std::string(trim(line.substr(line.find(':') + 1)));
  }
  std::string load;
  std::ifstream("/proc/loadavg") >> load;
  return fmt::format("Linux {}, {}, {}, load {} at the start", name.release, cpu,
                     plural(static_cast<std::uint64_t>(::sysconf(_SC_NPROCESSORS_ONLN)), "CPU"),
                     load);
}

std::string figure(double value) {
  if (value >= 1000) return with_commas(static_cast<std::uint64_t>(value + 0.5));
  return fmt::format("{:.1f}", value);
}

const char* verdict(bool met) { return met ? "met" : "missed"; }

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double least(const std::vector<double>& values) {
  return values.empty() ? 0 : *std::min_element(values.begin(), values.end());
}

void show_progress(const std::string& text) {
  if (::isatty(STDERR_FILENO) == 1) fmt::print(stderr, "\r\x1b[K{}", text);
}

}  // namespace sysnare::bench
