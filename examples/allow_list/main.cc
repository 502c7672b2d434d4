// Runs a command under a seccomp profile, in sixty lines on libsysnare.
//
//   allow_list PROFILE COMMAND [ARG...]   load the profile's filter, then exec
//   allow_list PROFILE                    say what it does with mkdir, and how big it is

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>

#include "sysnare/filter.h"
#include "sysnare/profile.h"

namespace api = sysnare::v1;

namespace {

int complain(const api::Error& error) {
  std::fprintf(stderr, "allow_list: %s\n", error.message.c_str());
  return 125;
}

int describe(const api::Profile& profile, const api::Filter& filter) {
  const api::Result<seccomp_data> mkdir = api::make_call("x86_64", "mkdir");
  if (!mkdir) return complain(mkdir.error());
  const api::Result<api::Decision> meant = profile.decide(*mkdir);
  if (!meant) return complain(meant.error());
  const api::Verdict done = filter.simulate(*mkdir);
  std::printf("mkdir: %s by the profile, %s by the filter after %u instructions\n",
              meant->text().c_str(), done.decision.text().c_str(), done.steps);
  std::printf("%zu instructions\n", filter.program().size());
  return done.decision == *meant ? 0 : 1;
}

int load_and_exec(const api::Filter& filter, char** command) {
  const auto program = filter.program();
  sock_fprog loaded{static_cast<unsigned short>(program.size()),
                    const_cast<sock_filter*>(program.data())};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &loaded) != 0) {
    std::perror("allow_list: seccomp");
    return 125;
  }
  execvp(command[0], command);
  std::perror(command[0]);
  return 126;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: allow_list PROFILE [COMMAND [ARG...]]\n");
    return 2;
  }
  const api::Result<api::Profile> profile = api::Profile::load(argv[1]);
  if (!profile) return complain(profile.error());
  for (const std::string& warning : profile->warnings()) {
    std::fprintf(stderr, "allow_list: %s\n", warning.c_str());
  }
  // Compiled, and proven equal to the profile on every call there is.
  const api::Result<api::Filter> filter = api::Filter::compile(*profile);
  if (!filter) return complain(filter.error());
  return argc == 2 ? describe(*profile, *filter) : load_and_exec(*filter, argv + 2);
}
