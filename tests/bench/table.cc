#include "table.h"

#include <fmt/core.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdint>
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

}  // namespace sysnare::bench
