#pragma once
// Has a program been recorded often enough? What the runs say about the runs to come.
//
// A run is new when it shows a call that no other run shows. The share of such runs estimates the
// chance that one more run shows a new call: leave one run out, look whether it was new to the
// others, and take the mean over all runs. It is the argument of Good and Turing, who estimate the
// chance of a new species by the share of those seen once (I. J. Good, "The population frequencies
// of species and the estimation of population parameters", Biometrika 40, 1953), with the run, not
// the single call, as what is drawn: calls of one rare path come together. Where no run was new, 3
// in n runs is the upper limit at 95 % (J. A. Hanley and A. Lippman-Hand, "If nothing goes wrong,
// is everything all right?", JAMA 249, 1983).
//
// Not modelled: runs that differ in what was done. Runs of one test tell nothing of another.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "evidence/evidence.h"

namespace sysnare {

/// Calls that came in equally few runs.
struct RareCalls {
  std::uint64_t runs_seen = 0;
  std::vector<std::string> calls;  ///< sorted; with the ABI where it is not this machine's own
};

struct Saturation {
  std::uint64_t runs = 0;        ///< 0: nothing but a scan
  std::uint64_t quiet_runs = 0;  ///< the last ones, which showed no new call
  std::uint64_t calls = 0;       ///< different ones that were observed
  std::uint64_t new_runs = 0;    ///< runs which showed a call that no other run showed
  std::vector<RareCalls> rare;   ///< seen in one run of ten or fewer, the rarest first
  /// From the first to the last call that was seen, and from the last that was new to the last;
  /// absent where of no call it is known when it came. exit, and calls of which that is not known,
  /// are left out. Pauses between merged recordings are in it.
  std::optional<std::uint64_t> span_ns;
  std::optional<std::uint64_t> quiet_ns;

  /// Chance that one more run shows a new call, from 0 to 1; of one run alone nothing is known: 1.
  [[nodiscard]] double chance_of_new() const;
  /// Its upper limit at 95 % where no run was new, else chance_of_new().
  [[nodiscard]] double limit_of_chance() const;
};

/// How many runs at the end showed no new call. The first run is always new.
std::uint64_t quiet_runs(const Evidence& evidence);

Saturation saturation_of(const Evidence& evidence);

/// "nothing new in the last 14 of 20 runs", "new calls came until the last of 20 runs", "1 run".
std::string saturation_text(const Evidence& evidence);

/// "tgkill", "getpid (i386)", "openat (io_uring)", "execve (launch)": a call as lists name it.
std::string call_name(const CallEvidence& call);

}  // namespace sysnare
