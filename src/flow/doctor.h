#pragma once
// Is this kernel, user and container engine ready, and what is to be done about what is missing?
//
// Whatever can be tried is tried (a filter is loaded in a child, a child is seized, an eBPF program
// is loaded): files that say what a kernel can do are wrong as soon as a container or a lock-down
// is around it. Nothing here needs privilege or can hang.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sysnare {

/// How long one program (an engine's client) may take before it counts as hanging.
inline constexpr std::chrono::milliseconds kDoctorLimit{5000};

enum class Standing : std::uint8_t {
  kOk,
  kPartly,   ///< works with a restriction
  kMissing,  ///< does not work, or is not there
  kUnknown,  ///< could not be found out
};
std::string_view standing_name(Standing standing);  ///< "ok", "partly", "missing", "unknown"

/// One line of the report.
struct Finding {
  std::string group = {};  ///< "kernel", "user", "engines", "tools"
  std::string name = {};
  Standing standing = Standing::kOk;
  bool needed = false;      ///< trace, run or watch do not work without it
  std::string value = {};   ///< what was found
  std::string cost = {};    ///< what does not work without it; empty when ok
  std::string remedy = {};  ///< what to do about it; empty when ok
};

std::vector<Finding> examine_kernel();
std::vector<Finding> examine_user();
/// Asks every container engine and runtime in PATH, all at once, for kDoctorLimit at most.
std::vector<Finding> examine_engines();
std::vector<Finding> examine_tools();

/// Whether all that trace, run and watch need works.
bool core_works(const std::vector<Finding>& findings);

}  // namespace sysnare
