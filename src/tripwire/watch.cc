#include "tripwire/watch.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "arch/syscalls.h"
#include "base/text.h"
#include "enforce/call_text.h"
#include "enforce/live_profile.h"
#include "enforce/notify.h"
#include "filter/filter.h"
#include "process/isa_call.h"
#include "process/place.h"
#include "tripwire/exec_target.h"
#include "tripwire/ledger.h"
#include "tripwire/listener.h"
#include "tripwire/subject.h"

namespace sysnare {
namespace {

using Clock = std::chrono::steady_clock;

/// How long what /proc said about a thread is taken as still so: a thread's number can come to be
/// another's, and modules can come and go. Reading it for every call would cost 60 us each time.
constexpr auto kFresh = std::chrono::milliseconds(100);
/// Processes, and places of a process, that are remembered; past it memory is emptied and read
/// anew.
constexpr std::size_t kMaxRemembered = 4096;
/// Threads whose process is remembered: two numbers each, and some programs have thousands.
constexpr std::size_t kMaxThreads = 65536;
/// Notifications served in a row before signals and children get their turn.
constexpr int kMaxBatch = 256;

/// What is remembered of a process that made calls outside the profile. Not of each of its threads:
/// five files of /proc and a place for each of thousands would keep the others waiting.
struct Known {
  Subject subject;
  std::map<std::uint64_t, CallPlace> places;  ///< by calling instruction
  Clock::time_point read;
};

std::string errno_label(int error) {
  const std::string_view name = errno_name(error);
  return name.empty() ? fmt::format("errno {}", error) : fmt::format("errno {}", name);
}

std::string action_text(const Judgement& judgement) {
  switch (judgement.answer) {
    case Judgement::Answer::kContinue:
      return "alert";
    case Judgement::Answer::kErrno:
      return errno_label(judgement.error);
    case Judgement::Answer::kKill:
      break;
  }
  return "kill";
}

std::string_view consequence(std::string_view action) {
  if (action == "alert") return "it went on";
  if (action == "kill") return "the process was killed before it";
  if (action == "kill by filter") return "the filter killed it";
  return "";
}

std::string_view reason(Grade grade, bool exec) {
  switch (grade) {
    case Grade::kDenied:
      return "which a rule of the profile forbids";
    case Grade::kArgument:
      return "which the profile allows with other arguments alone";
    default:
      return exec ? "which is not known of this program" : "which is outside the profile";
  }
}

class Tripwire : public EnforceHandler {
 public:
  Tripwire(const WatchSpec& spec, const WatchPolicy& policy, AlertSink& sink)
      : spec_(spec), sink_(sink), judge_(spec.profile, policy), supervisor_(policy.supervisor) {}

  Result<void> on_start(const Launch& launch) override {
    program_ = launch.pid();
    return {};
  }

  Result<void> on_notification(int listener) override {
    for (int i = 0; i < kMaxBatch && (i == 0 || call_waits(listener)); ++i) {
      Result<std::optional<seccomp_notif>> call = receive_notification(listener);
      if (!call) return propagate(call);
      if (!*call) continue;
      if (Result<void> done = serve(listener, **call); !done) return propagate(done);
    }
    return {};
  }

  bool on_exec(pid_t process) override {
    known_.erase(process);
    std::erase_if(threads_, [&](const auto& each) { return each.second.process == process; });
    const auto expected = expected_.find(process);
    if (expected == expected_.end()) return true;
    const std::vector<FileId> files = std::move(expected->second.files);
    const seccomp_data data = expected->second.data;
    expected_.erase(expected);
    const auto running = running_file(process);
    if (running && std::find(files.begin(), files.end(), *running) != files.end()) return true;
    // The name was another when the kernel looked than when we did.
    Alert alert = describe(know(process).subject, process, data,
                           Judgement{true, Grade::kDenied, Judgement::Answer::kKill});
    alert.output = fmt::format(
        "{} (pid {}) executed another file than the one it was allowed, and "
        "was killed before its first instruction",
        printable(alert.exe_path), alert.pid);
    raise(std::move(alert), process);
    note_kill(process, call_of(data));
    return false;
  }

  void on_kill(const FilterKill& kill) override {
    if (kill.action == SECCOMP_RET_ALLOW) return;  // by a filter that the program loaded itself
    const Judgement judgement{true, Grade::kDenied, Judgement::Answer::kKill};
    Alert alert = describe(know(kill.thread).subject, kill.thread, kill.data, judgement);
    alert.pid = kill.process;
    if (alert.exe_path.empty()) alert.exe_path = kill.exe;
    set_site(alert, kill.place);
    alert.action = "kill by filter";
    alert.path = path_text(kill.thread, kill.data);
    alert.output = sentence(alert, call_text(kill.thread, kill.data), kill.data);
    raise(std::move(alert), kill.process);
  }

  void on_lone_thread(const FilterKill& kill) override {
    spec_.say(
        fmt::format("thread {} was killed alone by the profile and its process {} ({}) goes on "
                    "without it: it may hang for ever; Ctrl-C ends it",
                    kill.thread, kill.process, printable(kill.exe)));
  }

  std::optional<Clock::time_point> deadline() override {
    std::optional<Clock::time_point> next;
    if (ledger_.has_repeats()) next = summed_up_ + kSummaryInterval;
    if (sink_.held() > 0)
      next = next ? std::min(*next, retried_ + kRetryInterval) : retried_ + kRetryInterval;
    return next;
  }

  Result<void> on_deadline() override {
    const Clock::time_point now = Clock::now();
    if (now >= summed_up_ + kSummaryInterval) sum_up();
    retried_ = now;
    // Its failure stays visible in held() and lost().
    static_cast<void>(sink_.flush().has_value());
    return {};
  }

  /// After the end.
  void finish(WatchOutcome& outcome) {
    sum_up();
    static_cast<void>(sink_.flush().has_value());
    outcome.outside = ledger_.total();
    outcome.by_call = ledger_.by_call();
    outcome.folded = ledger_.folded();
    outcome.processes_killed = killed_;
    outcome.killed_by = killed_by_;
  }

 private:
  struct Thread {
    pid_t process = 0;
    Clock::time_point read;
  };
  struct Expected {
    std::vector<FileId> files;
    seccomp_data data{};
  };

  Result<void> serve(int listener, const seccomp_notif& call) {
    const auto thread = static_cast<pid_t>(call.pid);
    Judgement judgement;
    if (is_exec(call_of(call.data))) {
      // The launcher's own comes first: before it our child makes no other call.
      if (!std::exchange(launched_, true) && thread == program_) {
        return continue_call(listener, call);
      }
      judgement = judge_exec(call);
    } else {
      judgement = judge_.judge(call.data, false);
    }
    if (judgement.alert) {
      const bool told = tell(listener, call, judgement);
      // Gone before we could look: nothing was made, and there is nobody to answer.
      if (!told) return {};
    }
    switch (judgement.answer) {
      case Judgement::Answer::kContinue:
        if (is_exec(call_of(call.data))) forget_before_exec(thread, judgement.alert);
        return continue_call(listener, call);
      case Judgement::Answer::kErrno:
        return refuse_call(listener, call, judgement.error);
      case Judgement::Answer::kKill:
        break;
    }
    const auto known = threads_.find(thread);
    const pid_t process = known == threads_.end() ? 0 : known->second.process;
    Result<bool> killed = kill_caller(listener, call);
    if (killed && *killed) {
      note_kill(process, call_of(call.data));
      return {};
    }
    // A process that cannot be killed (it is in no PID namespace below ours) gets nothing either.
    return refuse_call(listener, call, EPERM);
  }

  Judgement judge_exec(const seccomp_notif& call) {
    const Judgement judgement = judge_.judge(call.data, spec_.program_execs);
    if (!judgement.alert || spec_.allowed_execs.empty()) return judgement;
    const auto thread = static_cast<pid_t>(call.pid);
    const std::optional<Subject> subject = read_subject(thread);
    // One that nobody traces (CLONE_UNTRACED) would not be looked at afterwards.
    if (!subject || (spec_.trace && subject->tracer != ::getpid())) return judgement;
    ExecTarget target = exec_target(thread, call.data);
    const bool allowed =
        target.file &&
        std::any_of(spec_.allowed_execs.begin(), spec_.allowed_execs.end(),
                    [&](const std::string& path) { return file_id(path) == target.file; });
    if (!allowed) return judgement;
    const Judgement by_name = judge_.judge_allowed_exec(call.data);
    if (!by_name.alert && spec_.trace) {
      // Added, not replaced: two threads may be in allowed execs at once, and only one of them
      // comes through. What a failed exec leaves behind is an allowed file as well.
      Expected& expected = expected_[subject->process];
      if (expected.files.size() > kMaxRemembered) expected.files.clear();
      expected.files.insert(expected.files.end(), target.may_become.begin(),
                            target.may_become.end());
      expected.data = call.data;
    }
    return by_name;
  }

  /// A process is about to become another program: nothing that is remembered of it holds.
  void forget_before_exec(pid_t thread, bool alerted) {
    const auto found = threads_.find(thread);
    // Alerted and let go on all the same: then whatever it becomes is let go on.
    if (alerted && found != threads_.end()) expected_.erase(found->second.process);
    // Its leader may be remembered under another number: forget all, execs are rare.
    known_.clear();
    threads_.clear();
  }

  /// Alerts the call or counts it. False: its caller is gone.
  bool tell(int listener, const seccomp_notif& call, const Judgement& judgement) {
    const auto thread = static_cast<pid_t>(call.pid);
    Known& known = know(thread);
    // Copies: what is remembered may be read anew on the way.
    const Subject subject = known.subject;
    const CallPlace place = place_of(known, thread, call.data);
    AlertKind kind{subject.exe_path,
                   call_of(call.data),
                   judgement.grade,
                   place.module,
                   place.offset,
                   path_text(thread, call.data),
                   false};
    // What was read may be about another thread that came to have this number.
    if (!still_held(listener, call)) {
      known_.erase(subject.process);
      threads_.erase(thread);
      return false;
    }
    if (!ledger_.count(kind, subject.process)) return true;
    Alert alert = describe(subject, thread, call.data, judgement);
    if (!kind.module.empty()) set_site(alert, place);
    set_path(alert, kind);
    std::string text = call_text(thread, call.data);
    if (!still_held(listener, call)) text = call_text(0, call.data);
    alert.output = sentence(alert, text, call.data);
    if (alert.other_paths) {
      alert.output += "; further paths of this call from this place are counted together";
    }
    ledger_.first(kind, alert);
    write(alert);
    return true;
  }

  /// The process of a thread, asked again when that is not fresh.
  pid_t process_of(pid_t thread, Clock::time_point now) {
    const auto found = threads_.find(thread);
    if (found != threads_.end() && now - found->second.read < kFresh) return found->second.process;
    if (threads_.size() >= kMaxThreads) threads_.clear();
    const pid_t process = read_process(thread).value_or(thread);
    threads_[thread] = {process, now};
    return process;
  }

  /// What /proc says about the process of a thread, read again when it is not fresh.
  Known& know(pid_t thread) {
    const Clock::time_point now = Clock::now();
    const pid_t process = process_of(thread, now);
    const auto found = known_.find(process);
    if (found != known_.end() && now - found->second.read < kFresh) return found->second;
    if (known_.size() >= kMaxRemembered) known_.clear();
    Known& known = known_[process];
    known = {read_subject(thread).value_or(Subject{}), {}, now};
    known.subject.process = process;
    return known;
  }

  const CallPlace& place_of(Known& known, pid_t thread, const seccomp_data& data) {
    const std::uint64_t instruction = calling_instruction(data);
    const auto found = known.places.find(instruction);
    if (found != known.places.end()) return found->second;
    if (known.places.size() >= kMaxRemembered) known.places.clear();
    return known.places[instruction] = places_.locate(thread, instruction);
  }

  Alert describe(const Subject& subject, pid_t thread, const seccomp_data& data,
                 const Judgement& judgement) const {
    Alert alert;
    alert.time = std::chrono::system_clock::now();
    alert.grade = judgement.grade;
    alert.call = call_of(data);
    std::copy(std::begin(data.args), std::end(data.args), alert.args.begin());
    alert.action = action_text(judgement);
    alert.pid = subject.process;
    alert.tid = thread;
    alert.ppid = subject.parent;
    alert.uid = subject.uid;
    alert.proc_name = subject.name;
    alert.exe_path = subject.exe_path;
    alert.cmdline = subject.cmdline;
    alert.container_id = subject.container_id;
    alert.profile_name = spec_.profile_name;
    alert.profile_sha256 = spec_.profile_sha256;
    return alert;
  }

  static void set_site(Alert& alert, const CallPlace& place) {
    alert.site_module = place.module;
    alert.site_offset = place.offset;
    alert.site_symbol = place.symbol;
  }

  static void set_path(Alert& alert, const AlertKind& kind) {
    alert.path = kind.path;
    alert.other_paths = kind.other_paths;
  }

  [[nodiscard]] std::string sentence(const Alert& alert, const std::string& call,
                                     const seccomp_data& data) const {
    const std::string_view why = limits_process(data, supervisor_)
                                     ? "which would set a limit on sysnare itself"
                                     : reason(alert.grade, is_exec(alert.call));
    std::string text =
        fmt::format("{} (pid {}) called {}, {}", printable(alert.proc_name), alert.pid, call, why);
    if (!alert.site_module.empty()) {
      CallPlace place;
      place.module = alert.site_module;
      place.offset = alert.site_offset;
      text += " (at " + place_label(place);
      if (!alert.site_symbol.empty()) text += " in " + printable(alert.site_symbol);
      text += ")";
    }
    const std::string_view what = consequence(alert.action);
    return text + ": " + (what.empty() ? "it got " + alert.action : std::string(what));
  }

  /// Counts `alert` and writes it when it is the first of its kind.
  void raise(Alert alert, pid_t process) {
    AlertKind kind{alert.exe_path,    alert.call, alert.grade, alert.site_module,
                   alert.site_offset, alert.path, false};
    if (!ledger_.count(kind, process)) return;
    set_path(alert, kind);
    ledger_.first(kind, alert);
    write(alert);
  }

  void write(const Alert& alert) {
    const Result<void> written = sink_.write(alert);
    if (written || std::exchange(sink_failed_, true)) return;
    spec_.say(written.error().message + "; alerts are held in memory and tried again");
  }

  void sum_up() {
    summed_up_ = Clock::now();
    for (Alert& alert : ledger_.take_repeats()) {
      alert.time = std::chrono::system_clock::now();
      std::string_view difference = "perhaps with other arguments, ";
      if (alert.other_paths) difference = "with paths that were not told one by one, ";
      if (!alert.path.empty()) difference = "with the same path, ";
      alert.output = fmt::format("{} more of the same call from the same place, {}after: {}",
                                 plural(alert.count, "call"), difference, alert.output);
      write(alert);
    }
  }

  void note_kill(pid_t process, Call call) {
    ++killed_;
    if (process == program_ && !killed_by_) killed_by_ = call_label(call);
  }

  const WatchSpec& spec_;
  AlertSink& sink_;
  Judge judge_;
  pid_t supervisor_;
  Ledger ledger_;
  Places places_;
  std::map<pid_t, Known> known_;  ///< by process
  std::unordered_map<pid_t, Thread> threads_;
  std::map<pid_t, Expected> expected_;  ///< by process: what an exec allowed by name may become
  pid_t program_ = 0;
  bool launched_ = false;
  bool sink_failed_ = false;
  std::uint64_t killed_ = 0;
  std::optional<std::string> killed_by_;
  Clock::time_point summed_up_ = Clock::now();
  Clock::time_point retried_ = Clock::now();
};

}  // namespace

Result<WatchOutcome> watch(const WatchSpec& spec, AlertSink& sink) {
  WatchPolicy policy = spec.policy;
  policy.supervisor = ::getpid();
  Result<Filter> filter =
      compile(watch_profile(spec.profile, policy), spec.counts, caches_allows());
  if (!filter) return propagate(filter);
  EnforceSpec run;
  run.argv = spec.argv;
  run.filters = {filter->program};
  // TSYNC has nobody to synchronise with in our child, and excludes a listener.
  run.filter_flags =
      (spec.filter_flags & ~std::uint64_t{SECCOMP_FILTER_FLAG_TSYNC}) | wait_killable_flag();
  run.no_new_privs = spec.no_new_privs;
  run.listener = true;
  run.explain = spec.trace;
  // Between an exec that was allowed by its name and our look at what runs, our death would let
  // another file run.
  run.end_with_us = spec.trace && !spec.allowed_execs.empty();
  run.after_end = EnforceSpec::AfterEnd::kServe;
  Tripwire tripwire(spec, policy, sink);
  Result<EnforceOutcome> ended = enforce(run, tripwire);
  if (!ended) return propagate(ended);
  WatchOutcome outcome;
  outcome.run = std::move(*ended);
  // What is held goes out now. Its reader may have gone away, as during the watch, and the status
  // of the command is still to be told.
  const auto pipe_before = ::signal(SIGPIPE, SIG_IGN);
  const auto size_before = ::signal(SIGXFSZ, SIG_IGN);
  tripwire.finish(outcome);
  ::signal(SIGPIPE, pipe_before);
  ::signal(SIGXFSZ, size_before);
  return outcome;
}

}  // namespace sysnare
