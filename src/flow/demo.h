#pragma once
// The whole story on this machine: which commands tell it, and did each do what the story says?
//
// Every command is run by bash exactly as it is shown, in a folder of its own with `sysnare` in
// PATH; what it prints is real. The demo judges itself: a command whose status or output is not
// what the story promises is a finding.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "process/capture.h"

namespace sysnare {

/// Longest that one command of the story may take: 200 launches on a slow machine.
inline constexpr std::chrono::milliseconds kDemoLimit{120'000};

struct DemoCommand {
  std::string line;                           ///< as typed; bash runs it
  int status = 0;                             ///< the exit status that the story promises
  std::vector<std::string> wanted = {};       ///< what its output must hold
  std::vector<std::string> unwanted = {};     ///< what its output must not hold
  std::function<Result<void>()> before = {};  ///< what is prepared unseen; `line` says so
};

struct DemoChapter {
  std::string title;
  std::string text;  ///< one or two sentences in front
  std::vector<DemoCommand> commands;
  std::string skipped = {};  ///< why it cannot be told on this machine; no commands then
};

/// The folder of the demo with the programs built in it.
class DemoFolder {
 public:
  /// Makes `path` (empty: a new folder in TMPDIR or /tmp, removed by the destructor), writes the
  /// sources and profiles and builds the programs. `progress` is told what takes long.
  ///
  /// Errors: kUsage for a folder that is not empty; kNotFound where a compiler is missing (the
  /// sentence says which package); kSystem with the compiler's words.
  static Result<DemoFolder> prepare(const std::string& path,
                                    const std::function<void(std::string_view)>& progress);
  DemoFolder(DemoFolder&& other) noexcept;
  DemoFolder& operator=(DemoFolder&&) = delete;
  ~DemoFolder();

  [[nodiscard]] const std::string& path() const { return path_; }
  /// Runs one command in the folder, standard error joined into `out`.
  [[nodiscard]] Captured run(const DemoCommand& command) const;

 private:
  DemoFolder(std::string path, bool temporary) : path_(std::move(path)), temporary_(temporary) {}
  Result<void> fill(const std::function<void(std::string_view)>& progress) const;

  std::string path_;
  bool temporary_ = false;
};

/// The chapters, in order, for this machine.
std::vector<DemoChapter> demo_story(const DemoFolder& folder);

/// What `outcome` lacks of what the story promises, a sentence each; empty when all is well.
std::vector<std::string> demo_mismatches(const DemoCommand& command, const Captured& outcome);

}  // namespace sysnare
