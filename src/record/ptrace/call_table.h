#pragma once
// How often was each call made, how long did it take, and how did it fail?
//
// Counts while the program runs; made into Evidence once, at the end. Counting an ordinary call
// looks up an array by ABI and number and allocates nothing.

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "arch/abi.h"
#include "arch/recorded_args.h"
#include "evidence/evidence.h"
#include "record/ready.h"

namespace sysnare {

/// What more than counting a call needs. Told by name, so that no table depends on the ISA.
enum class CallKind : std::uint8_t {
  kPlain,
  kBirth,    ///< fork, vfork, clone, clone3
  kExec,     ///< execve, execveat
  kMapping,  ///< changes which file stands at which address
  kPtrace,
  kIoUring,  ///< io_uring_setup
};
CallKind call_kind(Call call);

class CallCounter {
 public:
  CallCounter(Call call, Origin origin)
      : call_(call),
        origin_(origin),
        kind_(call_kind(call)),
        recorded_(recorded_args(call)),
        ready_call_(sysnare::ready_call(call)) {}

  /// `steady`: after the ready mark.
  void begin(bool steady = false) {
    ++count_;
    steady_ += steady ? 1 : 0;
  }
  [[nodiscard]] ReadyCall ready_call() const { return ready_call_; }
  [[nodiscard]] bool keeps_args() const { return recorded_.indexes != 0; }
  /// Keeps the values of those arguments that are worth it; `args` as the registers have them.
  void note_args(std::span<const std::uint64_t, 6> args);
  /// It began or ended now, on any clock.
  void seen_at(std::uint64_t now_ns) {
    first_ns_ = std::min(first_ns_, now_ns);
    last_ns_ = std::max(last_ns_, now_ns);
  }
  [[nodiscard]] std::uint64_t first_ns() const { return first_ns_; }
  [[nodiscard]] std::uint64_t last_ns() const { return last_ns_; }
  /// The call returned after `ns`; `error` is its errno, 0 for none.
  void end(std::uint64_t ns, int error) {
    total_ns_ += ns;
    if (ns > max_ns_) max_ns_ = ns;
    if (ns < min_ns_) min_ns_ = ns;
    if (error != 0) add_error(error);
  }

  [[nodiscard]] Call call() const { return call_; }
  [[nodiscard]] CallKind kind() const { return kind_; }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t steady() const { return steady_; }
  [[nodiscard]] std::uint64_t times_failed_with(int error) const;
  [[nodiscard]] std::uint64_t succeeded() const;

  /// Adds what was counted to its record in `evidence`, and returns that. Precondition: count().
  CallEvidence& add_to(Evidence& evidence) const;

 private:
  void add_error(int error);

  Call call_;
  Origin origin_;
  CallKind kind_;
  RecordedArgs recorded_;
  ReadyCall ready_call_;
  std::uint64_t count_ = 0;
  std::uint64_t steady_ = 0;
  std::uint64_t total_ns_ = 0;
  std::uint64_t max_ns_ = 0;
  std::uint64_t first_ns_ = UINT64_MAX;
  std::uint64_t last_ns_ = 0;
  std::uint64_t min_ns_ = UINT64_MAX;                    ///< none has returned
  std::vector<std::pair<int, std::uint64_t>> errors_;    ///< few, the first one first
  std::map<unsigned, std::vector<std::uint64_t>> args_;  ///< as in CallEvidence
  std::set<unsigned> args_many_;
};

/// All counters of one recording. Counters stay where they are as long as the table lives.
class CallTable {
 public:
  /// Numbers below this are looked up by index; the highest number of any ABI is below 600.
  static constexpr std::uint32_t kIndexed = 1024;
  /// Most numbers above that. No program has a use for them, but a hostile one could make a call
  /// of each of 2^32.
  static constexpr std::size_t kMaxOdd = 4096;

  /// The counter of an application's call; null when kMaxOdd is reached (the call is lost).
  CallCounter* find(Call call);
  /// The counter of the launcher's own exec.
  CallCounter* launch_exec(Call call);

  /// Adds every counter with a count to `evidence`, and calls `each(counter, record)`.
  template <typename Each>
  void add_to(Evidence& evidence, Each&& each) const {
    const auto add = [&](const CallCounter& counter) {
      if (counter.count() != 0) each(counter, counter.add_to(evidence));
    };
    for (const auto& row : indexed_) {
      for (const CallCounter& counter : row) add(counter);
    }
    for (const auto& [call, counter] : odd_) add(counter);
    for (const auto& [call, counter] : launch_) add(counter);
  }

 private:
  std::array<std::vector<CallCounter>, kAbiCount> indexed_;  ///< empty until the ABI comes up
  std::map<Call, CallCounter> odd_;
  std::map<Call, CallCounter> launch_;
};

}  // namespace sysnare
