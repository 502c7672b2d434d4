#pragma once
// Which running container has this name, and under which engine?
//
// Asked are the engines' own programs, `docker inspect` and `podman inspect`: they know where their
// daemon or storage is (DOCKER_HOST, contexts, CONTAINERS_CONF, and options of the user's).
// Not modelled: containerd, CRI-O and nerdctl (`sysnare hook` records their containers).

#include <sys/types.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "evidence/evidence.h"

namespace sysnare {

/// How long an engine may take to answer.
inline constexpr std::chrono::seconds kEngineLimit{20};

/// An engine or runtime and how it is called.
struct EngineProgram {
  std::string name;                    ///< "docker", "podman", "runc" or "crun"
  std::string path;                    ///< as typed: a name for PATH, or a path
  std::vector<std::string> arguments;  ///< of the user's, before the engine's own command

  /// path, arguments, words.
  [[nodiscard]] std::vector<std::string> command(const std::vector<std::string>& words) const;
};

/// The engine or runtime of this name or path (`/usr/bin/docker`), told by the path's last part.
/// Errors: kUsage with those that there are.
Result<EngineProgram> engine_program(std::string_view typed, std::vector<std::string> arguments);

struct EngineContainer {
  Workload workload;
  pid_t init = 0;      ///< its first process, as the engine numbers it; 0: it does not run
  std::string status;  ///< in the engine's words: "running", "exited"
};

/// What `docker inspect` or `podman inspect` printed of one container. Errors: kBadInput for
/// anything else.
Result<EngineContainer> container_of_inspect(std::string_view text, const EngineProgram& engine);

/// The running container `name` (or id) of whichever of `engines` has it.
///
/// Errors, one sentence each: kNotFound for none of that name, a container that does not run, and
/// where no engine is installed; kUsage where two engines know it, or `name` can be none.
Result<EngineContainer> find_container(const std::vector<EngineProgram>& engines,
                                       const std::string& name);

}  // namespace sysnare
