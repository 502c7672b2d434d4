#pragma once
// What does a scan say of a program, beside the list of its calls: where they are made, what stays
// open, what it can exec, and which objects it is about?
//
// A scan counts nothing and has no runs. Its sites are named as a recorder names them (module key
// and file offset), so that each live one can be held against them.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arch/abi.h"

namespace sysnare {

/// A calling instruction.
struct Site {
  std::string module;        ///< path of the mapped object; "[anon]", "[vdso]" as in /proc/PID/maps
  std::string module_key;    ///< build id as in ProgramIdentity, else "sha256:…", else empty
  std::uint64_t offset = 0;  ///< file offset of the instruction
  auto operator<=>(const Site&) const = default;
};

/// When code can run, or-ed: before main (main.main of Go), from there on, and on the way to an
/// abort alone.
inline constexpr std::uint8_t kReachableLoad = 1;
inline constexpr std::uint8_t kReachableMain = 2;
inline constexpr std::uint8_t kReachableErrorOnly = 4;
inline constexpr std::array<std::pair<std::uint8_t, std::string_view>, 3> kReachableNames = {
    {{kReachableLoad, "load"}, {kReachableMain, "main"}, {kReachableErrorOnly, "error-only"}}};

/// The bit of "load", "main" or "error-only".
std::optional<std::uint8_t> reachable_by_name(std::string_view name);
/// "load, main"
std::string reachable_text(std::uint8_t phases);

/// One step of a chain of reasons: this function reaches that of the next step.
struct ChainStep {
  std::string object;    ///< path
  std::string function;  ///< "+0x1234", its link-time address, where it has no name
  auto operator<=>(const ChainStep&) const = default;
};
using Chain = std::vector<ChainStep>;

/// A calling instruction that code can reach, and every number that it can make there.
struct StaticSite {
  Site site;
  Abi abi = Abi::kX86_64;
  std::vector<std::uint32_t> nrs;  ///< sorted
  bool any = false;                ///< numbers beside `nrs` cannot be excluded
  std::string function;
  std::uint8_t reachable = 0;  ///< kReachable…, or-ed
};

/// Something that the scan could not follow: calls behind it may be missing.
struct StaticOpen {
  std::string kind;  ///< "site", "dlopen", "object"
  std::string object;
  std::string function;
  std::uint64_t offset = 0;  ///< in the file of `object`; 0: none
  std::string reason;        ///< one sentence: why, and what would close it
  Chain why;
};

/// Something that the program can start.
struct StaticExec {
  std::optional<std::string> path;  ///< absent: not known
  std::string object;
  std::string function;
  auto operator<=>(const StaticExec&) const = default;
};

/// An object that the scan is about.
struct StaticObject {
  std::string path;
  std::string module_key;
  std::string role;  ///< "program", "library", "interpreter", "opened"
  std::string why;   ///< of an opened one: what asks for it
  auto operator<=>(const StaticObject&) const = default;
};

/// All sorted, none twice: see put_in_order().
struct StaticEvidence {
  std::vector<StaticObject> objects;
  std::vector<StaticSite> sites;  ///< by site and ABI
  std::vector<StaticOpen> open;   ///< empty: closed
  std::vector<StaticExec> execs;

  [[nodiscard]] std::size_t execs_open() const;  ///< of which no path is known
};

/// Sorts, and makes one of what stands several times: a site has the numbers of both.
void put_in_order(StaticEvidence& evidence);

/// The union of both.
void merge_static(StaticEvidence& into, const StaticEvidence& more);

/// The shorter of two chains, of two equally long ones the one that sorts first; an empty one says
/// nothing and gives way.
const Chain& shorter_chain(const Chain& a, const Chain& b);

}  // namespace sysnare
