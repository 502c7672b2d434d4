// sysnare profile: from evidence, or straight from a command, to the profile that allows just that.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <utility>
#include <vector>

#include "arch/syscalls.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/print.h"
#include "cli/recording.h"
#include "cli/verb.h"
#include "container/runtime_calls.h"
#include "evidence/saturation.h"
#include "flow/formats.h"
#include "flow/profile_file.h"
#include "learn/learn.h"
#include "learn/why.h"

namespace sysnare::cli {
namespace {

constexpr std::string_view kName = "profile";
constexpr std::uint64_t kDefaultRuns = 20;
/// Of --runtime: no layers, whatever the evidence is of.
constexpr const char* kNoRuntime = "none";
/// MAX_ERRNO, include/linux/err.h: what a filter can return.
constexpr std::uint64_t kMaxErrno = 4095;

/// The options as they were typed.
struct Typed {
  std::vector<std::string> evidence;
  std::string output = "-";
  std::string evidence_output;
  std::string runs;
  std::string until_saturated;
  std::string default_action = "errno";
  std::string default_errno;
  std::string dialect = "docker";
  std::string recorder = "auto";
  std::string ready_after;
  std::string ready_when;
  std::vector<std::string> runtimes;
  bool runtime_privileges = false;
  bool accept_loss = false;
  bool lossy = false;
};

struct Request {
  LearnOptions learn;
  std::vector<Layer> layers;
  std::vector<std::string> notes;  ///< before those of what was learned
  /// Empty: another program's format, `format`.
  std::optional<Dialect> dialect = Dialect::kDocker;
  std::string format;
  RepeatOptions repeat;  ///< without a command: nothing to record
};

std::vector<std::string_view> format_names() {
  std::vector<std::string_view> names;
  for (const ExportFormat& format : output_formats()) names.push_back(format.name);
  return names;
}

/// "kill-process" and "SCMP_ACT_KILL_PROCESS" alike.
Result<Action> action_of(std::string_view typed) {
  std::string name;
  for (char c : typed) {
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  if (!name.starts_with("SCMP_ACT_")) name = "SCMP_ACT_" + name;
  const std::optional<Action> action = action_by_name(name);
  // Of kAllow learn() says why not.
  if (action) return *action;
  return fail(Errc::kUsage,
              "--default-action: unknown action \"{}\"; allowed: errno, kill-process, kill-thread, "
              "kill, trap, log, trace, notify",
              printable(typed));
}

/// A number, or a name as "EPERM".
Result<std::uint32_t> errno_of(std::string_view typed) {
  if (const std::optional<int> number = errno_by_name(typed);
      number && static_cast<std::uint64_t>(*number) <= kMaxErrno) {
    return static_cast<std::uint32_t>(*number);
  }
  if (const auto number = parse_u64(typed); number && *number <= kMaxErrno) {
    return static_cast<std::uint32_t>(*number);
  }
  return fail(
      Errc::kUsage,
      "--default-errno: \"{}\" is not allowed, a name such as EPERM or a number from 0 to {} "
      "is",
      printable(typed), kMaxErrno);
}

Result<std::vector<Layer>> layers_of(const Typed& typed) {
  std::vector<Layer> layers;
  if (typed.runtimes == std::vector<std::string>{kNoRuntime}) return layers;
  for (const std::string& runtime : typed.runtimes) {
    Result<std::vector<RuntimeCalls>> calls = runtime_calls(runtime, !typed.runtime_privileges);
    if (!calls) return propagate(calls, "--runtime");
    for (RuntimeCalls& each : *calls) {
      const std::string name = "runtime: " + each.runtime;
      const bool known = std::any_of(layers.begin(), layers.end(),
                                     [&](const Layer& layer) { return layer.name == name; });
      if (!known) layers.push_back({name, std::move(each.reason), std::move(each.calls)});
    }
  }
  return layers;
}

/// Where the user names no runtime: those of the containers that the evidence is of. A note says
/// so.
Result<void> take_runtimes(const std::vector<Evidence>& evidence, Typed& typed, Request& request) {
  if (!typed.runtimes.empty()) return {};
  const std::vector<std::string_view>& known = runtime_names();
  for (const Evidence& each : evidence) {
    const std::string& runtime = each.workload.runtime;
    const bool new_one =
        std::find(typed.runtimes.begin(), typed.runtimes.end(), runtime) == typed.runtimes.end();
    if (new_one && std::find(known.begin(), known.end(), runtime) != known.end()) {
      typed.runtimes.push_back(runtime);
    }
  }
  if (typed.runtimes.empty()) return {};
  request.notes.push_back(
      fmt::format("recorded in a container: what {} itself calls is added, as by --runtime {}; "
                  "`--runtime none` leaves it out",
                  fmt::join(typed.runtimes, " and "), fmt::join(typed.runtimes, ",")));
  Result<std::vector<Layer>> layers = layers_of(typed);
  if (!layers) return propagate(layers);
  request.layers = std::move(*layers);
  return {};
}

Result<Request> checked(const Typed& typed, const Words& command) {
  Request request;
  if (typed.evidence.empty() && command.empty()) {
    return fail(
        Errc::kUsage,
        "no evidence file and no command; `sysnare profile -o FILE -- COMMAND` records one");
  }
  if (command.empty() &&
      (!typed.runs.empty() || !typed.until_saturated.empty() || !typed.evidence_output.empty())) {
    return fail(Errc::kUsage,
                "--runs, --until-saturated and --evidence are about a command; put it behind `--`");
  }
  Result<Action> action = action_of(typed.default_action);
  if (!action) return propagate(action);
  request.learn.default_action = *action;
  request.learn.accept_loss = typed.accept_loss;
  if (!typed.default_errno.empty()) {
    if (*action != Action::kErrno) {
      return fail(Errc::kUsage, "--default-errno goes with --default-action errno, not with {}",
                  action_name(*action));
    }
    Result<std::uint32_t> number = errno_of(typed.default_errno);
    if (!number) return propagate(number);
    request.learn.default_errno = *number;
  }
  request.dialect = dialect_by_name(typed.dialect);
  request.format = typed.dialect;
  if (!is_output_format(typed.dialect)) {
    const std::vector<std::string_view> names = format_names();
    return fail(Errc::kUsage, "--to: {}; allowed: {}", unknown_word("format", typed.dialect, names),
                fmt::join(names, ", "));
  }
  Result<std::vector<Layer>> layers = layers_of(typed);
  if (!layers) return propagate(layers);
  request.layers = std::move(*layers);
  request.repeat.record.command = command;
  if (Result<void> good =
          read_runs(typed.runs, typed.until_saturated, kDefaultRuns, request.repeat);
      !good) {
    return propagate(good);
  }
  if (typed.evidence_output.empty() && (!typed.ready_after.empty() || !typed.ready_when.empty())) {
    return fail(Errc::kUsage,
                "--ready-after and --ready-when are about the phases in the evidence; add "
                "--evidence FILE");
  }
  Result<ReadyOptions> ready = ready_options(typed.ready_after, typed.ready_when);
  if (!ready) return propagate(ready);
  request.repeat.record.ready = std::move(*ready);
  auto recorder = recorder_named(typed.recorder);
  if (!recorder) return propagate(recorder);
  request.repeat.recorder = std::move(*recorder);
  return request;
}

/// Refuses outputs that would replace the evidence that is read, or each other: evidence may be of
/// runs that nobody can repeat.
Result<void> check_outputs(const Typed& typed, bool side_file) {
  std::vector<std::pair<std::string_view, std::string>> outputs = {{"-o", typed.output}};
  if (side_file) outputs.emplace_back("the side file of -o", why_path(typed.output));
  if (!typed.evidence_output.empty()) outputs.emplace_back("--evidence", typed.evidence_output);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const auto& [option, path] = outputs[i];
    for (const std::string& input : typed.evidence) {
      if (!same_file_written(path, input)) continue;
      return fail(Errc::kUsage, "{}: {} is evidence that is read, and would be replaced", option,
                  printable(path));
    }
    for (std::size_t other = 0; other < i; ++other) {
      if (!same_file_written(path, outputs[other].second)) continue;
      return fail(Errc::kUsage, "{}: {} is the file of {} too, and one would replace the other",
                  option, printable(path), outputs[other].first);
    }
  }
  return {};
}

/// The command that uses the profile, for each place it was made for.
void tell_next(const Typed& typed, const std::vector<std::string>& command) {
  const std::string file = shell_words({typed.output});
  if (typed.runtimes.empty() || typed.runtimes.front() == kNoRuntime) {
    say(stderr, "next: sysnare run --profile {} -- {}\n", file,
        command.empty() ? "COMMAND" : shell_words(command));
    return;
  }
  const std::string privileges =
      typed.runtime_privileges ? "" : " --security-opt no-new-privileges";
  for (const std::string& runtime : typed.runtimes) {
    const std::size_t plus = runtime.find('+');  // "podman+crun"
    const std::string engine = runtime.substr(0, plus);
    if (engine == "firejail" || engine == "systemd") {
      say(stderr, "next: sysnare convert --to {} {}\n", engine, file);
    } else if (engine == "docker" || engine == "podman") {
      const std::string with =
          plus == std::string::npos ? "" : " --runtime " + runtime.substr(plus + 1);
      say(stderr, "next: {}{} run --security-opt seccomp={}{} IMAGE\n", engine, with, file,
          privileges);
    } else {
      say(stderr, "next: put {} into config.json as linux.seccomp, then {} run ID\n", file, engine);
    }
  }
}

/// What the profile came to, and what to do with it.
void tell(const Typed& typed, const Request& request, const Learned& learned) {
  std::size_t allowed = 0;
  std::size_t refused = 0;
  for (const Entry& entry : learned.profile.entries) {
    (entry.action == Action::kAllow ? allowed : refused) += entry.names.size();
  }
  std::string rest(action_name(learned.profile.default_action));
  if (learned.profile.default_errno_ret) {
    const std::string_view name = errno_name(static_cast<int>(*learned.profile.default_errno_ret));
    rest += name.empty() ? fmt::format(" {}", *learned.profile.default_errno_ret)
                         : fmt::format(" {}", name);
  }
  say(stderr, "{} allowed", plural(allowed, "call"));
  if (refused > 0) {
    say(stderr, ", {} get ENOSYS since libc then takes an older way", refused);
  }
  say(stderr, ", all others {}\n", rest);
  say(stderr, "{}\n", saturation_text(learned.merged));
  for (const std::string& note : request.notes) say(stderr, "note: {}\n", printable(note));
  for (const std::string& note : learned.notes) say(stderr, "note: {}\n", printable(note));
  if (!has_side_file(typed.output)) return;
  if (!request.dialect) {
    say(stderr, "wrote {}\n", shell_words({typed.output}));
    return;
  }
  say(stderr, "wrote {}, and why each call is in it to {}\n", shell_words({typed.output}),
      shell_words({why_path(typed.output)}));
  tell_next(typed, learned.merged.command);
}

/// An unusable file is 3, a request that makes no sense 2.
int status_of(const Error& error) {
  return error.code == Errc::kUsage ? kUsageError : kUnusableInput;
}

int failed(const Error& error) {
  complain(kName, error);
  return status_of(error);
}

/// Records the command and appends what was seen to `evidence`; a status other than kOk ends it
/// all.
int record_command(const Typed& typed, Request& request, std::vector<Evidence>& evidence) {
  request.repeat.progress = progress_lines(std::string(kName));
  request.repeat.record.tell_load = !typed.evidence_output.empty();  // a profile has no phases
  Result<Repeated> repeated = repeat_recording(request.repeat);
  if (!repeated) {
    complain(kName, repeated.error());
    return kLaunchFailed;
  }
  if (!repeated->last.exec_error.empty()) {
    complain(kName, repeated->last.exec_error);
    return repeated->last.exit_code_of_failure;
  }
  tell_ends(kName, *repeated, request.repeat, true);
  if (!typed.evidence_output.empty()) {
    if (Result<void> saved =
            write_file_atomic(typed.evidence_output, write_evidence(repeated->last.evidence));
        !saved) {
      return failed(saved.error());
    }
  }
  evidence.push_back(std::move(repeated->last.evidence));
  return kOk;
}

/// Another program's format: no side file, whose readers take the JSON alone.
int write_format(const Typed& typed, const Request& request, const Learned& learned) {
  // The texts name places of the profile by the entries of what was learned.
  Profile profile = learned.profile;
  if (profile.source.empty()) profile.source = "learned profile";
  const std::string name = typed.output == "-" ? std::string("profile.") : typed.output;
  Result<Exported> exported = export_as(profile, request.format, ResolveOptions{}, title_of(name));
  if (!exported) return failed(exported.error());
  if (!exported->losses.empty() && !typed.lossy) {
    return failed(lossy_error(request.format, exported->losses));
  }
  for (const std::string& loss : exported->losses) complain(kName, "warning: " + printable(loss));
  if (Result<void> done = write_file_atomic(typed.output, exported->text); !done) {
    return failed(done.error());
  }
  tell(typed, request, learned);
  return kOk;
}

}  // namespace

int verb_profile(const Words& words) {
  CLI::App app(
      "Turn evidence into the seccomp profile that allows just what was seen, in the JSON that "
      "Docker, Podman, runc, crun, containerd and Kubernetes read. With a command behind `--` the "
      "command is run and recorded first. Beside FILE stands FILE.why.json, which says why each "
      "call is in the profile.",
      std::string(kName));
  Typed typed;
  app.add_option("EVIDENCE", typed.evidence, "what `sysnare trace -o` saved; - is standard input");
  app.add_option("-o,--output", typed.output, "write the profile here (default: standard output)")
      ->type_name("FILE");
  app.add_option("--runs", typed.runs,
                 fmt::format("run the command N times (default: {})", kDefaultRuns))
      ->type_name("N");
  app.add_option("--until-saturated", typed.until_saturated,
                 "stop as soon as K runs in a row showed no new call; --runs is then the most "
                 "(default: 1000)")
      ->type_name("K");
  app.add_option("--evidence", typed.evidence_output, "also save what the command's runs showed")
      ->type_name("FILE");
  app.add_option("--ready-after", typed.ready_after,
                 "with --evidence: the command's steady phase begins this long after its start, as "
                 "in `sysnare trace`")
      ->type_name("SECONDS");
  app.add_option("--ready-when", typed.ready_when,
                 "with --evidence: it begins when a line of the command's output contains TEXT")
      ->type_name("TEXT");
  app.add_option(
         "--default-action", typed.default_action,
         "what all other calls get: errno (default), kill-process, kill-thread, kill, trap, "
         "log, trace or notify")
      ->type_name("ACTION");
  app.add_option("--default-errno", typed.default_errno,
                 "the errno of the default action, by name or number (default: EPERM)")
      ->type_name("ERRNO");
  app.add_option("--runtime", typed.runtimes,
                 fmt::format("add what this container runtime itself calls before the program "
                             "starts: {}, or none; may be repeated (default: that of the "
                             "container that was recorded)",
                             fmt::join(runtime_names(), ", ")))
      ->type_name("NAME")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_flag("--runtime-privileges", typed.runtime_privileges,
               "the container starts without no-new-privileges, where runtimes call more");
  app.add_option("--to", typed.dialect,
                 fmt::format("{} (default: docker, which OCI runtimes read too)",
                             fmt::join(format_names(), ", ")))
      ->type_name("FORMAT");
  app.add_flag("--lossy", typed.lossy,
               "with --to: write what the format can say, and list the rest as warnings");
  app.add_flag("--accept-loss", typed.accept_loss,
               "make a profile of a recording that lost calls, and say so in it");
  app.add_option("--recorder", typed.recorder,
                 "what watches the command: ebpf, ptrace or auto (default: eBPF where it can)")
      ->type_name("NAME");
  app.footer(
      "examples:\n"
      "  sysnare profile hello.evidence.json -o allow-helloworld.json\n"
      "  sysnare profile -o allow-helloworld.json --runs 50 -- ./helloworld\n"
      "  sysnare profile --runtime docker -o allow-docker.json hello.evidence.json\n"
      "\n"
      "exit status: 0 the profile is written, 2 usage error, 3 a file cannot be used or\n"
      "written; with a command also 125 sysnare failed, 126 the command cannot be\n"
      "executed, 127 there is none.");
  const Parsed parsed = parse_before_dashes(app, words, kUsageError);
  if (parsed.leave) return parsed.status;
  const Words& command = parsed.command;
  Result<Request> request = checked(typed, command);
  if (!request) return failed(request.error());
  const bool side_file = request->dialect && has_side_file(typed.output);
  if (Result<void> apart = check_outputs(typed, side_file); !apart) return failed(apart.error());

  // All that can fail without the command is tried before it runs.
  std::vector<Evidence> evidence;
  for (const std::string& path : typed.evidence) {
    Result<Evidence> one = load_evidence_file(path);
    if (!one) return failed(one.error());
    evidence.push_back(std::move(*one));
  }
  if (Result<void> good = check_profile_files(typed.output); !good) return failed(good.error());
  if (!typed.evidence_output.empty()) {
    if (Result<void> good = check_writable(typed.evidence_output); !good)
      return failed(good.error());
  }
  if (!command.empty()) {
    if (const int status = record_command(typed, *request, evidence); status != kOk) return status;
  }
  if (Result<void> taken = take_runtimes(evidence, typed, *request); !taken) {
    return failed(taken.error());
  }
  Result<Learned> learned = learn(evidence, request->layers, request->learn);
  if (!learned) return failed(learned.error());
  if (!request->dialect) return write_format(typed, *request, *learned);
  const ProfileTexts texts = profile_texts(*learned, evidence, *request->dialect);
  if (Result<void> written = write_profile_files(typed.output, texts); !written) {
    return failed(written.error());
  }
  tell(typed, *request, *learned);
  return kOk;
}

}  // namespace sysnare::cli
