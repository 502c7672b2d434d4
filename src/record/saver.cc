#include "record/saver.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

namespace sysnare {

EvidenceSaver::EvidenceSaver(Fd timer, std::function<void(const Evidence&)> save)
    : timer_(std::move(timer)), save_(std::move(save)) {}

Result<EvidenceSaver> EvidenceSaver::start(std::chrono::milliseconds every,
                                           std::function<void(const Evidence&)> save) {
  Fd timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!timer) return fail_errno(errno, "timerfd_create");
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(every);
  itimerspec spec{};
  spec.it_interval.tv_sec = seconds.count();
  spec.it_interval.tv_nsec = std::chrono::nanoseconds(every - seconds).count();
  spec.it_value = spec.it_interval;
  if (::timerfd_settime(timer.get(), 0, &spec, nullptr) != 0) {
    return fail_errno(errno, "timerfd_settime");
  }
  return EvidenceSaver(std::move(timer), std::move(save));
}

bool EvidenceSaver::due() const {
  std::uint64_t times = 0;
  return ::read(timer_.get(), &times, sizeof times) == static_cast<ssize_t>(sizeof times);
}

}  // namespace sysnare
