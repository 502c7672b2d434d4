#include "record/ptrace/tracer_place.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>

#include "base/fd.h"
#include "base/text.h"

namespace sysnare {
namespace {

/// Processors that a mask of ours has room for: CONFIG_NR_CPUS is 8192 at most on x86_64.
constexpr unsigned kMaxProcessors = 8192;
/// Of /proc/PID/stat, counted behind the name, which is in parentheses: proc(5), "(39) processor".
constexpr int kProcessorBehindName = 36;

/// The start of a small file of procfs, which is made anew at each read.
std::string_view read_start(const Fd& fd, std::array<char, 1024>& buffer) {
  const ssize_t size = ::pread(fd.get(), buffer.data(), buffer.size(), 0);
  return size > 0 ? std::string_view(buffer.data(), static_cast<std::size_t>(size))
                  : std::string_view();
}

/// The `at`-th word, from 0; empty where there are not so many.
std::string_view word_of(std::string_view text, int at) {
  for (; at > 0; --at) {
    const std::size_t blank = text.find(' ');
    if (blank == std::string_view::npos) return {};
    text.remove_prefix(blank + 1);
  }
  return text.substr(0, text.find_first_of(" \n"));
}

constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

bool take_policy(int policy) {
  const sched_param none{};
  return ::sched_setscheduler(0, policy, &none) == 0;  // of the thread that calls
}

class KernelScheduling : public Scheduling {
 public:
  bool may_move() override {
    // Of another class (SCHED_BATCH, SCHED_FIFO) somebody has made it on purpose.
    if (::sched_getscheduler(0) != SCHED_OTHER) return false;
    if (::sched_getaffinity(0, sizeof before_, before_.sets) != 0) return false;
    bool came_back = false;
    // Only the kernel knows whether one may leave that class; a thread that ends finds out.
    try {
      std::thread([&came_back] {
        came_back = take_policy(SCHED_IDLE) && take_policy(SCHED_OTHER);
      }).join();
    } catch (const std::system_error&) {
      return false;  // there may be no further thread: RLIMIT_NPROC, pids.max
    }
    if (!came_back) return false;
    waits_ = Fd(::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC));
    return waits_.valid();
  }

  std::optional<unsigned> processor_of(pid_t thread) override {
    const std::string path = "/proc/" + std::to_string(thread) + "/stat";
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return std::nullopt;
    std::array<char, 1024> buffer{};
    std::string_view text = read_start(fd, buffer);
    const std::size_t name_end = text.rfind(')');
    if (name_end == std::string_view::npos) return std::nullopt;
    text.remove_prefix(name_end + 1);
    const auto processor = parse_u64(word_of(text, kProcessorBehindName + 1));
    if (!processor || *processor >= kMaxProcessors) return std::nullopt;
    return static_cast<unsigned>(*processor);
  }

  bool go_to(unsigned processor) override {
    Mask only{};
    CPU_SET_S(processor, sizeof only, only.sets);
    if (::sched_setaffinity(0, sizeof only, only.sets) != 0) return false;
    if (take_policy(SCHED_IDLE)) return true;
    go_back();
    return false;
  }

  void go_back() override {
    take_policy(SCHED_OTHER);
    if (::sched_setaffinity(0, sizeof before_, before_.sets) == 0) return;
    // None of these is left to us (cpuset(7)): then those that are.
    Mask all{};
    std::memset(&all, 0xff, sizeof all);
    ::sched_setaffinity(0, sizeof all, all.sets);
  }

  std::optional<std::uint64_t> waited_ns() override {
    std::array<char, 1024> buffer{};
    // Documentation/scheduler/sched-stats.rst: time on a processor, time waiting for one, turns.
    return parse_u64(word_of(read_start(waits_, buffer), 1));
  }

 private:
  struct Mask {
    cpu_set_t sets[kMaxProcessors / CPU_SETSIZE];
  };
  Mask before_{};
  Fd waits_;
};

}  // namespace

std::unique_ptr<Scheduling> kernel_scheduling() { return std::make_unique<KernelScheduling>(); }

void TracerPlace::leave() {
  if (!at_) return;
  scheduling_->go_back();
  at_.reset();
}

void TracerPlace::meet(pid_t thread) {
  leave();
  thread_ = thread;
  next_look_ = may_move_.value_or(true) ? std::max(stops_ + kAlone, rests_until_) : kNever;
}

void TracerPlace::look() {
  if (!at_) {
    move();
    return;
  }
  const std::optional<std::uint64_t> waited = scheduling_->waited_ns();
  if (!waited || *waited - waited_ns_ > kWaitTooLongNs * kLook) {
    rest();
    return;
  }
  waited_ns_ = *waited;
  next_look_ = stops_ + kLook;
  if (++looks_ % kLooksUntilMove == 0) follow();
}

void TracerPlace::move() {
  if (!may_move_) may_move_ = scheduling_->may_move();
  if (!*may_move_) {
    next_look_ = kNever;
    return;
  }
  const std::optional<unsigned> processor = scheduling_->processor_of(thread_);
  const std::optional<std::uint64_t> waited = scheduling_->waited_ns();
  if (!processor || !waited || !scheduling_->go_to(*processor)) {
    rest();
    return;
  }
  at_ = processor;
  waited_ns_ = *waited;
  looks_ = 0;
  next_look_ = stops_ + kLook;
}

void TracerPlace::follow() {
  rest_ = std::max(rest_ / 2, kFirstRest);
  const std::optional<unsigned> processor = scheduling_->processor_of(thread_);
  if (!processor || processor == at_) return;
  if (scheduling_->go_to(*processor)) {
    at_ = processor;
  } else {
    rest();
  }
}

void TracerPlace::rest() {
  leave();
  rests_until_ = stops_ + rest_;
  next_look_ = rests_until_;
  rest_ = std::min(rest_ * 2, kLongestRest);
}

}  // namespace sysnare
