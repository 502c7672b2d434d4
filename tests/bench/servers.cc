#include "servers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/file.h"
#include "base/text.h"

namespace sysnare::bench {
namespace {

constexpr std::chrono::seconds kStartDeadline{10};
constexpr std::chrono::seconds kEndDeadline{10};
constexpr std::chrono::seconds kLoadDeadline{120};
constexpr int kFileBytes = 612;  ///< as nginx's own welcome page
constexpr int kLookAgainUs = 5000;

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// A port that nobody has at this moment.
Result<int> free_port() {
  const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return fail_errno(errno, "no free port on the loopback");
  }
  return ntohs(address.sin_port);
}

bool answers(int port) {
  const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = loopback(port);
  return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

/// Nanoseconds on a processor, of all threads so far: the first field of schedstat.
std::uint64_t cpu_ns(pid_t pid) {
  std::uint64_t sum = 0;
  std::error_code error;
  for (const auto& thread :
       std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid), error)) {
    std::uint64_t ns = 0;
    std::ifstream(thread.path() / "schedstat") >> ns;
    sum += ns;
  }
  return sum;
}

bool read_double(std::string_view text, double& value) {
  return std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc();
}

class Nginx : public Server {
 public:
  using Server::Server;

 protected:
  Result<std::vector<std::string>> command(int port) override {
    const std::string configuration = folder_ + "/nginx.conf";
    // Every path that has a default outside the folder is named.
    std::string text = fmt::format(
        "daemon off;\n{}worker_processes 1;\npid {}/nginx.pid;\nerror_log {}/error.log;\n"
        "events {{ worker_connections 256; }}\n"
        "http {{\n  access_log off;\n  keepalive_requests 100000000;\n",
        ::getuid() == 0 ? "user root;\n" : "", folder_, folder_);
    for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
      text += fmt::format("  {}_temp_path {}/{};\n", kind, folder_, kind);
    }
    text += fmt::format("  server {{ listen 127.0.0.1:{}; root {}/www; }}\n}}\n", port, folder_);
    std::error_code error;
    std::filesystem::create_directories(folder_ + "/www", error);
    Result<void> written = write_file_atomic(configuration, text);
    if (written) {
      written = write_file_atomic(folder_ + "/www/small", std::string(kFileBytes, 'x'));
    }
    if (!written) return propagate(written);
    return std::vector<std::string>{
        "nginx", "-p", folder_, "-c", configuration, "-e", folder_ + "/error.log"};
  }

  Result<pid_t> find_worker(pid_t started) override {
    pid_t child = 0;
    std::ifstream(fmt::format("/proc/{}/task/{}/children", started, started)) >> child;
    if (child <= 0) return fail(Errc::kNotFound, "nginx has no worker");
    return child;
  }

  [[nodiscard]] std::vector<std::string> load_command(int port, bool slow) const override {
    return {"wrk", "-t1", "-c16", slow ? "-d1s" : "-d2s",
            fmt::format("http://127.0.0.1:{}/small", port)};
  }

  bool read_load(const std::string& text, [[maybe_unused]] bool slow, Load& load) override {
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
      const std::vector<std::string> words = words_of(line);
      if (line.find("Non-2xx") != std::string::npos) return false;
      if (words.size() == 2 && words[0] == "Requests/sec:") read_double(words[1], load.per_second);
      if (words.size() > 2 && words[1] == "requests" && words[2] == "in") {
        load.requests = parse_u64(words[0]).value_or(0);
      }
    }
    return load.per_second > 0 && load.requests > 0;
  }
};

class Redis : public Server {
 public:
  using Server::Server;

 protected:
  Result<std::vector<std::string>> command(int port) override {
    return std::vector<std::string>{
        "redis-server", "--port", std::to_string(port), "--bind", "127.0.0.1", "--save", "",
        "--appendonly", "no",     "--daemonize",        "no",     "--dir",     folder_};
  }

  Result<pid_t> find_worker(pid_t started) override { return started; }

  [[nodiscard]] std::vector<std::string> load_command(int port, bool slow) const override {
    return {"redis-benchmark",
            "-h",
            "127.0.0.1",
            "-p",
            std::to_string(port),
            "-t",
            "set",
            "-c",
            "20",
            "-n",
            std::to_string(count(slow)),
            "--csv"};
  }

  bool read_load(const std::string& text, bool slow, Load& load) override {
    // "SET","140056.02",…
    const std::size_t at = text.find("\"SET\",\"");
    if (at == std::string::npos) return false;
    load.requests = count(slow);
    if (!read_double(std::string_view(text).substr(at + 7), load.per_second)) return false;
    if (!slow) per_second_ = load.per_second;
    return load.per_second > 0;
  }

 private:
  /// redis-benchmark ends after so many requests, not after a time.
  [[nodiscard]] std::uint64_t count(bool slow) const {
    return static_cast<std::uint64_t>(per_second_ * (slow ? kSlowSeconds : kFastSeconds));
  }

  static constexpr double kFastSeconds = 1.5;
  static constexpr double kSlowSeconds = 0.25;
  double per_second_ = 20'000;  ///< of the last fast load; first a guess from below
};

}  // namespace

Places places_here() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  Places places;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) < 2) {
    return places;
  }
  for (int cpu = 0; cpu < CPU_SETSIZE && !places.load; ++cpu) {
    if (!CPU_ISSET(static_cast<std::size_t>(cpu), &allowed)) continue;
    (places.server ? places.load : places.server) = cpu;
  }
  return places;
}

Result<void> Server::start() {
  Result<int> port = free_port();
  if (!port) return propagate(port);
  port_ = *port;
  Result<std::vector<std::string>> argv = command(port_);
  if (!argv) return propagate(argv);
  server_ = std::make_unique<Background>(*argv, places_.server);
  const auto deadline = std::chrono::steady_clock::now() + kStartDeadline;
  while (!answers(port_)) {
    if (server_->has_ended()) {
      const Ran ran = server_->wait({});
      return fail(ran.status == 127 ? Errc::kNotFound : Errc::kSystem, "{}: {}", argv->front(),
                  failure_of(ran));
    }
    if (std::chrono::steady_clock::now() > deadline) {
      return fail(Errc::kSystem, "{} does not answer within {} s", argv->front(),
                  kStartDeadline.count());
    }
    ::usleep(kLookAgainUs);
  }
  // nginx's master listens before its worker runs.
  Result<pid_t> found = find_worker(server_->pid());
  while (!found && std::chrono::steady_clock::now() < deadline) {
    ::usleep(kLookAgainUs);
    found = find_worker(server_->pid());
  }
  if (!found) return propagate(found);
  worker_ = *found;
  return {};
}

Result<Load> Server::load(bool slow) {
  const std::vector<std::string> argv = load_command(port_, slow);
  const std::uint64_t before = cpu_ns(worker_);
  const Ran ran = run_command(argv, kLoadDeadline, places_.load);
  const std::uint64_t after = cpu_ns(worker_);
  if (ran.timed_out || ran.status != 0) {
    return fail(Errc::kSystem, "{}: {}", argv.front(), failure_of(ran));
  }
  Load load;
  if (!read_load(ran.out, slow, load)) {
    return fail(Errc::kBadInput, "{}: its answer has no figure: {}", argv.front(),
                first_line(ran.out + ran.err));
  }
  load.cpu_us = static_cast<double>(after - before) / 1e3 / static_cast<double>(load.requests);
  return load;
}

void Server::stop() {
  if (!server_) return;
  server_->signal(SIGTERM);
  server_->wait(kEndDeadline);
  server_.reset();
}

std::unique_ptr<Server> make_nginx(const std::string& folder, Places places) {
  return std::make_unique<Nginx>(folder, places);
}

std::unique_ptr<Server> make_redis(const std::string& folder, Places places) {
  return std::make_unique<Redis>(folder, places);
}

}  // namespace sysnare::bench
