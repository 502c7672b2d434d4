#pragma once
// How do live tests start a container under Docker, Podman, runc and crun?
//
// Every engine is the machine's own program with folders of its own: a dockerd of the test's, a
// storage root of the test's, bundles and state in a temporary folder. An engine or daemon of the
// user's is never touched. All mounts are made in private mount namespaces and end with them. A
// guard process outlives this one and clears away what is left, however this one ends.

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "harness.h"

namespace sysnare::live {

/// As ContainerOptions::profile: what the engine itself takes.
inline constexpr const char* kEnginesOwn = "the engine's own";

struct ContainerOptions {
  std::string profile;  ///< path of a profile, or kEnginesOwn; empty: none at all
  bool no_new_privileges = true;
  std::vector<std::string> capabilities{};  ///< added by Docker and Podman to their own
  /// Of bundles alone: annotations, and the argv (a whole path first) of a createRuntime hook.
  std::map<std::string, std::string> annotations{};
  std::vector<std::string> hook{};
};

class Engine {
 public:
  virtual ~Engine() = default;
  /// Runs `argv` in a new container, which is removed, and waits for it.
  virtual Outcome start(const std::vector<std::string>& argv,
                        const ContainerOptions& options = {}) = 0;
  /// The program with its own options, and behind them the command that starts `argv` in a new
  /// container, which is removed. A bundle is written for it, and is good until the next one.
  [[nodiscard]] const std::vector<std::string>& client() const { return client_; }
  virtual std::vector<std::string> words(const std::vector<std::string>& argv,
                                         const ContainerOptions& options = {}) = 0;
  /// Where and how these are to be run: folder, environment, deadline.
  [[nodiscard]] const RunOptions& how() const { return how_; }
  /// `argv` in the mount namespace that this engine needs.
  [[nodiscard]] virtual std::vector<std::string> within(const std::vector<std::string>& argv) const;
  /// Whether it reads an OCI config.json, not a profile file: Docker's own keys mean nothing there.
  [[nodiscard]] virtual bool takes_bundles() const { return false; }
  /// The name that `sysnare profile --runtime` takes.
  [[nodiscard]] const std::string& runtime() const { return runtime_; }

 protected:
  explicit Engine(std::string runtime) : runtime_(std::move(runtime)) {}

  std::vector<std::string> client_;
  RunOptions how_;

 private:
  std::string runtime_;
};

/// docker, podman, podman+runc, runc and crun; each started when it is first asked for, all ended
/// by the destructor.
class Engines {
 public:
  Engines();
  ~Engines();
  Engines(const Engines&) = delete;
  Engines& operator=(const Engines&) = delete;

  /// The engine of this name, or null with the reason in why_not().
  Engine* get(const std::string& name);
  /// One sentence: what is missing for `name`.
  [[nodiscard]] std::string why_not(const std::string& name) const;
  /// The root file system of the containers.
  [[nodiscard]] std::string root_fs() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Engines that live as long as the test program: a daemon takes seconds to start. A suite adds it
/// with AddGlobalTestEnvironment().
class EnginesForAll : public ::testing::Environment {
 public:
  void SetUp() override { engines_ = std::make_unique<Engines>(); }
  void TearDown() override { engines_.reset(); }
  static Engines& get() { return *engines_; }

 private:
  static inline std::unique_ptr<Engines> engines_;
};

}  // namespace sysnare::live
