#include "container/background.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "record/notes.h"
#include "record/recorder.h"
#include "record/saver.h"

namespace sysnare {
namespace {

constexpr char kArmed = '+';
/// A sentence, and then some.
constexpr std::size_t kMaxAnswer = 4096;

/// Leaves nothing of the runtime's to who lives longer than the hook: it waits for the end of the
/// hook's streams, and its terminal is not ours.
void let_go(std::array<int, 2> keep) {
  ::setsid();
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null, stream);
  std::sort(keep.begin(), keep.end());
  unsigned from = STDERR_FILENO + 1;
  for (const int each : keep) {
    const auto kept = static_cast<unsigned>(each);
    if (kept > from) ::syscall(SYS_close_range, from, kept - 1, 0);
    from = kept + 1;
  }
  ::syscall(SYS_close_range, from, ~0U, 0);
  if (::chdir("/") != 0) return;  // then a file system stays busy, nothing more
  ::umask(077);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int signal : {SIGINT, SIGTERM, SIGQUIT, SIGPIPE, SIGCHLD}) ::signal(signal, SIG_DFL);
  ::signal(SIGHUP, SIG_IGN);  // the session that it was started in may end
}

void log_failure(const Workload& workload, const std::string& sentence) {
  ::openlog("sysnare", LOG_PID, LOG_DAEMON);
  ::syslog(LOG_ERR, "hook: container %s: %s", workload.id.c_str(), sentence.c_str());
}

/// The recorder's whole life; gives its exit status.
int live(BackgroundRecording& recording, Fd answer) {
  RecordOptions options;
  options.cgroups = {recording.cgroup};
  options.container = ContainerStage::kNotBegun;
  options.on_armed = [&] {
    static_cast<void>(write_all(answer.get(), std::string_view(&kArmed, 1)));
    answer.reset();
  };
  std::optional<EvidenceSaver> saver;
  if (recording.save_every.count() > 0) {
    bool told = false;
    Result<EvidenceSaver> started =
        EvidenceSaver::start(recording.save_every, [&, told](const Evidence& so_far) mutable {
          Evidence named = so_far;
          named.workload = recording.workload;
          add_note(named, kNoteNotEnded);
          Result<std::string> saved = recording.file.save(write_evidence(named));
          if (!saved && !std::exchange(told, true)) {
            log_failure(recording.workload, saved.error().message);
          }
        });
    if (!started) {
      static_cast<void>(write_all(answer.get(), started.error().message));
      return 1;
    }
    options.saver = &saver.emplace(std::move(*started));
  }
  Result<Recording> done = record_ebpf(options);
  if (!done) {
    if (answer) {
      static_cast<void>(write_all(answer.get(), done.error().message.substr(0, kMaxAnswer)));
    } else {
      log_failure(recording.workload, done.error().message);
    }
    return 1;
  }
  done->evidence.workload = recording.workload;
  Result<std::string> written = recording.file.save(write_evidence(done->evidence));
  if (written) return 0;
  log_failure(recording.workload, written.error().message);
  return 1;
}

}  // namespace

Result<void> record_in_background(BackgroundRecording recording) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno(errno, "pipe");
  Fd answer(ends[0]);
  Fd answer_end(ends[1]);
  const pid_t between = ::fork();
  if (between < 0) return fail_errno(errno, "fork");
  if (between == 0) {
    let_go({answer_end.get(), recording.file.folder_fd()});
    // Twice: the runtime is not to find a child that it did not start.
    const pid_t recorder = ::fork();
    if (recorder == 0) ::_exit(live(recording, std::move(answer_end)));
    ::_exit(recorder < 0 ? 1 : 0);
  }
  answer_end.reset();
  int status = 0;
  while (::waitpid(between, &status, 0) < 0 && errno == EINTR) {
  }

  std::string said;
  const auto end = std::chrono::steady_clock::now() + kArmLimit;
  while (said.size() < kMaxAnswer) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    pollfd wait{answer.get(), POLLIN, 0};
    const int ready = left.count() <= 0 ? 0 : ::poll(&wait, 1, static_cast<int>(left.count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) {
      ::kill(-between, SIGKILL);  // its session's first group
      return fail(Errc::kLimit, "the recorder was not armed within {} s", kArmLimit.count());
    }
    std::array<char, kMaxAnswer> buffer{};
    const ssize_t got = ::read(answer.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    said.append(buffer.data(), static_cast<std::size_t>(got));
    if (said.front() == kArmed) return {};
  }
  if (said.empty()) said = "the recorder ended before it was armed";
  return fail(Errc::kUnsupported, "{}", said);
}

}  // namespace sysnare
