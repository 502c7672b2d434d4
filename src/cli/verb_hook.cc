// sysnare hook: called by a container runtime, records the container if an annotation asks for it.

#include <fmt/format.h>
#include <syslog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <string>

#include "base/file.h"
#include "base/text.h"
#include "cli/recording.h"
#include "cli/verb.h"
#include "container/background.h"
#include "container/cgroups.h"
#include "container/oci_state.h"

namespace sysnare::cli {
namespace {

constexpr std::string_view kName = "hook";
/// Seconds between two saves unless told otherwise, as in `trace`.
constexpr std::uint64_t kSaveEvery = 60;
constexpr std::uint64_t kMaxSaveEvery = 86'400;  ///< a day
constexpr int kRefused = 1;                      ///< the runtime then does not start the container

/// The program that called us: "runc", "crun".
std::string calling_program() {
  Result<std::string> words = read_file(fmt::format("/proc/{}/cmdline", ::getppid()));
  if (!words) return "";
  const std::string_view first = std::string_view(*words).substr(0, words->find('\0'));
  return std::string(first.substr(first.rfind('/') + 1));
}

/// Records the container of the state on standard input, if it asks for that.
Result<void> serve(const std::string& folder, std::chrono::seconds save_every) {
  Result<std::string> text = read_file("-", kMaxOciState);
  if (!text) return propagate(text);
  Result<OciState> state = parse_oci_state(*text);
  if (!state) return propagate(state);
  Result<std::optional<std::string>> name = hook_file(*state, folder);
  if (!name) return propagate(name);
  if (!*name) return {};
  Result<std::optional<std::string>> cgroup = container_cgroup_of(state->pid, state->id);
  if (!cgroup) return propagate(cgroup);
  if (!*cgroup) {
    return fail(Errc::kUnsupported,
                "container {} has no control group of its own: its calls cannot be told from "
                "others'",
                state->id);
  }
  Result<SafeFile> file = SafeFile::prepare(folder, **name);
  if (!file) return propagate(file);
  return record_in_background(
      {**cgroup, workload_of(*state, calling_program()), std::move(*file), save_every});
}

}  // namespace

int verb_hook(const Words& words) {
  CLI::App app(
      "For container runtimes, as an OCI hook of the stage createRuntime (or prestart): reads the "
      "container's state on standard input and, if its annotation io.sysnare.output asks for it, "
      "records the container from its first instruction until its end. Returns once the recorder "
      "is armed; the evidence is written when the container has ended.",
      std::string(kName));
  std::string folder = kDefaultHookFolder;
  std::string typed_save_every;
  bool optional = false;
  app.add_option("--dir", folder,
                 fmt::format("evidence goes below this folder, which is root's alone (default: {})",
                             kDefaultHookFolder))
      ->type_name("DIR");
  app.add_option("--save-every", typed_save_every,
                 "save the evidence so far every so many seconds (default: 60; 0: only at the end)")
      ->type_name("SECONDS");
  app.add_flag("--optional", optional,
               "start the container all the same when it cannot be recorded; syslog says why");
  app.footer(
      "annotation io.sysnare.output=/var/lib/sysnare/NAME names the file; without a\n"
      "value, and where it ends in a slash, the file is ID.evidence.json. No file is\n"
      "ever replaced: NAME.2, NAME.3 follow.\n"
      "\n"
      "exit status: 0 armed, or not asked for; 1 not (the runtime then gives up),\n"
      "2 usage error.");
  const Parsed parsed = parse(app, words, kUsageError, false);
  if (parsed.leave) return parsed.status;
  std::uint64_t save_every = kSaveEvery;
  if (!typed_save_every.empty()) {
    Result<std::uint64_t> seconds = number_of("--save-every", typed_save_every, 0, kMaxSaveEvery);
    if (!seconds) {
      complain(kName, seconds.error());
      return kUsageError;
    }
    save_every = *seconds;
  }
  Result<void> served = serve(folder, std::chrono::seconds(save_every));
  if (served) return kOk;
  complain(kName, served.error());
  if (!optional) return kRefused;
  ::openlog("sysnare", LOG_PID, LOG_DAEMON);
  ::syslog(LOG_WARNING, "hook: not recorded: %s", served.error().message.c_str());
  return kOk;
}

}  // namespace sysnare::cli
