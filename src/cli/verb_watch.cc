// sysnare watch: a command with a trip wire around it. docs/reference/watch.md

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <signal.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "arch/syscalls.h"
#include "base/file.h"
#include "base/text.h"
#include "base/writing.h"
#include "cli/call_counts.h"
#include "cli/exec_evidence.h"
#include "cli/load_failure.h"
#include "cli/machine.h"
#include "cli/recording.h"
#include "cli/verb.h"
#include "enforce/live_profile.h"
#include "process/exec_failure.h"
#include "process/launch.h"
#include "tripwire/watch.h"

namespace sysnare::cli {
namespace {

constexpr std::string_view kVerb = "watch";
/// Calls named in the closing sentence; the alerts have them all.
constexpr std::size_t kMaxNamed = 8;
/// The grades that a live call can get without the static analysis.
constexpr Grade kGrades[] = {Grade::kDenied, Grade::kArgument, Grade::kUnknown};

struct Options {
  LiveProfileOptions profile;
  std::string alerts;
  std::string evidence;
  std::vector<std::string> kill;
  std::vector<std::string> on;
  std::vector<std::string> allow_exec;
  bool enforce = false;
  bool no_explain = false;
  bool privileged_load = false;
  Words command;
};

/// To standard error, unless nobody reads it: a full pipe must not stop the wire.
void say(const std::string& message) {
  if (takes_writing(STDERR_FILENO, 0)) complain(kVerb, message);
}

Result<Grade> grade_of(std::string_view option, std::string_view name) {
  const std::optional<Grade> grade = grade_by_name(name);
  if (!grade) {
    return fail(Errc::kUsage, "{}: {}; grades are denied, argument and unknown, and any for all",
                option, unknown_word("grade", name, {"denied", "argument", "unknown", "any"}));
  }
  if (std::find(std::begin(kGrades), std::end(kGrades), *grade) == std::end(kGrades)) {
    return fail(Errc::kUsage,
                "{}: the grade {} needs the static analysis, which watch does not use yet; it "
                "grades denied, argument and unknown",
                option, name);
  }
  return *grade;
}

Result<void> set_response(WatchPolicy& policy, std::string_view option, std::string_view grade,
                          Response response) {
  if (grade == "any") {
    for (const Grade each : kGrades) policy.on[each] = response;
    return {};
  }
  Result<Grade> one = grade_of(option, grade);
  if (!one) return propagate(one);
  policy.on[*one] = response;
  return {};
}

Result<WatchPolicy> policy_of(const Options& options) {
  WatchPolicy policy;
  policy.enforce = options.enforce;
  for (const std::string& grade : options.kill) {
    Result<void> done = set_response(policy, "--kill", grade, Response::kKill);
    if (!done) return propagate(done);
  }
  for (const std::string& text : options.on) {
    const std::size_t equals = text.find('=');
    const std::string word = equals == std::string::npos ? "" : text.substr(equals + 1);
    std::optional<Response> response;
    if (word == "alert") response = Response::kAlert;
    if (word == "errno") response = Response::kErrno;
    if (word == "kill") response = Response::kKill;
    if (word == "freeze") {
      return fail(Errc::kUsage,
                  "--on {}: freeze is not supported yet; a response is alert, errno or kill",
                  printable(text));
    }
    if (!response) {
      return fail(Errc::kUsage, "--on {}: must be GRADE=alert, GRADE=errno or GRADE=kill",
                  printable(text));
    }
    Result<void> done = set_response(policy, "--on", text.substr(0, equals), *response);
    if (!done) return propagate(done);
  }
  return policy;
}

std::string host_name() {
  utsname name{};
  ::uname(&name);
  return static_cast<const char*>(name.nodename);
}

void tell_summary(const Options& options, const WatchSpec& spec, const WatchOutcome& outcome,
                  const AlertSink& sink) {
  if (outcome.killed_by) {
    say(fmt::format("{} was killed before {}", printable(outcome.run.path), *outcome.killed_by));
  }
  if (outcome.outside > 0) {
    std::vector<std::string> calls;
    for (const auto& [call, count] : outcome.by_call) {
      if (calls.size() == kMaxNamed) {
        calls.push_back(fmt::format("{} more", outcome.by_call.size() - kMaxNamed));
        break;
      }
      std::string name = call.abi == native_abi() ? "" : std::string(abi_name(call.abi)) + " ";
      // The ledger keeps calls without a name as one.
      name += syscall_name(call).empty() ? "calls without a name" : call_label(call);
      calls.push_back(count == 1 ? name : fmt::format("{} ({})", name, with_commas(count)));
    }
    std::string text =
        fmt::format("{} outside the profile: {}; alerts: {}", plural(outcome.outside, "call"),
                    fmt::join(calls, ", "), plural(sink.written(), "line"));
    if (!options.alerts.empty()) text += " in " + printable(options.alerts);
    if (outcome.processes_killed > 0) {
      text +=
          fmt::format("; killed: {}", outcome.processes_killed == 1
                                          ? "1 process"
                                          : fmt::format("{} processes", outcome.processes_killed));
    }
    say(text);
    // Where the default is ALLOW the calls were named by somebody, on purpose.
    if (spec.profile.default_action.action() != SECCOMP_RET_ALLOW) {
      say(
          fmt::format("calls that the program needs come into the profile by runs that make them: "
                      "`sysnare profile -o {} -- {}`",
                      shell_words({options.profile.path}), shell_words(options.command)));
    }
  }
  const std::uint64_t gone = sink.lost() + sink.held();
  if (gone > 0) {
    say(fmt::format("{} could not be written{}: lost", plural(gone, "alert"),
                    options.alerts.empty() ? "" : " to " + printable(options.alerts)));
  }
}

int failed_start(const Options& options, const EnforceOutcome& run) {
  if (run.exec.kind == ExecOutcome::Kind::kExecFailed) {
    complain(kVerb, exec_failure_sentence(run.path, run.exec.sys_errno));
    return kCannotExecute;
  }
  complain(kVerb, load_failure_sentence(
                      {options.profile.path, run.exec.sys_errno, options.privileged_load,
                       "start this watch outside of it, or use `sysnare run`, which needs none"}));
  return kLaunchFailed;
}

int watch_command(const Options& options, WatchSpec& spec, AlertSink& sink) {
  Result<WatchOutcome> outcome = watch(spec, sink);
  if (!outcome && outcome.error().code == Errc::kUnsupported && spec.trace &&
      spec.allowed_execs.empty()) {
    complain(kVerb, outcome.error().message +
                        "; going on without a tracer: kills by the filter "
                        "will not be alerted");
    spec.trace = false;
    outcome = watch(spec, sink);
  }
  if (!outcome) {
    complain(kVerb, outcome.error());
    return launch_status(outcome.error());
  }
  if (outcome->run.exec.kind == ExecOutcome::Kind::kExecFailed ||
      outcome->run.exec.kind == ExecOutcome::Kind::kFilterFailed) {
    return failed_start(options, outcome->run);
  }
  // Alerts that are held go out now, and nothing is launched any more: a reader of standard error
  // that went away must not cost the command's status.
  ::signal(SIGPIPE, SIG_IGN);
  tell_summary(options, spec, *outcome, sink);
  return end_as(outcome->run.wait_status);
}

int prepare_and_watch(Options& options) {
  Result<WatchPolicy> policy = policy_of(options);
  if (!policy) {
    complain(kVerb, policy.error());
    return kLaunchFailed;
  }
  options.profile.listener = true;
  Result<LiveProfile> profile = load_live_profile(options.profile);
  if (!profile) {
    complain(kVerb, profile.error());
    return kLaunchFailed;
  }
  complain_each(kVerb, profile->warnings);

  WatchSpec spec;
  spec.argv = options.command;
  spec.profile = std::move(profile->resolved);
  spec.filter_flags = profile->filter_flags;
  spec.profile_name = options.profile.path;
  // Standard input is gone once it is read.
  if (options.profile.path != "-") {
    Result<std::string> sha256 = sha256_file(options.profile.path);
    if (sha256) spec.profile_sha256 = *sha256;
  }
  spec.policy = std::move(*policy);
  spec.no_new_privs = !options.privileged_load;
  spec.trace = !options.no_explain;
  spec.say = say;
  Result<bool> execs = program_execs(
      {options.command.front(), options.evidence, options.profile.path, spec.profile_sha256}, say);
  if (!execs) {
    complain(kVerb, execs.error());
    return kLaunchFailed;
  }
  spec.program_execs = *execs;
  Result<CallCounts> counts = call_counts(options.evidence, options.profile.path, say);
  if (!counts) {
    complain(kVerb, counts.error());
    return kLaunchFailed;
  }
  spec.counts = std::move(*counts);
  for (const std::string& name : options.allow_exec) {
    Result<std::string> path = find_executable(name);
    if (!path) {
      complain(kVerb, "--allow-exec: " + path.error().message);
      return kLaunchFailed;
    }
    spec.allowed_execs.push_back(std::move(*path));
  }

  std::unique_ptr<AlertSink> sink = make_fd_sink(STDERR_FILENO, host_name());
  if (!options.alerts.empty()) {
    Result<std::unique_ptr<AlertSink>> file = make_file_sink(options.alerts, host_name());
    if (!file) {
      complain(kVerb, file.error());
      return kLaunchFailed;
    }
    sink = std::move(*file);
  }
  return watch_command(options, spec, *sink);
}

}  // namespace

int verb_watch(const Words& words) {
  CLI::App app(
      "Run a command with a trip wire around it: calls outside the profile raise an alert.",
      "watch");
  Options options;
  app.add_option("--profile", options.profile.path, "the profile (OCI, Docker or Podman JSON)")
      ->type_name("FILE")
      ->required();
  app.add_option("--alerts", options.alerts,
                 "append alerts to this file instead of writing them to standard error")
      ->type_name("FILE");
  app.add_flag("--enforce", options.enforce,
               "calls outside the profile get its default action, still with the alert");
  app.add_option("--kill", options.kill,
                 "kill the process before calls of this grade (denied, argument, unknown), or any")
      ->type_name("GRADE")
      ->allow_extra_args(false);
  app.add_option("--on", options.on, "what calls of this grade get: alert, errno or kill")
      ->type_name("GRADE=WHAT")
      ->allow_extra_args(false);
  app.add_option(
         "--evidence", options.evidence,
         "evidence of the program, to know whether it starts programs itself and which calls "
         "are frequent (default: the side file of the profile)")
      ->type_name("FILE");
  app.add_option("--allow-exec", options.allow_exec, "the program may execute this file")
      ->type_name("PATH")
      ->allow_extra_args(false);
  MachineWords compiling;
  add_machine_options(app, compiling, kIntArgs | kUnlistedAbi);
  app.add_flag("--allow-unknown", options.profile.allow_unknown,
               "an unknown call name in the profile is a warning");
  app.add_flag("--no-explain", options.no_explain,
               "be no tracer: kills by the filter are not alerted, and names given to --allow-exec "
               "are not checked after the exec");
  app.add_flag("--privileged-load", options.privileged_load,
               "do not set no_new_privs (needs CAP_SYS_ADMIN)");
  app.footer(
      "examples:\n"
      "  sysnare watch --profile allow.json -- ./server\n"
      "  sysnare watch --profile allow.json --kill any --alerts alerts.log -- ./server\n"
      "\n"
      "exit status: the command's own, 128+N when signal N killed it (137: the trip\n"
      "wire did), 125 when sysnare failed, 126 the command cannot be executed, 127\n"
      "there is none.");
  Parsed parsed = parse(app, words, kLaunchFailed, true);
  if (parsed.leave) return parsed.status;
  options.command = std::move(parsed.command);
  if (options.command.empty()) {
    complain(kVerb, "no command; `sysnare watch --profile FILE -- COMMAND...`");
    return kLaunchFailed;
  }
  if (!take_compile_options("watch", compiling, options.profile)) return kLaunchFailed;
  return prepare_and_watch(options);
}

}  // namespace sysnare::cli
