#include "enforce/notify.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/fd.h"

namespace sysnare {
namespace {

/// The kernel writes its own size of the structure, which may outgrow ours.
std::size_t notification_size() {
  seccomp_notif_sizes sizes{};
  if (::syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) != 0) return sizeof(seccomp_notif);
  return std::max<std::size_t>(sizes.seccomp_notif, sizeof(seccomp_notif));
}

Result<void> answer(int listener, const seccomp_notif_resp& response) {
  // The kernel reads its own size; what it knows more of is zero.
  struct {
    seccomp_notif_resp response;
    unsigned char more[64];
  } padded{};
  padded.response = response;
  while (::ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &padded) != 0) {
    if (errno == ENOENT) return {};
    if (errno != EINTR) return fail_errno(errno, "cannot answer a notification");
  }
  return {};
}

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL  // include/uapi/linux/pidfd.h, Linux 6.9
#endif

/// A descriptor of the process that `thread` belongs to, or of the thread, which serves as well: a
/// deadly signal takes the process. Not by way of /proc, which may be another PID namespace's, or
/// take a descriptor more. Invalid where there is none to be had.
Fd pin(pid_t thread) {
  for (const unsigned flags : {0u, static_cast<unsigned>(PIDFD_THREAD)}) {
    Fd fd(static_cast<int>(::syscall(SYS_pidfd_open, thread, flags)));
    if (fd) return fd;
  }
  return {};
}

}  // namespace

Result<std::optional<seccomp_notif>> receive_notification(int listener) {
  // Asked once: the kernel stays the same, and a repeated alert costs five system calls as it is.
  static const std::size_t size = notification_size();
  std::vector<unsigned char> buffer(size);
  if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, buffer.data()) != 0) {
    if (errno == ENOENT || errno == EINTR) return std::optional<seccomp_notif>();
    return fail_errno(errno, "cannot receive a notification");
  }
  seccomp_notif notification{};
  std::memcpy(&notification, buffer.data(), sizeof notification);
  return std::optional<seccomp_notif>(notification);
}

Result<void> continue_call(int listener, const seccomp_notif& notification) {
  seccomp_notif_resp response{};
  response.id = notification.id;
  response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  return answer(listener, response);
}

Result<void> refuse_call(int listener, const seccomp_notif& notification, int error) {
  seccomp_notif_resp response{};
  response.id = notification.id;
  response.error = -error;
  return answer(listener, response);
}

Result<bool> kill_caller(int listener, const seccomp_notif& notification) {
  const auto thread = static_cast<pid_t>(notification.pid);
  // In no PID namespace that we see; and kill(2) takes 0 for our own process group.
  if (thread <= 0) return false;
  // In this order: the descriptor pins a process, then the kernel says that the caller is still the
  // one that waits, so the number cannot have come to mean another.
  const Fd pinned = pin(thread);
  std::uint64_t id = notification.id;
  if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) != 0) return false;
  // Without (Linux before 6.9 for a thread that is not the first; no descriptors left) by number,
  // which takes a thread's for its process (kernel/signal.c kill_pid_info_type(), v6.18). The
  // thread waits for us: within this line it would have to be killed by another and its number
  // given anew.
  const long done = pinned ? ::syscall(SYS_pidfd_send_signal, pinned.get(), SIGKILL, nullptr, 0)
                           : ::kill(thread, SIGKILL);
  if (done != 0) {
    if (errno == ESRCH) return false;
    return fail_errno(errno, "cannot kill process {}", notification.pid);
  }
  return true;
}

}  // namespace sysnare
