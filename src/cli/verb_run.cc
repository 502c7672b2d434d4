// sysnare run: a program under a profile, and in words what the profile did to it.

#include <fmt/format.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <set>

#include "arch/syscalls.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/call_counts.h"
#include "cli/load_failure.h"
#include "cli/machine.h"
#include "cli/recording.h"
#include "cli/verb.h"
#include "enforce/call_text.h"
#include "enforce/enforce.h"
#include "enforce/live_profile.h"
#include "enforce/notify.h"
#include "filter/filter.h"
#include "process/exec_failure.h"
#include "tripwire/listener.h"

namespace sysnare::cli {
namespace {

constexpr std::string_view kVerb = "run";
/// Kills that are told one by one; a program that starts killed children without end would bury
/// everything else.
constexpr unsigned kMaxKillsTold = 10;
/// A program that fails this soon most likely never came to do its work.
constexpr std::chrono::seconds kEarly{1};
/// Highest errno that the kernel hands to a program (include/linux/err.h).
constexpr int kMaxErrno = 4095;

struct Options {
  LiveProfileOptions profile;
  bool no_explain = false;
  bool privileged_load = false;
  std::string on_trace = "errno";
  std::string on_notify = "errno";
  TraceAnswer trace_answer;
  TraceAnswer notify_answer;
  Words command;
};

/// "errno", "errno=EPERM", "errno=1", "kill", or `pass` (allow, continue).
std::optional<TraceAnswer> parse_answer(std::string_view text, std::string_view pass) {
  TraceAnswer answer;
  if (text == "errno") return answer;
  if (text == pass) {
    answer.kind = TraceAnswer::Kind::kAllow;
    return answer;
  }
  if (text == "kill") {
    answer.kind = TraceAnswer::Kind::kKill;
    return answer;
  }
  constexpr std::string_view kErrnoIs = "errno=";
  if (!text.starts_with(kErrnoIs)) return {};
  const std::string_view value = text.substr(kErrnoIs.size());
  if (const auto number = parse_u64(value)) {
    if (*number > kMaxErrno) return {};
    answer.error = static_cast<int>(*number);
    return answer;
  }
  const auto named = errno_by_name(value);
  if (!named) return {};
  answer.error = *named;
  return answer;
}

bool take_answer(std::string_view option, const std::string& text, std::string_view pass,
                 TraceAnswer& into) {
  if (const auto answer = parse_answer(text, pass)) {
    into = *answer;
    return true;
  }
  complain(kVerb, fmt::format("{} \"{}\": expected {}, errno, errno=NAME, errno=0 to {} or kill",
                              option, printable(text), pass, kMaxErrno));
  return false;
}

std::string errno_text(int error) {
  const std::string_view name = errno_name(error);
  return name.empty() ? fmt::format("errno {}", error) : std::string(name);
}

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

/// execve as our child made it, for asking the profile; its pointers are not known here.
seccomp_data own_execve() {
  seccomp_data data{};
  data.nr = SYS_execve;
  data.arch = audit_arch(native_abi());
  return data;
}

class RunHandler : public EnforceHandler {
 public:
  RunHandler(const Options& options, const LiveProfile& profile)
      : options_(options), profile_(profile) {}

  Result<void> on_notification(int listener) override {
    Result<std::optional<seccomp_notif>> notification = receive_notification(listener);
    if (!notification) return propagate(notification);
    if (!*notification) return {};
    const seccomp_notif& call = **notification;
    const bool trace = evaluate(profile_.resolved, call.data).action() == SECCOMP_RET_TRACE;
    const TraceAnswer& answer = trace ? options_.trace_answer : options_.notify_answer;
    // execve of our own child would die with the answer that is meant for the program's calls; but
    // a profile may well be about later execs. What is asked for is done to all alike.
    tell_answer(trace ? "TRACE" : "NOTIFY", call.data, answer, trace ? "allowed" : "let through");
    switch (answer.kind) {
      case TraceAnswer::Kind::kAllow:
        return continue_call(listener, call);
      case TraceAnswer::Kind::kErrno:
        return refuse_call(listener, call, answer.error);
      case TraceAnswer::Kind::kKill:
        break;
    }
    Result<bool> killed = kill_caller(listener, call);
    if (!killed) return propagate(killed);
    return {};
  }

  void on_kill(const FilterKill& kill) override {
    // The launch itself: said with the exit status.
    if (kill.before_exec) return;
    if (++kills_ > kMaxKillsTold) return;
    const std::string what = call_text(kill.thread, kill.data);
    std::string who;
    if (!kill.launched_program) {
      who = fmt::format("its child {} (pid {})", printable(base_name(kill.exe)), kill.process);
    } else {
      who = printable(base_name(kill.exe));
    }
    if (kill.action == SECCOMP_RET_ALLOW) {
      complain(kVerb, fmt::format("{} was killed for {} at {}, by a filter that it loaded itself",
                                  who, what, place_label(kill.place)));
      return;
    }
    if (kill.others_live) who = fmt::format("thread {} of {}", kill.thread, who);
    complain(kVerb, fmt::format("{} was killed for {} at {}: {}", who, what,
                                place_label(kill.place), deciding_rule(profile_, kill.data)));
  }

  void on_lone_thread(const FilterKill& kill) override {
    complain(kVerb,
             fmt::format("thread {} was killed alone and its process {} ({}) goes on without "
                         "it: it may hang for ever; Ctrl-C ends it, --kill-process makes such "
                         "a profile kill whole processes",
                         kill.thread, kill.process, printable(base_name(kill.exe))));
  }

  [[nodiscard]] unsigned kills() const { return kills_; }

 private:
  void tell_answer(std::string_view action, const seccomp_data& data, const TraceAnswer& answer,
                   std::string_view passed) {
    // Once a call: a program may make millions.
    if (!answered_.insert({data.arch, data.nr}).second) return;
    const auto abi = abi_of(data.arch, static_cast<std::uint32_t>(data.nr));
    const std::string call =
        abi ? call_label({*abi, static_cast<std::uint32_t>(data.nr)}) : std::to_string(data.nr);
    std::string done(passed);
    if (answer.kind == TraceAnswer::Kind::kErrno) done = "answered " + errno_text(answer.error);
    if (answer.kind == TraceAnswer::Kind::kKill) done = "its process killed before it";
    complain(kVerb, fmt::format("{} for {}: {}", action, call, done));
  }

  const Options& options_;
  const LiveProfile& profile_;
  unsigned kills_ = 0;
  std::set<std::pair<std::uint32_t, int>> answered_;
};

/// What would let the program start.
std::string what_to_allow(const LiveProfile& profile) {
  const std::vector<Abi>& abis = profile.resolved.abis;
  if (std::find(abis.begin(), abis.end(), native_abi()) != abis.end()) {
    return "allow execve in the profile and what the program needs besides";
  }
  return fmt::format("add {} to its architectures", abi_oci_name(native_abi()));
}

int refused_exec(const Options& options, const LiveProfile& profile, const std::string& path,
                 int error) {
  const ActionValue action = evaluate(profile.resolved, own_execve());
  const bool by_filter = action.action() != SECCOMP_RET_ALLOW && action.action() != SECCOMP_RET_LOG;
  if (by_filter) {
    complain(kVerb,
             fmt::format("{} was not started: execve is refused with {} ({}); {}, or let `sysnare "
                         "profile -o FILE -- {}` make one",
                         printable(path), errno_text(error), deciding_rule(profile, own_execve()),
                         what_to_allow(profile), shell_words(options.command)));
    return kCannotExecute;
  }
  complain(kVerb, exec_failure_sentence(path, error));
  return kCannotExecute;
}

std::string_view where_explained(const Options& options) {
  return options.no_explain ? "without --no-explain" : "where ptrace is possible";
}

/// What an errno did to a program is seen by nobody here. Said where the end looks like it.
void hint_at_refusals(const Options& options, const LiveProfile& profile,
                      const EnforceOutcome& outcome) {
  if (!profile.uses(SECCOMP_RET_ERRNO)) return;
  const int status = outcome.wait_status;
  std::string what;
  if (outcome.ended_in_loader) {
    what = "ended in the dynamic loader, before its own code ran";
  } else if (outcome.ran < kEarly && WIFSIGNALED(status)) {
    constexpr int kCrashes[] = {SIGSEGV, SIGABRT, SIGILL, SIGBUS, SIGTRAP, SIGFPE};
    const int signal = WTERMSIG(status);
    if (std::find(std::begin(kCrashes), std::end(kCrashes), signal) == std::end(kCrashes)) return;
    what = fmt::format("died of {} right after its start", signal_name(signal));
  } else if (outcome.ran < kEarly && WIFEXITED(status) && WEXITSTATUS(status) != 0 &&
             ::isatty(STDERR_FILENO) == 1) {
    // In scripts an early failure is often an answer (grep, test); a person can tell.
    what = fmt::format("ended with status {} right after its start", WEXITSTATUS(status));
  } else {
    return;
  }
  complain(kVerb,
           fmt::format("{} {}; calls that the profile refuses with an errno are not seen by run: "
                       "`sysnare watch --enforce --profile {} -- {}` names them",
                       printable(base_name(outcome.path)), what,
                       shell_words({options.profile.path}), shell_words(options.command)));
}

/// A program that hands on what became of its child tells of a kill that nobody saw: the kernel
/// says nothing to a tracer of a child made with CLONE_UNTRACED.
void hint_at_unseen_kill(const Options& options, const EnforceOutcome& outcome, bool explained) {
  const int status = kSignalBase + SIGSYS;
  if (!WIFEXITED(outcome.wait_status) || WEXITSTATUS(outcome.wait_status) != status) return;
  const std::string name = printable(base_name(outcome.path));
  if (!explained) {
    complain(kVerb, fmt::format("{} ended with status {}, as a shell does whose child died of "
                                "SIGSYS; {} such a kill is named",
                                name, status, where_explained(options)));
    return;
  }
  complain(
      kVerb,
      fmt::format("{} ended with status {}, as a shell does whose child died of SIGSYS, "
                  "and no kill was seen: a child made with CLONE_UNTRACED is hidden "
                  "from tracers; `sysnare watch --kill any --profile {} -- {}` names "
                  "its call",
                  name, status, shell_words({options.profile.path}), shell_words(options.command)));
}

void explain_end(const Options& options, const LiveProfile& profile, const EnforceOutcome& outcome,
                 bool explained, const RunHandler& handler) {
  if (handler.kills() > kMaxKillsTold) {
    complain(kVerb, fmt::format("{} more kills like these", handler.kills() - kMaxKillsTold));
  }
  if (outcome.kill && outcome.kill->action != SECCOMP_RET_ALLOW) {
    complain(kVerb,
             fmt::format("if {} needs it, `sysnare watch --profile {} -- {}` names every call that "
                         "is outside the profile",
                         printable(base_name(outcome.path)), shell_words({options.profile.path}),
                         shell_words(options.command)));
  }
  const bool sigsys = WIFSIGNALED(outcome.wait_status) && WTERMSIG(outcome.wait_status) == SIGSYS;
  if (!sigsys) {
    hint_at_refusals(options, profile, outcome);
    if (handler.kills() == 0) hint_at_unseen_kill(options, outcome, explained);
  } else if (!explained) {
    complain(kVerb,
             fmt::format("{} died of SIGSYS, most likely by its filter; {} the call is named",
                         printable(base_name(outcome.path)), where_explained(options)));
  } else if (!outcome.kill) {
    complain(kVerb, fmt::format("{} died of a SIGSYS that the filter did not send",
                                printable(base_name(outcome.path))));
  }
}

/// The filter with NOTIFY for TRACE. Both hold the call until we answer, but a thread in the stop
/// of a TRACE makes its call when the tracer dies (kernel/seccomp.c __seccomp_filter() asks the
/// filter once more and takes a second TRACE for consent), and one behind NOTIFY gets ENOSYS.
Result<Filter> held_by_notify(const ResolvedProfile& profile, const CallCounts& counts) {
  constexpr ActionValue kNotify{SECCOMP_RET_USER_NOTIF};
  ResolvedProfile held = profile;
  const auto hold = [&](ActionValue& action) {
    if (action.action() == SECCOMP_RET_TRACE) action = kNotify;
  };
  hold(held.default_action);
  hold(held.foreign_abi);
  for (auto& [call, rules] : held.rules) {
    for (ResolvedRule& rule : rules) hold(rule.action);
  }
  return compile(held, counts, caches_allows());
}

int run_under(const Options& options, const LiveProfile& profile) {
  EnforceSpec spec;
  spec.argv = options.command;
  spec.filters = {profile.program};
  spec.filter_flags = profile.filter_flags;
  spec.no_new_privs = !options.privileged_load;
  spec.listener = options.profile.listener;
  spec.explain = !options.no_explain;
  const bool served = spec.listener;
  if (spec.explain && profile.uses(SECCOMP_RET_TRACE)) {
    Result<Filter> filter = held_by_notify(profile.resolved, options.profile.counts);
    if (!filter) {
      complain(kVerb, filter.error());
      return kLaunchFailed;
    }
    spec.filters = {filter->program};
    spec.listener = true;
    // TSYNC has nobody to synchronise with in our child, and excludes a listener.
    spec.filter_flags &= ~std::uint64_t{SECCOMP_FILTER_FLAG_TSYNC};
    spec.filter_flags |= wait_killable_flag();
  }
  const bool traces = spec.explain && profile.uses(SECCOMP_RET_TRACE) &&
                      options.trace_answer.kind != TraceAnswer::Kind::kErrno;
  if (traces || served) spec.after_end = EnforceSpec::AfterEnd::kServe;

  if (options.no_explain && options.on_trace != "errno" && profile.uses(SECCOMP_RET_TRACE)) {
    complain(kVerb,
             "--on-trace has no effect with --no-explain: without a tracer the kernel answers "
             "TRACE with ENOSYS");
  }

  RunHandler handler(options, profile);
  Result<EnforceOutcome> outcome = enforce(spec, handler);
  if (!outcome && outcome.error().code == Errc::kUnsupported && spec.explain && !traces) {
    complain(kVerb, outcome.error().message + "; going on without: kills will not be explained");
    spec.explain = false;
    outcome = enforce(spec, handler);
  }
  if (!outcome) {
    complain(kVerb, outcome.error());
    return launch_status(outcome.error());
  }
  switch (outcome->exec.kind) {
    case ExecOutcome::Kind::kFilterFailed:
      complain(kVerb, load_failure_sentence(
                          {options.profile.path, outcome->exec.sys_errno, options.privileged_load,
                           "start this run outside of it, or do without: --no-explain, and no "
                           "--on-notify (TRACE and NOTIFY calls then get ENOSYS)"}));
      return kLaunchFailed;
    case ExecOutcome::Kind::kExecFailed:
      return refused_exec(options, profile, outcome->path, outcome->exec.sys_errno);
    case ExecOutcome::Kind::kKilled:
      if (WIFSIGNALED(outcome->wait_status) && WTERMSIG(outcome->wait_status) == SIGSYS) {
        complain(kVerb, fmt::format("{} was not started: execve is killed ({}); {}",
                                    printable(outcome->path), deciding_rule(profile, own_execve()),
                                    what_to_allow(profile)));
      }
      break;
    case ExecOutcome::Kind::kRunning:
      explain_end(options, profile, *outcome, spec.explain, handler);
      break;
  }
  return end_as(outcome->wait_status);
}

}  // namespace

int verb_run(const Words& words) {
  CLI::App app(
      "Run a command under a seccomp profile, with no container, in its caller's terminal, folder "
      "and environment. A kill by the filter is explained: which call, at which code location, by "
      "which entry of the profile.",
      "run");
  Options options;
  std::string caps;
  std::string evidence;
  app.add_option("--profile", options.profile.path, "the profile: OCI, Docker or Podman JSON")
      ->type_name("FILE")
      ->required();
  app.add_flag("--no-explain", options.no_explain,
               "be no tracer: kills are not explained, TRACE calls get ENOSYS");
  app.add_flag("--kill-process", options.profile.kill_process,
               "KILL and KILL_THREAD kill the whole process");
  app.add_option("--on-trace", options.on_trace,
                 "what TRACE calls get: allow, errno (ENOSYS, the default), errno=NAME or kill")
      ->type_name("ANSWER");
  app.add_option("--on-notify", options.on_notify,
                 "what NOTIFY calls get: continue, errno (ENOSYS, the default), errno=NAME or kill")
      ->type_name("ANSWER");
  app.add_flag("--privileged-load", options.privileged_load,
               "do not set no_new_privs; needs CAP_SYS_ADMIN");
  app.add_option("--caps", caps,
                 "capabilities that decide includes and excludes, with commas, or none (default: "
                 "those we have)")
      ->type_name("LIST");
  app.add_option("--evidence", evidence,
                 "evidence of the program: its frequent calls are reached in fewer steps of the "
                 "filter (default: the side file of the profile)")
      ->type_name("FILE");
  MachineWords compiling;
  add_machine_options(app, compiling, kIntArgs | kUnlistedAbi);
  app.add_flag("--allow-unknown", options.profile.allow_unknown,
               "an unknown call name in the profile is a warning, not an error");
  app.footer(
      "examples:\n"
      "  sysnare run --profile allow-helloworld.json ./helloworld\n"
      "  sysnare run --profile deny-dir.json -- bash\n\n"
      "exit status: the command's own, 128+N when signal N killed it (159: the filter),\n"
      "125 when sysnare failed, 126 when the command cannot be executed, 127 when\n"
      "there is none.");
  Parsed parsed = parse(app, words, kLaunchFailed, true);
  if (parsed.leave) return parsed.status;
  options.command = std::move(parsed.command);
  if (options.command.empty()) {
    complain(kVerb, "no command; `sysnare run --profile FILE -- COMMAND...`");
    return kLaunchFailed;
  }
  if (!take_answer("--on-trace", options.on_trace, "allow", options.trace_answer) ||
      !take_answer("--on-notify", options.on_notify, "continue", options.notify_answer)) {
    return kLaunchFailed;
  }
  if (!caps.empty()) {
    options.profile.caps.emplace();
    for (std::string_view name : split(caps, ',')) {
      if (name == "none" || name.empty()) continue;
      Result<std::string> cap = capability_of_word(name);
      if (!cap) {
        complain(kVerb, cap.error());
        return kLaunchFailed;
      }
      options.profile.caps->push_back(std::move(*cap));
    }
  }
  if (!take_compile_options(kVerb, compiling, options.profile)) return kLaunchFailed;
  // ENOSYS is what the kernel answers where nobody listens: for that no listener is needed.
  options.profile.listener = options.on_notify != "errno";

  Result<CallCounts> counts =
      call_counts(evidence, options.profile.path,
                  [](const std::string& sentence) { complain(kVerb, sentence); });
  if (!counts) {
    complain(kVerb, counts.error());
    return kLaunchFailed;
  }
  options.profile.counts = std::move(*counts);
  Result<LiveProfile> profile = load_live_profile(options.profile);
  if (!profile) {
    complain(kVerb, profile.error());
    return kLaunchFailed;
  }
  complain_each(kVerb, profile->warnings);
  options.profile.listener &= profile->uses(SECCOMP_RET_USER_NOTIF);
  return run_under(options, *profile);
}

}  // namespace sysnare::cli
