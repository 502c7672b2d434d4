// sysnare trace: which calls does this command, or this running process, make?

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <vector>

#include "base/file.h"
#include "base/text.h"
#include "cli/argument_table.h"
#include "cli/call_table.h"
#include "cli/executable_table.h"
#include "cli/print.h"
#include "cli/recording.h"
#include "cli/trace_subject.h"
#include "cli/traced_container.h"
#include "cli/verb.h"

namespace sysnare::cli {
namespace {

constexpr std::string_view kName = "trace";
/// Seconds between two saves unless told otherwise: what a crash may cost.
constexpr std::uint64_t kSaveEvery = 60;
constexpr std::uint64_t kMaxSaveEvery = 86'400;  ///< a day

struct Options {
  RepeatOptions repeat;
  SortBy sort_by = SortBy::kTime;
  std::string output;
  bool json = false;
  bool args = false;  ///< print them; they are kept in any case
};

/// The options as they were typed.
struct Typed {
  TypedSubject subject;
  std::string sort_by = "time";
  std::string runs;
  std::string until_saturated;
  std::string save_every;
  std::string recorder = "auto";
  std::string ready_after;
  std::string ready_when;
  bool no_follow = false;
  bool counts = false;
  bool no_time = false;
  bool exact_time = false;
};

/// How often, and until when.
Result<void> check_repeating(RepeatOptions& repeat, const Typed& typed, const Words& command) {
  if (Result<void> good = read_runs(typed.runs, typed.until_saturated, 1, repeat); !good) {
    return good;
  }
  if (command.empty() && (repeat.runs > 1 || repeat.until_saturated > 0)) {
    return fail(Errc::kUsage, "{} repeats a command, and there is none",
                repeat.until_saturated > 0 ? "--until-saturated" : "--runs");
  }
  return {};
}

/// How often the evidence so far is saved to -o.
Result<void> check_saving(Options& options, const Typed& typed) {
  options.repeat.save = saver_of(std::string(kName), options.output);
  std::uint64_t seconds = kSaveEvery;
  if (!typed.save_every.empty()) {
    Result<std::uint64_t> number = number_of("--save-every", typed.save_every, 0, kMaxSaveEvery);
    if (!number) return propagate(number);
    seconds = *number;
    if (seconds > 0 && !options.repeat.save) {
      return fail(Errc::kUsage,
                  "--save-every saves again and again to the file of -o, and {}; add -o FILE",
                  options.output.empty() ? "there is none" : options.output + " is no such file");
    }
  }
  options.repeat.save_every = std::chrono::seconds(seconds);
  return {};
}

Result<Options> checked(Options options, const Typed& typed, const Words& command) {
  RecordOptions& record = options.repeat.record;
  record.command = command;
  record.follow = !typed.no_follow;
  if (Result<void> taken = take_subject(typed.subject, record); !taken) return propagate(taken);
  if (Result<void> good = check_repeating(options.repeat, typed, command); !good) {
    return propagate(good);
  }
  if (typed.exact_time) record.detail = RecordDetail::kExactTime;
  if (typed.no_time) record.detail = RecordDetail::kErrors;
  if (typed.counts) record.detail = RecordDetail::kCounts;
  Result<ReadyOptions> ready = ready_options(typed.ready_after, typed.ready_when);
  if (!ready) return propagate(ready);
  record.ready = std::move(*ready);
  record.tell_load = options.json || !options.output.empty();  // the table has no phases
  if (!record.ready.text.empty() && command.empty()) {
    return fail(Errc::kUsage, "--ready-when is about a command's output, and -p has none");
  }
  if (options.args && typed.counts) {
    return fail(Errc::kUsage, "--args: --counts keeps no arguments; leave one of the two out");
  }
  const std::optional<SortBy> sort_by = sort_by_name(typed.sort_by);
  if (!sort_by) {
    return fail(Errc::kUsage, "-S: {}; allowed: {}",
                unknown_word("order", typed.sort_by, sort_words()), fmt::join(sort_words(), ", "));
  }
  options.sort_by = *sort_by;
  auto recorder = recorder_named(typed.recorder);
  if (!recorder) return propagate(recorder);
  options.repeat.recorder = std::move(*recorder);
  if (Result<void> good = check_saving(options, typed); !good) return propagate(good);
  if (options.output.empty()) return options;
  // Before the program runs: an hour's recording must not end with "permission denied".
  if (Result<void> good = check_writable(options.output); !good) {
    return propagate(good, "-o");
  }
  return options;
}

void print_report(const Options& options, const Evidence& evidence, std::string_view subject) {
  // The program's own output stays what it is: our table goes where strace's does. Without a
  // command stdout is free, unless the evidence goes there.
  const bool launched = !options.repeat.record.command.empty();
  std::FILE* to = launched || options.output == "-" ? stderr : stdout;
  if (options.json) {
    say(to, "{}", write_evidence(evidence));
    return;
  }
  const bool timed = options.repeat.record.detail <= RecordDetail::kTime;
  say(to, "{}", call_table(evidence, options.sort_by, subject, timed));
  if (options.repeat.record.stacks) say(to, "{}\n", code_paths(evidence));
  if (options.args) say(to, "{}", argument_table(evidence));
  if (options.repeat.record.host || !options.repeat.record.cgroups.empty()) {
    say(to, "{}", executable_table(evidence));
  }
  say(to, "{}", call_notes(evidence));
  if (!options.output.empty() && options.output != "-") {
    say(to, "saved to {0}; `sysnare profile {0} -o PROFILE.json` makes a profile of it\n",
        shell_words({options.output}));
  }
  say(to, "{}", call_total(evidence));
}

}  // namespace

int verb_trace(const Words& words) {
  CLI::App app(
      "Run a command, or watch what runs already, and print which system calls are made: the table "
      "of `strace -c -w -f`, with threads and children. The command's own output is left alone; "
      "the table goes to standard error, without a command to standard output.",
      std::string(kName));
  Options options;
  Typed typed;
  bool follow = false;
  app.add_option("-p,--attach", typed.subject.pids,
                 "attach to this process and all its threads, until it ends or Ctrl-C; may be "
                 "repeated, or a list with commas")
      ->type_name("PID")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--cgroup", typed.subject.cgroups,
                 "record what runs in the cgroup of this directory and below, now and later, until "
                 "nothing does or Ctrl-C; may be repeated")
      ->type_name("DIR")
      ->allow_extra_args(false);
  app.add_option("--unit", typed.subject.units,
                 "record a systemd unit: the cgroup of that name; may be repeated")
      ->type_name("NAME")
      ->allow_extra_args(false);
  app.add_flag("--host", typed.subject.host,
               "record every process of this machine but sysnare, until Ctrl-C");
  add_container_options(app, typed.subject.container);
  app.add_option("-o,--output", options.output, "save the evidence, for `sysnare profile`")
      ->type_name("FILE");
  app.add_option("-S,--sort-by", typed.sort_by,
                 "order of the rows: time (default), min-time, max-time, avg-time, calls, errors, "
                 "name or none, and strace's other words for them")
      ->type_name("KEY");
  app.add_flag("--json", options.json, "the evidence as one JSON document in place of the table");
  app.add_option("--runs", typed.runs, "run the command N times and add up (default: 1)")
      ->type_name("N");
  app.add_option("--until-saturated", typed.until_saturated,
                 "stop as soon as K runs in a row showed no new call; --runs is then the most "
                 "(default: 1000)")
      ->type_name("K");
  app.add_option("--save-every", typed.save_every,
                 "save the evidence so far to the file of -o every so many seconds (default: 60; "
                 "0: only at the end)")
      ->type_name("SECONDS");
  app.add_flag("--stacks", options.repeat.record.stacks, "the code paths that made each call");
  app.add_flag("--sites", options.repeat.record.sites,
               "keep the calling instruction of each call in the evidence");
  app.add_flag("--args", options.args,
               "the values of arguments that say what a call is: flags, commands, families");
  CLI::Option* no_follow =
      app.add_flag("--no-follow", typed.no_follow, "the process alone, not its children");
  app.add_flag("-f,--follow", follow, "children too; this is the default")->excludes(no_follow);
  CLI::Option* counts =
      app.add_flag("--counts", typed.counts, "counts alone, no errors and no time: the cheapest");
  CLI::Option* no_time =
      app.add_flag("--no-time", typed.no_time, "counts and errors, no time")->excludes(counts);
  app.add_flag("--exact-time", typed.exact_time,
               "read the clock for each call, where short calls are sampled by default (eBPF)")
      ->excludes(counts)
      ->excludes(no_time);
  app.add_option("--ready-after", typed.ready_after,
                 "the program's steady phase begins this long after its start (default: at its "
                 "first accept, or wait for events after a listen)")
      ->type_name("SECONDS");
  app.add_option("--ready-when", typed.ready_when,
                 "the steady phase begins when a line of the program's output contains TEXT")
      ->type_name("TEXT");
  app.add_option("--recorder", typed.recorder,
                 "what watches: ebpf, ptrace or auto (default: eBPF where it can)")
      ->type_name("NAME");
  app.footer(
      "examples:\n"
      "  sysnare trace ls -l\n"
      "  sysnare trace --runs 20 -o hello.evidence.json -- ./helloworld\n"
      "  sysnare trace -p 1234\n"
      "  sysnare trace --unit nginx -o nginx.evidence.json\n"
      "  sysnare trace --container web -o web.evidence.json\n"
      "  sysnare trace --runtime docker -o web.evidence.json -- run --rm IMAGE\n"
      "\n"
      "exit status: the command's own, 128+N when signal N killed it, 125 when sysnare\n"
      "failed, 126 when the command cannot be executed, 127 when there is none; without\n"
      "a command 0 at the end or after Ctrl-C.");
  const Parsed parsed = parse(app, words, kLaunchFailed, true);
  if (parsed.leave) return parsed.status;
  Result<Options> good = checked(std::move(options), typed, parsed.command);
  if (!good) {
    complain(kName, good.error());
    return kLaunchFailed;
  }
  options = std::move(*good);
  options.repeat.progress = progress_lines(std::string(kName));
  RecordOptions& record = options.repeat.record;
  Result<TracedContainer> container =
      TracedContainer::prepare(typed.subject.container, parsed.command, record);
  if (!container) {
    complain(kName, container.error());
    return kLaunchFailed;
  }
  const std::string subject =
      container->subject().empty() ? subject_of(record) : container->subject();
  record.on_armed = [&] {
    container->begin();
    if (subject.empty() || ::isatty(STDERR_FILENO) != 1) return;
    say(stderr, "sysnare {}: {} {}; Ctrl-C ends it\n", kName,
        record.attach.empty() ? "recording" : "attached to", printable(subject));
  };

  if (options.repeat.save) {
    options.repeat.save = [&container, save = options.repeat.save](const Evidence& so_far) {
      Evidence named = so_far;
      container->name_in(named);
      save(named);
    };
  }

  Result<Repeated> repeated = repeat_recording(options.repeat);
  if (!repeated) {
    complain(kName, repeated.error());
    return kLaunchFailed;
  }
  Recording& last = repeated->last;
  if (!last.exec_error.empty()) {
    complain(kName, last.exec_error);
    return last.exit_code_of_failure;
  }
  container->complete(last.evidence);
  if (!options.output.empty()) {
    if (Result<void> saved = write_file_atomic(options.output, write_evidence(last.evidence));
        !saved) {
      complain(kName, saved.error());
      return kLaunchFailed;
    }
  }
  tell_ends(kName, *repeated, options.repeat, false);
  if (options.repeat.record.sites && options.output.empty() && !options.json) {
    complain(kName, "--sites are kept in the evidence; add -o FILE or --json to see them");
  }
  print_report(options, last.evidence,
               container->subject().empty() ? subject : container->subject());
  return options.repeat.record.command.empty() ? kOk : shell_status(last.wait_status);
}

}  // namespace sysnare::cli
