#pragma once
// How do tests ask that something costs no more than it should, on any machine? By another thing in
// the same process: half as much of it, or what has none of the dear part. A bound in seconds is
// one of a machine.

#include <algorithm>
#include <ctime>
#include <functional>

namespace sysnare {

/// The processor time of `work` as a multiple of that of `other`. What disturbs a process makes
/// times longer, never shorter: the least of each counts, of as many tries as it takes to come
/// below `limit`, three at most.
inline double times_as_long(const std::function<void()>& work, const std::function<void()>& other,
                            double limit) {
  const auto clocks_of = [](const std::function<void()>& each) {
    const std::clock_t start = std::clock();
    each();
    return static_cast<double>(std::max<std::clock_t>(std::clock() - start, 1));
  };
  double work_took = clocks_of(work);
  double other_took = clocks_of(other);
  for (int i = 1; i < 3 && work_took >= limit * other_took; ++i) {
    work_took = std::min(work_took, clocks_of(work));
    other_took = std::min(other_took, clocks_of(other));
  }
  return work_took / other_took;
}

/// The processor time of `work`, in seconds: for a bound far above it, besides a ratio.
inline double processor_seconds(const std::function<void()>& work) {
  const std::clock_t start = std::clock();
  work();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

/// What four times as much may cost, as a multiple: it is 16 where costs grow as the square.
inline constexpr double kFourTimes = 8;

}  // namespace sysnare
