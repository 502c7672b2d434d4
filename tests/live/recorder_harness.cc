#include "recorder_harness.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>

#include "arch/syscalls.h"
#include "harness.h"
#include "processes.h"

namespace sysnare::live {
namespace {

std::string new_file() {
  char name[] = "/tmp/sysnare-live-XXXXXX";
  const int fd = ::mkstemp(name);
  if (fd < 0) throw std::runtime_error("mkstemp failed");
  ::close(fd);
  return name;
}

/// Runs in the forked process.
[[noreturn]] void run_recorder(Recorder recorder, RecordOptions options,
                               const std::string& evidence_file, const std::string& outcome_file,
                               const std::string& armed_file) {
  options.on_armed = [&] { std::ofstream(armed_file) << "armed"; };
  const Result<Recording> result = recorder(options);
  std::ofstream outcome(outcome_file);
  if (!result) {
    outcome << "error\n" << result.error().message << '\n';
  } else {
    outcome << "ok\n"
            << result->wait_status << ' ' << result->detached << ' ' << result->exit_code_of_failure
            << '\n'
            << result->exec_error << '\n';
    std::ofstream(evidence_file) << write_evidence(result->evidence);
  }
  outcome.close();
  ::_exit(0);
}

Outcome run_strace(const std::vector<std::string>& words) {
  Outcome outcome;
  for (int i = 0; i < kMostEarly; ++i) {
    outcome = run(words);
    if (outcome.status != kTooEarly) break;
  }
  return outcome;
}

}  // namespace

RecorderProcess::RecorderProcess(Recorder recorder, const RecordOptions& options)
    : out_file_(new_file()),
      evidence_file_(new_file()),
      outcome_file_(new_file()),
      armed_file_(new_file()) {
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("fork failed");
  if (pid_ == 0) {
    ::setpgid(0, 0);
    const int out = ::open(out_file_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(out, STDERR_FILENO);
    ::dup2(::open("/dev/null", O_RDONLY | O_CLOEXEC), STDIN_FILENO);
    run_recorder(recorder, options, evidence_file_, outcome_file_, armed_file_);
  }
  ::setpgid(pid_, pid_);
}

RecorderProcess::~RecorderProcess() {
  if (!reaped_) {
    ::kill(-pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  for (const auto& file : {out_file_, evidence_file_, outcome_file_, armed_file_})
    ::unlink(file.c_str());
}

bool RecorderProcess::armed() const { return slurp(armed_file_) == "armed"; }

std::string RecorderProcess::out_so_far() const { return slurp(out_file_); }

Recorded RecorderProcess::wait(std::chrono::seconds deadline) {
  Recorded recorded;
  recorded.timed_out = !eventually(
      [&] { return ::waitpid(pid_, &recorded.recorder_status, WNOHANG) == pid_; }, deadline);
  if (recorded.timed_out) {
    ::kill(-pid_, SIGKILL);
    ::waitpid(pid_, &recorded.recorder_status, 0);
  }
  reaped_ = true;
  recorded.out = out_so_far();
  std::ifstream outcome(outcome_file_);
  std::string line;
  std::getline(outcome, line);
  if (line == "error") std::getline(outcome, recorded.error);
  if (line != "ok") return recorded;
  outcome >> recorded.recording.wait_status >> recorded.recording.detached >>
      recorded.recording.exit_code_of_failure;
  std::getline(outcome, line);
  std::getline(outcome, recorded.recording.exec_error);
  Result<Evidence> evidence = load_evidence(evidence_file_);
  if (evidence) {
    recorded.recording.evidence = std::move(*evidence);
  } else {
    recorded.error = evidence.error().message;
  }
  return recorded;
}

RecorderTurn::RecorderTurn(const RecorderProcess& recorder) : pid_(recorder.pid()) {
  static_cast<void>(eventually([&] { return state_of(pid_) == 'S'; }));
  before_ = context_switches(pid_);
}

bool RecorderTurn::is_over() const {
  return eventually([&] { return context_switches(pid_) > before_; });
}

Recorded record(Recorder recorder, const RecordOptions& options) {
  return RecorderProcess(recorder, options).wait();
}

Recorded record(Recorder recorder, const std::vector<std::string>& command) {
  RecordOptions options;
  options.command = command;
  return record(recorder, options);
}

Tallies tallies_of(const Evidence& evidence) {
  Tallies tallies;
  for (const CallEvidence& call : evidence.calls) {
    Tally& tally = tallies[call_label(call.call)];
    tally.count += call.count;
    for (const auto& [name, count] : call.errors) tally.errors[name] += count;
  }
  return tallies;
}

Tallies strace_log(const std::vector<std::string>& command) {
  const std::string log = new_file();
  std::vector<std::string> words = {"strace", "-f", "-qq", "-o", log};
  words.insert(words.end(), command.begin(), command.end());
  const Outcome outcome = run_strace(words);
  Tallies tallies;
  std::istringstream lines(slurp(log));
  ::unlink(log.c_str());
  if (outcome.timed_out) throw std::runtime_error("strace hangs");
  static const std::regex resumed(R"(^<\.\.\. (\S+) resumed>)");
  static const std::regex failed(R"(^(?:-1|\?) (?:(E[A-Z0-9_]+)|\(errno (\d+)\)))");
  for (std::string line; std::getline(lines, line);) {
    line.erase(0, line.find_first_not_of(' ', line.find(' ')));  // the thread's number
    if (line.starts_with("---") || line.starts_with("+++") || line.starts_with("[")) continue;
    std::smatch match;
    std::string name;
    if (std::regex_search(line, match, resumed)) {
      name = match[1];
    } else {
      name = line.substr(0, line.find('('));
      ++tallies[name].count;
    }
    const std::size_t equals = line.rfind(" = ");
    if (line.find("<unfinished ...>") != std::string::npos || equals == std::string::npos) continue;
    const std::string result = line.substr(equals + 3);
    if (!std::regex_search(result, match, failed)) continue;
    ++tallies[name].errors[match[1].matched ? match[1].str() : "errno_" + match[2].str()];
  }
  return tallies;
}

Tallies strace_table(const std::vector<std::string>& command) {
  const std::string file = new_file();
  std::vector<std::string> words = {"strace", "-c", "-f", "-o", file};
  words.insert(words.end(), command.begin(), command.end());
  const Outcome outcome = run_strace(words);
  Tallies tallies;
  std::istringstream lines(slurp(file));
  ::unlink(file.c_str());
  if (outcome.timed_out) throw std::runtime_error("strace hangs");
  // % time, seconds, usecs/call, calls, errors (may be blank), name
  static const std::regex row(R"(^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:(\d+)\s+)?([a-z]\w*)\s*$)");
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (!std::regex_match(line, match, row) || match[3] == "total") continue;
    Tally& tally = tallies[match[3]];
    tally.count += std::stoull(match[1]);
    if (match[2].matched) tally.errors[""] += std::stoull(match[2]);
  }
  return tallies;
}

std::string differences(const Tallies& ours, const Tallies& theirs) {
  std::set<std::string> names;
  for (const auto& [name, tally] : ours) names.insert(name);
  for (const auto& [name, tally] : theirs) names.insert(name);
  std::ostringstream text;
  const auto show = [&](const Tallies& tallies, const std::string& name) {
    const auto found = tallies.find(name);
    if (found == tallies.end()) {
      text << "none";
      return;
    }
    text << found->second.count;
    for (const auto& [error, count] : found->second.errors) text << ' ' << error << ':' << count;
  };
  for (const std::string& name : names) {
    const auto a = ours.find(name);
    const auto b = theirs.find(name);
    if (a != ours.end() && b != theirs.end() && a->second == b->second) continue;
    text << name << ": ours ";
    show(ours, name);
    text << ", theirs ";
    show(theirs, name);
    text << '\n';
  }
  return text.str();
}

}  // namespace sysnare::live
