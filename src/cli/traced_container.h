#pragma once
// What does `trace` do for a container (--container, --runtime)? Finds the engine and the control
// group before the recording, and puts the container's name into the evidence after it.

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/verb.h"
#include "container/engine_run.h"
#include "record/recorder.h"

namespace CLI {
class App;
}

namespace sysnare::cli {

/// The options as they were typed.
struct ContainerWords {
  std::string container;
  std::string runtime;
  std::string engine;
  std::vector<std::string> engine_arguments;
};

void add_container_options(CLI::App& app, ContainerWords& words);

/// Whether the words go together, and with the command and the options of `record`. Errors: kUsage.
Result<void> check_container_words(const ContainerWords& words, const RecordOptions& record);

class TracedContainer {
 public:
  /// Changes `record` so that the container is followed. `command` is what stood behind the
  /// options. Does nothing where no option is about a container. Errors: as find_container() and
  /// EngineRun::prepare().
  static Result<TracedContainer> prepare(const ContainerWords& words, const Words& command,
                                         RecordOptions& record);

  /// "container web (docker)", for the table; with --runtime empty before complete().
  [[nodiscard]] const std::string& subject() const { return subject_; }
  /// To be called before each start of a command.
  void begin();
  /// Says in `evidence`, of a recording that goes on, what is known so far.
  void name_in(Evidence& evidence) const;
  /// Says in `evidence`, when the recording has ended, what was recorded.
  void complete(Evidence& evidence);

 private:
  Workload workload_;
  Words command_;  ///< as typed
  std::string subject_;
  std::optional<EngineRun> run_;
};

}  // namespace sysnare::cli
