#include "sandboxes.h"

#include "harness.h"

namespace sysnare::live {

std::vector<std::string> with_own_etc(const std::vector<std::string>& argv) {
  // A file system over /mnt, seen by nobody else, holds the copy.
  std::vector<std::string> words = {
      "unshare",
      "-m",
      "--propagation",
      "private",
      "sh",
      "-ec",
      "mount -t tmpfs etc /mnt; cp -a /etc/. /mnt; mount --move /mnt /etc; exec \"$@\"",
      "sh"};
  words.insert(words.end(), argv.begin(), argv.end());
  return words;
}

std::string why_no_firejail() {
  if (!have_program("firejail")) return "no firejail";
  if (!is_root()) return "needs root: firejail cannot be set-user-ID everywhere";
  const Outcome probe =
      run(with_own_etc({"firejail", "--noprofile", "--quiet", "--", "/bin/true"}));
  return probe.status == 0 ? "" : "firejail cannot make its sandbox here";
}

std::string why_no_bwrap() {
  if (!have_program("bwrap")) return "no bwrap";
  const Outcome probe = run({"bwrap", "--dev-bind", "/", "/", "/bin/true"});
  return probe.status == 0 ? "" : "bwrap cannot make its namespaces here";
}

}  // namespace sysnare::live
