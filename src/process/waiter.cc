#include "process/waiter.h"

#include <sys/epoll.h>

#include <cerrno>
#include <cstdint>

namespace sysnare {
namespace {

/// The bits of poll(2) and epoll(7) are the same, include/uapi/linux/eventpoll.h.
static_assert(EPOLLIN == POLLIN && EPOLLOUT == POLLOUT && EPOLLHUP == POLLHUP &&
              EPOLLERR == POLLERR);

}  // namespace

Waiter::Waiter() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

int Waiter::wait(std::vector<pollfd>& waits, int timeout_ms) const {
  const int ready = ::poll(waits.data(), waits.size(), timeout_ms);
  if (ready >= 0 || errno != EINVAL || !epoll_) return ready;
  // Entered and taken out each time: what is waited for changes, and this is nobody's daily path.
  for (std::size_t i = 0; i < waits.size(); ++i) {
    waits[i].revents = 0;
    if (waits[i].fd < 0) continue;
    epoll_event event{};
    event.events = static_cast<std::uint32_t>(waits[i].events);
    event.data.u64 = i;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, waits[i].fd, &event) != 0) {
      waits[i].revents = POLLNVAL;
    }
  }
  std::vector<epoll_event> events(waits.size());
  const int got =
      ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout_ms);
  const int error = errno;
  for (int i = 0; i < got; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    waits[event.data.u64].revents = static_cast<short>(event.events);
  }
  for (const pollfd& each : waits) {
    if (each.fd >= 0) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, each.fd, nullptr);
  }
  errno = error;
  return got;
}

}  // namespace sysnare
