#pragma once
// How does an engine start a container that is recorded from its first instruction?
//
// Its own command is run as the user typed it, but for options that put the container into a
// control group of ours. docker and podman: `--cgroup-parent`; podman's conmon stays outside
// (`--cgroups no-conmon`). runc and crun: a copy of the bundle's config.json with another
// `cgroupsPath`. Engine, runtime and client live in other groups: they are not recorded.
//
// Not modelled: daemons on other machines, groups of rootless engines.

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "container/engine.h"
#include "evidence/evidence.h"

namespace sysnare {

class EngineRun {
 public:
  /// `words`: the engine's command, "run" (or "container", "run") and its arguments.
  ///
  /// Errors: kUsage for another command, and for options that would move the container elsewhere;
  /// kNotFound where the engine does not answer; else as OwnCgroup.
  static Result<EngineRun> prepare(const EngineProgram& engine,
                                   const std::vector<std::string>& words);
  EngineRun(EngineRun&&) noexcept;
  EngineRun& operator=(EngineRun&&) noexcept;
  ~EngineRun();

  [[nodiscard]] const std::vector<std::string>& command() const;  ///< what to run
  [[nodiscard]] const std::string& cgroup() const;                ///< the directory to record

  /// To be called before each start of command(): asks the engine for the container's name and
  /// image as soon as there is one, beside what the caller does.
  void begin();
  /// What is known of the container of the last start. Waits for an answer that is on its way.
  Workload workload();

 private:
  struct State;
  explicit EngineRun(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// `words` with `added` behind "run". Errors: kUsage where there is no "run", or one of `taken`
/// ("--cgroup-parent") stands among them.
Result<std::vector<std::string>> run_with(const EngineProgram& engine,
                                          const std::vector<std::string>& words,
                                          const std::vector<std::string>& added,
                                          const std::vector<std::string>& taken);

/// A bundle's config.json for another folder and group: relative paths made absolute from
/// `bundle`. Errors: kBadInput, naming `bundle`/config.json.
Result<std::string> config_elsewhere(std::string_view config, const std::string& bundle,
                                     const std::string& cgroups_path);

}  // namespace sysnare
