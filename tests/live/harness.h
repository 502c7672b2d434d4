#pragma once
// How do live tests run sysnare and real programs? Through run(), in a folder of their own.
//
// Environment: SYSNARE_BIN is the program under test, SYSNARE_VICTIMS the folder of the victims;
// ctest sets both. `./run test` runs the suites labelled `unprivileged` a second time as uid 65534.

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace sysnare::live {

struct Outcome {
  int status = -1;  ///< exit status as a shell gives it (128 + signal)
  std::string out;  ///< standard output
  std::string err;  ///< standard error
  bool timed_out = false;
};

/// What only a hang meets: the sanitizers make fifty runs of a program take a minute on a busy
/// machine.
inline constexpr std::chrono::seconds kDeadline{180};
/// The same for a condition that is waited for.
inline constexpr std::chrono::seconds kPatience{60};

struct RunOptions {
  std::string cwd;                           ///< default: the test's folder
  std::string input;                         ///< standard input
  std::vector<std::string> environment;      ///< "NAME=value", added to ours
  std::chrono::seconds deadline{kDeadline};  ///< then SIGKILL to its process group
};

/// Runs `argv` (looked up in PATH) and waits for it. Its process group is killed at the deadline.
Outcome run(const std::vector<std::string>& argv, const RunOptions& options = {});

/// The same for sysnare itself: `words` behind the program name.
Outcome sysnare(const std::vector<std::string>& words, const RunOptions& options = {});

/// A process in the background; killed (its group too) and reaped on destruction.
class Background {
 public:
  explicit Background(const std::vector<std::string>& argv, const RunOptions& options = {});
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;
  [[nodiscard]] int pid() const { return pid_; }
  void signal(int number) const;
  /// Waits for the end; out and err hold everything it wrote.
  Outcome wait(std::chrono::seconds deadline = kDeadline);
  /// What it has written so far.
  [[nodiscard]] std::string out_so_far() const;
  [[nodiscard]] std::string err_so_far() const;

 private:
  int pid_ = -1;
  bool reaped_ = false;
  std::string in_file_;
  std::string out_file_;
  std::string err_file_;
};

/// Polls `condition` until it holds or the deadline passes; whether it held.
bool eventually(const std::function<bool()>& condition, std::chrono::seconds deadline = kPatience);

std::string sysnare_path();
std::string victim(const std::string& name);           ///< path of a built victim
std::string source_file(const std::string& relative);  ///< a file of the source tree
bool have_program(const std::string& name);            ///< whether PATH has it
bool is_root();

/// A new folder, removed (with all it holds) on destruction.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  /// Writes a file and returns its path.
  std::string write(const std::string& name, const std::string& text) const;

 private:
  std::string path_;
};

/// Whether something of this name is there, a dangling link too.
bool exists(const std::string& path);
/// Whole text of a file; empty when it cannot be read.
std::string slurp(const std::string& path);

}  // namespace sysnare::live
