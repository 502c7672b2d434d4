#include "cli/print.h"

#include <fcntl.h>
#include <signal.h>

#include <cerrno>
#include <cstring>

#include "base/writing.h"
#include "cli/verb.h"

namespace sysnare::cli {

void say_text(std::FILE* to, std::string_view text) {
  // A message without a reader, or past a limit on file sizes, must not cost the command's status.
  // Of results a reader that went away (`| head`) ends us, as it ends all filters.
  const NoSignalOfWriting quiet(to == stderr ? SIGPIPE : 0);
  // A short count is kept by the stream itself, as its error flag.
  static_cast<void>(std::fwrite(text.data(), 1, text.size(), to));
}

int finish(std::string_view verb, int status, int lost) {
  const bool lost_before = std::ferror(stdout) != 0;
  const NoSignalOfWriting quiet;
  const bool lost_now = std::fflush(stdout) != 0;
  if (!lost_before && !lost_now) return status;
  complain(verb, fmt::format("standard output: not everything could be written{}",
                             lost_now ? fmt::format(": {}", std::strerror(errno)) : ""));
  return status == kOk ? lost : status;
}

void occupy_closed_streams() {
  for (const int fd : {0, 1, 2}) {
    if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    // open(2) gives the lowest free number, which is `fd`. O_PATH: reading and writing fail with
    // EBADF, as on a closed descriptor.
    static_cast<void>(::open("/", O_PATH | O_CLOEXEC));
  }
}

}  // namespace sysnare::cli
