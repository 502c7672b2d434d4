// What does a server under load lose while its calls are recorded?
//
// In every round each server is started anew, and loaded with nothing around it, then once under
// each tool, which is attached to its worker for that time; so a loss is between runs of one
// process a few seconds apart. The median over the rounds counts. Of our tools the table must have
// the calls of every request, and nothing lost, or there is no figure.

#include <fmt/core.h>
#include <signal.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "base/text.h"
#include "servers.h"
#include "table.h"

namespace sysnare::bench {
namespace {

constexpr int kDefaultRounds = 5;
constexpr int kMaxRounds = 1000;
constexpr double kTargetLossPercent = 5;
constexpr std::chrono::seconds kArmDeadline{20};
constexpr std::chrono::seconds kEndDeadline{60};
constexpr int kLookAgainUs = 10'000;
/// Entry and return; a recording has more, and attaches them all before it waits.
constexpr int kLeastLinks = 2;
/// A server reads and writes once a request.
constexpr std::uint64_t kLeastCallsARequest = 2;

enum class Kind { kBare, kFloor, kEbpf, kPtrace, kPerf };

struct Tool {
  const char* name;
  Kind kind;
  std::vector<std::string> argv;  ///< the pid follows
  bool ours;
};

std::vector<Tool> tools_of(const std::string& sysnare, const std::string& empty) {
  const auto trace = [&](const char* recorder, const char* detail) {
    std::vector<std::string> words = {sysnare, "trace", "--recorder", recorder};
    if (*detail != '\0') words.emplace_back(detail);
    words.emplace_back("-p");
    return words;
  };
  return {{"bare", Kind::kBare, {}, true},
          {"empty eBPF, entry and return", Kind::kFloor, {empty, "pair"}, false},
          {"sysnare trace --counts", Kind::kEbpf, trace("ebpf", "--counts"), true},
          {"sysnare trace --no-time", Kind::kEbpf, trace("ebpf", "--no-time"), true},
          {"sysnare trace", Kind::kEbpf, trace("ebpf", ""), true},
          {"sysnare trace by ptrace", Kind::kPtrace, trace("ptrace", ""), true},
          {"strace -c -f", Kind::kPtrace, {"strace", "-c", "-f", "-p"}, false},
          {"perf trace -s", Kind::kPerf, {"perf", "trace", "-s", "-p"}, false}};
}

struct Measured {
  std::vector<double> per_second;  ///< one a round; bare two
  std::vector<double> loss;        ///< percent, against bare in the same round
  std::vector<double> cpu_us;      ///< a request
  std::string failure;
};

std::string text_of(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// How many descriptors of `pid` are links of eBPF programs, or events of perf.
int descriptors(pid_t pid, Kind kind) {
  int found = 0;
  std::error_code error;
  const bool links = kind != Kind::kPerf;
  const char* folder = links ? "fdinfo" : "fd";
  for (const auto& entry :
       std::filesystem::directory_iterator(fmt::format("/proc/{}/{}", pid, folder), error)) {
    if (links) {
      found += text_of(entry.path()).find("link_type:") != std::string::npos ? 1 : 0;
    } else {
      const auto target = std::filesystem::read_symlink(entry.path(), error);
      found += target == "anon_inode:[perf_event]" ? 1 : 0;
    }
  }
  return found;
}

bool is_traced(pid_t pid) {
  const std::string status = text_of(fmt::format("/proc/{}/status", pid));
  const std::size_t at = status.find("TracerPid:\t");
  return at != std::string::npos && status[at + 11] != '0';
}

bool sleeps(pid_t pid) {
  return text_of(fmt::format("/proc/{}/status", pid)).find("State:\tS") != std::string::npos;
}

/// Waits until `tracer` is at work: it has what it watches with, and waits for something to happen.
bool wait_armed(Background& tracer, Kind kind, pid_t worker) {
  const auto deadline = std::chrono::steady_clock::now() + kArmDeadline;
  int before = 0;
  while (std::chrono::steady_clock::now() < deadline && !tracer.has_ended()) {
    ::usleep(kLookAgainUs);
    if (kind == Kind::kPtrace) {
      if (is_traced(worker)) return true;
      continue;
    }
    const int now = descriptors(tracer.pid(), kind);
    if (now >= (kind == Kind::kPerf ? 1 : kLeastLinks) && now == before && sleeps(tracer.pid())) {
      return true;
    }
    before = now;
  }
  return false;
}

/// Why our table cannot be right, or nothing: "N calls observed, K lost".
std::string doubt(const std::string& table, std::uint64_t requests) {
  std::istringstream in(table);
  for (std::string line; std::getline(in, line);) {
    std::erase(line, ',');
    const std::vector<std::string> words = words_of(line);
    if (words.size() < 5 || words[2] != "observed" || !words[4].starts_with("lost")) continue;
    if (words[3] != "0") return words[3] + " calls lost";
    if (parse_u64(words[0]).value_or(0) >= kLeastCallsARequest * requests) return {};
    return fmt::format("{} calls observed of {} requests", words[0], requests);
  }
  return "its table says no \"calls observed\": " + first_line(table);
}

void measure(Server& server, const Tool& tool, Measured& measured) {
  std::unique_ptr<Background> tracer;
  if (tool.kind != Kind::kBare) {
    std::vector<std::string> argv = tool.argv;
    // The empty programs meet everybody.
    if (tool.kind != Kind::kFloor) argv.push_back(std::to_string(server.worker()));
    tracer = std::make_unique<Background>(argv);
    if (!wait_armed(*tracer, tool.kind, server.worker())) {
      measured.failure = failure_of(tracer->wait({}));
      return;
    }
  }
  const Result<Load> load = server.load(tool.kind == Kind::kPtrace || tool.kind == Kind::kPerf);
  if (tracer) {
    tracer->signal(SIGINT);
    const Ran ran = tracer->wait(kEndDeadline);
    if (ran.timed_out) measured.failure = "it did not end after Ctrl-C";
    if (load && tool.ours && measured.failure.empty()) {
      measured.failure = doubt(ran.out + ran.err, load->requests);
    }
  }
  if (!load) measured.failure = load.error().message;
  if (!measured.failure.empty()) return;
  measured.per_second.push_back(load->per_second);
  measured.cpu_us.push_back(load->cpu_us);
}

/// Bare comes first and once more in the midst: what differs between these two is not the tools'.
void measure_round(Server& server, const std::vector<Tool>& tools, std::vector<Measured>& all) {
  Measured& bare = all[0];
  for (std::size_t i = 0; i < tools.size(); ++i) {
    if (all[i].failure.empty()) measure(server, tools[i], all[i]);
    if (i == tools.size() / 2 && bare.failure.empty()) measure(server, tools[0], bare);
    if (!bare.failure.empty()) return;
  }
  const double first = bare.per_second[bare.per_second.size() - 2];
  const double second = bare.per_second.back();
  const double mean = (first + second) / 2;
  bare.loss.push_back(100 * std::abs(first - second) / mean);
  for (std::size_t i = 1; i < all.size(); ++i) {
    if (all[i].failure.empty()) all[i].loss.push_back(100 * (1 - all[i].per_second.back() / mean));
  }
}

void print_rows(const std::vector<Tool>& tools, const std::vector<Measured>& all) {
  for (std::size_t i = 0; i < tools.size(); ++i) {
    const Measured& m = all[i];
    if (!m.failure.empty()) {
      fmt::print("  {:<30}  no figure: {}\n", tools[i].name, m.failure);
      continue;
    }
    const double loss = median(m.loss);
    fmt::print("  {:<30}{:>12}{:>12}{:>14.2f}", tools[i].name, figure(median(m.per_second)),
               i == 0 ? "-" : fmt::format("{:.1f} %", loss), median(m.cpu_us));
    if (i == 0) fmt::print("   (two runs of a round differ by {:.1f} %)", loss);
    if (tools[i].kind == Kind::kEbpf) {
      fmt::print("   at most {:.0f} %  {}", kTargetLossPercent,
                 median(all[0].loss) > kTargetLossPercent ? "undecided"
                                                          : verdict(loss <= kTargetLossPercent));
    }
    fmt::print("\n");
  }
}

using Make = std::unique_ptr<Server> (*)(const std::string&, Places);

/// Whether all of ours have a figure; a server that is not installed is no finding.
bool run_server(const char* title, Make make, const std::string& folder,
                const std::vector<Tool>& tools, int rounds) {
  std::vector<Measured> all(tools.size());
  fmt::print("{}\n", title);
  for (int round = 0; round < rounds; ++round) {
    show_progress(fmt::format("{}: round {} of {}", title, round + 1, rounds));
    const std::unique_ptr<Server> server = make(folder, places_here());
    if (const Result<void> started = server->start(); !started) {
      show_progress("");
      fmt::print("  no figure: {}\n", started.error().message);
      return started.error().code == Errc::kNotFound;
    }
    if (round == 0) (void)server->load(false);  // files and memory are where they will be
    measure_round(*server, tools, all);
    server->stop();
    if (!all[0].failure.empty()) break;
  }
  show_progress("");
  if (!all[0].failure.empty()) {
    fmt::print("  no figure: {}\n", all[0].failure);
    return all[0].failure.ends_with("not installed");
  }
  print_rows(tools, all);
  for (std::size_t i = 0; i < tools.size(); ++i) {
    if (tools[i].ours && !all[i].failure.empty()) return false;
  }
  return true;
}

constexpr const char* kUsage =
    "usage: servers_bench --sysnare PROGRAM --empty PROGRAM --work FOLDER [--rounds N]\n"
    "FOLDER: an absolute path; is filled, and left so\n";

int run_bench(const std::vector<std::string>& words) {
  std::map<std::string, std::string> options{{"--rounds", std::to_string(kDefaultRounds)}};
  for (std::size_t i = 0; i + 1 < words.size(); i += 2) options[words[i]] = words[i + 1];
  const auto rounds = parse_u64(options["--rounds"]);
  if (words.size() % 2 != 0 || options.size() != 4 || !rounds || *rounds < 1 ||
      *rounds > kMaxRounds || options["--sysnare"].empty() || !options["--work"].starts_with('/')) {
    fmt::print(stderr, "{}", kUsage);
    return 2;
  }
  const std::vector<Tool> tools = tools_of(options["--sysnare"], options["--empty"]);
  fmt::print("A server under load while its calls are recorded, medians of {} rounds\n{}\n\n",
             *rounds, machine_line());
  fmt::print("  {:<30}{:>12}{:>14}{:>12}   {}\n", "", "requests/s", "loss", "CPU us each",
             "target");
  bool good = true;
  const int n = static_cast<int>(*rounds);
  for (const auto& [title, make] : {std::pair<const char*, Make>{"nginx, one worker", make_nginx},
                                    {"redis, SET by 20 clients", make_redis}}) {
    const std::string folder = options["--work"] + "/" + std::string(title).substr(0, 5);
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    good = run_server(title, make, folder, tools, n) && good;
  }
  return good ? 0 : 1;
}

}  // namespace
}  // namespace sysnare::bench

int main(int argc, char** argv) {
  return sysnare::bench::run_bench(std::vector<std::string>(argv + 1, argv + argc));
}
