#pragma once
// On which processor does the tracer run?
//
// A tracer and the one thread that it traces take turns. The scheduler does not know that: it wakes
// each of them on a processor that is idle, so that every stop and every resume is an interrupt to
// another processor and the end of its sleep, three quarters of what a traced call costs. Where a
// thread stops often and alone, the tracer goes to its processor, and takes SCHED_IDLE. A processor
// that runs tasks of that class only counts as idle to a task that wakes (sched_idle_cpu(),
// kernel/sched/fair.c, Linux 5.4 and later), so the tracee stays where it is; it is never moved.
//
// A task of that class waits for all others. How long ours waited, the kernel tells
// (/proc/thread-self/schedstat); when others want the processor, the tracer goes back for a while,
// twice as long each time. Who may not leave SCHED_IDLE again (sched(7): CAP_SYS_NICE, or
// RLIMIT_NICE) never enters it.

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace sysnare {

/// What TracerPlace asks of the kernel, for the thread that calls.
class Scheduling {
 public:
  virtual ~Scheduling() = default;
  /// Whether go_to() can be undone. Asked once.
  virtual bool may_move() = 0;
  /// The processor on which a thread that stands still ran last; nothing when it is gone.
  virtual std::optional<unsigned> processor_of(pid_t thread) = 0;
  /// Runs this thread on that processor alone, behind all others there. False, with nothing
  /// changed, where that is not allowed.
  virtual bool go_to(unsigned processor) = 0;
  /// Undoes go_to().
  virtual void go_back() = 0;
  /// Nanoseconds that this thread has waited for its processor so far; nothing where the kernel
  /// does not tell (CONFIG_SCHED_INFO).
  virtual std::optional<std::uint64_t> waited_ns() = 0;
};

/// The running kernel's.
std::unique_ptr<Scheduling> kernel_scheduling();

class TracerPlace {
 public:
  /// Stops of one thread, with none of another between, from which on it counts as alone: a stop
  /// costs some microseconds, as does moving.
  static constexpr unsigned kAlone = 64;
  /// So often is looked whether others wait for the processor, in stops.
  static constexpr unsigned kLook = 16;
  /// The tracee's processor is read at every so-many-th look.
  static constexpr unsigned kLooksUntilMove = 16;
  /// A tracer that waits longer a stop than this, which is more than one costs on two processors,
  /// is in somebody's way.
  static constexpr std::uint64_t kWaitTooLongNs = 20'000;
  /// Stops until the next try after that; doubled by each failure, up to the greatest.
  static constexpr std::uint64_t kFirstRest = 4096;
  static constexpr std::uint64_t kLongestRest = 1u << 20;

  explicit TracerPlace(std::unique_ptr<Scheduling> scheduling = kernel_scheduling())
      : scheduling_(std::move(scheduling)) {}
  TracerPlace(const TracerPlace&) = delete;
  TracerPlace& operator=(const TracerPlace&) = delete;
  ~TracerPlace() { leave(); }

  /// `thread` has stopped, and stands still.
  void on_stop(pid_t thread) {
    ++stops_;
    if (thread != thread_) {
      meet(thread);
    } else if (stops_ >= next_look_) {
      look();
    }
  }
  /// Goes back to where the tracer was before the first stop.
  void leave();

 private:
  void meet(pid_t thread);
  void look();
  void move();
  void follow();
  void rest();

  std::unique_ptr<Scheduling> scheduling_;
  std::optional<bool> may_move_;  ///< nothing until it was asked
  pid_t thread_ = 0;              ///< that stopped last
  std::uint64_t stops_ = 0;
  std::uint64_t next_look_ = 0;  ///< in stops, as are those below
  std::uint64_t rests_until_ = 0;
  std::uint64_t rest_ = kFirstRest;
  std::optional<unsigned> at_;   ///< the processor that it has moved to
  std::uint64_t waited_ns_ = 0;  ///< at the last look
  unsigned looks_ = 0;           ///< since it moved
};

}  // namespace sysnare
