#pragma once
// How are the servers of the bench started, loaded and ended? Each with a folder and a port of its
// own, and nothing of the machine's configuration.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "command.h"

namespace sysnare::bench {

/// Which processor each side has, so that they do not take each other's; none with one processor.
struct Places {
  std::optional<int> server;
  std::optional<int> load;
};
Places places_here();

struct Load {
  double per_second = 0;
  std::uint64_t requests = 0;
  double cpu_us = 0;  ///< of the server's processor time, a request
};

class Server {
 public:
  Server(std::string folder, Places places) : folder_(std::move(folder)), places_(places) {}
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  virtual ~Server() = default;

  /// Starts it, and waits until it answers.
  Result<void> start();
  /// The process that answers the requests.
  [[nodiscard]] pid_t worker() const { return worker_; }
  /// Asks as fast as it goes, for 1 to 2 s. `slow`: a tracer takes most of what it can do.
  Result<Load> load(bool slow);
  void stop();

 protected:
  /// Writes what it needs into `folder_`; the command that runs the server on `port`.
  virtual Result<std::vector<std::string>> command(int port) = 0;
  virtual Result<pid_t> find_worker(pid_t started) = 0;
  [[nodiscard]] virtual std::vector<std::string> load_command(int port, bool slow) const = 0;
  /// Sets per_second and requests from what the load generator wrote.
  [[nodiscard]] virtual bool read_load(const std::string& text, bool slow, Load& load) = 0;

  std::string folder_;

 private:
  Places places_;
  int port_ = 0;
  pid_t worker_ = -1;
  std::unique_ptr<Background> server_;
};

/// One worker, a file of 612 bytes, no log of requests; wrk with 16 connections.
std::unique_ptr<Server> make_nginx(const std::string& folder, Places places);
/// SET by 20 clients, nothing saved to disk.
std::unique_ptr<Server> make_redis(const std::string& folder, Places places);

}  // namespace sysnare::bench
