#include "cli/traced_container.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <utility>

#include "base/text.h"
#include "container/cgroups.h"
#include "container/engine.h"

namespace sysnare::cli {
namespace {

Result<std::vector<EngineProgram>> engines_to_ask(const ContainerWords& words) {
  std::vector<EngineProgram> engines;
  if (words.engine.empty()) {
    for (const char* name : {"docker", "podman"}) {
      engines.push_back({name, name, words.engine_arguments});
    }
    return engines;
  }
  Result<EngineProgram> engine = engine_program(words.engine, words.engine_arguments);
  if (!engine) return propagate(engine, "--engine");
  if (engine->name != "docker" && engine->name != "podman") {
    return fail(Errc::kUsage,
                "--engine: {} has no names for containers; docker or podman is needed",
                engine->name);
  }
  engines.push_back(std::move(*engine));
  return engines;
}

}  // namespace

Result<void> check_container_words(const ContainerWords& words, const RecordOptions& record) {
  const bool container = !words.container.empty();
  const bool runtime = !words.runtime.empty();
  if (container && runtime) {
    return fail(Errc::kUsage,
                "--container is about a container that runs, --runtime about one to be started: "
                "one of them");
  }
  if (!words.engine.empty() && !container) {
    return fail(Errc::kUsage, "--engine says whose --container is meant, and there is none");
  }
  if (!words.engine_arguments.empty() && !container && !runtime) {
    return fail(Errc::kUsage, "--engine-arg goes with --container or --runtime");
  }
  if (runtime && record.command.empty()) {
    return fail(Errc::kUsage,
                "--runtime {0} starts a container: `sysnare trace --runtime {0} -- run ARGUMENTS`",
                printable(words.runtime));
  }
  if (runtime && !record.follow) {
    return fail(Errc::kUsage, "--no-follow goes with a command or -p, not with --runtime");
  }
  return {};
}

void add_container_options(CLI::App& app, ContainerWords& words) {
  app.add_option("--container", words.container,
                 "attach to this running Docker or Podman container, until it ends or Ctrl-C")
      ->type_name("NAME");
  app.add_option("--runtime", words.runtime,
                 "start a container and record it from its first instruction: docker, podman, runc "
                 "or crun (or a path to one), then `-- run` and its arguments")
      ->type_name("ENGINE");
  app.add_option("--engine", words.engine,
                 "whose --container is meant: docker, podman, or a path to one")
      ->type_name("ENGINE");
  app.add_option("--engine-arg", words.engine_arguments,
                 "an option of the engine's own, as --engine-arg=--root; may be repeated")
      ->type_name("ARG")
      ->allow_extra_args(false);
}

Result<TracedContainer> TracedContainer::prepare(const ContainerWords& words, const Words& command,
                                                 RecordOptions& record) {
  TracedContainer traced;
  if (!words.runtime.empty()) {
    Result<EngineProgram> engine = engine_program(words.runtime, words.engine_arguments);
    if (!engine) return propagate(engine, "--runtime");
    Result<EngineRun> run = EngineRun::prepare(*engine, command);
    if (!run) return propagate(run, "--runtime");
    traced.command_ = engine->command(command);
    traced.workload_.engine = engine->name;
    record.command = run->command();
    record.cgroups = {run->cgroup()};
    record.container = ContainerStage::kNotBegun;
    traced.run_ = std::move(*run);
    return traced;
  }
  if (words.container.empty()) return traced;
  Result<std::vector<EngineProgram>> engines = engines_to_ask(words);
  if (!engines) return propagate(engines);
  Result<EngineContainer> container = find_container(*engines, words.container);
  if (!container) return propagate(container);
  Result<std::optional<std::string>> cgroup =
      container_cgroup_of(container->init, container->workload.id);
  if (!cgroup) return propagate(cgroup, "container {}", words.container);
  if (!*cgroup) {
    return fail(Errc::kUnsupported,
                "container {} has no control group of its own: its calls cannot be told from "
                "others'",
                words.container);
  }
  record.cgroups = {**cgroup};
  record.container = ContainerStage::kRunning;
  record.awaits_first = false;  // it may end before we are armed
  traced.workload_ = std::move(container->workload);
  traced.subject_ = fmt::format("container {} ({})", words.container, traced.workload_.engine);
  return traced;
}

void TracedContainer::begin() {
  if (run_) run_->begin();
}

void TracedContainer::name_in(Evidence& evidence) const {
  if (workload_ == Workload{}) return;
  evidence.workload = workload_;
  // Without what we put in: one can type it again.
  if (run_) evidence.command = command_;
}

void TracedContainer::complete(Evidence& evidence) {
  if (run_) {
    workload_ = run_->workload();
    // Each run had a container of its own.
    if (evidence.runs > 1) workload_.name = workload_.id = "";
    subject_ = workload_.name.empty()
                   ? fmt::format("a container ({})", workload_.engine)
                   : fmt::format("container {} ({})", workload_.name, workload_.engine);
  }
  name_in(evidence);
  if (run_ && evidence.calls.empty()) {
    add_note(evidence,
             fmt::format("nothing ran in the control group made for the container: none was "
                         "started, or {} starts them on another machine",
                         workload_.engine));
  }
}

}  // namespace sysnare::cli
