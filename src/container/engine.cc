#include "container/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/json.h"
#include "base/text.h"
#include "process/capture.h"

namespace sysnare {
namespace {

using json::Cursor;

constexpr std::string_view kPrograms[] = {"docker", "podman", "runc", "crun"};
/// Longer than any name or id that engines take; a bound for messages.
constexpr std::size_t kMaxName = 256;
constexpr std::size_t kMaxShown = 200;
/// PID_MAX_LIMIT, include/linux/threads.h, Linux 6.18.
constexpr std::uint64_t kMaxPid = 4u << 20;

/// Clients warn first and fail last.
std::string last_line(std::string_view text) {
  std::string_view last;
  for (std::string_view line : split(text, '\n')) {
    if (!trim(line).empty()) last = trim(line);
  }
  return printable(last.substr(0, kMaxShown));
}

/// The text at `keys` below `object`; empty where there is none.
std::string text_at(const Cursor& object, std::initializer_list<std::string_view> keys) {
  Cursor at = object;
  for (std::string_view key : keys) {
    if (!at.has(key)) return "";
    at = *at.at(key);
  }
  Result<std::string> text = at.string();
  return text ? *text : "";
}

Result<std::uint64_t> init_of(const Cursor& container) {
  Result<Cursor> state = container.at("State");
  if (!state) return propagate(state);
  Result<Cursor> pid = state->at("Pid");
  if (!pid) return propagate(pid);
  return pid->u64(0, kMaxPid);
}

/// What both Docker ([a-zA-Z0-9][a-zA-Z0-9_.-]*) and Podman allow; a leading dash would be an
/// option.
bool can_be_name(std::string_view name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !name.empty() && name.size() <= kMaxName && plain(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return plain(c) || c == '_' || c == '.' || c == '-'; });
}

/// What one engine said of a name.
struct Answer {
  const EngineProgram* engine;
  std::optional<Result<EngineContainer>> container;  ///< empty: it has none of that name
  std::string why_not;                               ///< or it gave no answer
};

Answer ask(const EngineProgram& engine, const std::string& name) {
  Answer answer{&engine, std::nullopt, ""};
  const Captured said =
      capture({.argv = engine.command({"inspect", "--type", "container", name})}, kEngineLimit);
  if (!said.started) {
    answer.why_not = fmt::format("{} cannot be executed", printable(engine.path));
  } else if (said.timed_out) {
    answer.why_not =
        fmt::format("{} gave no answer within {} s", engine.name, kEngineLimit.count());
  } else if (said.status == 0) {
    answer.container = container_of_inspect(said.out, engine);
  } else {
    std::string lower = last_line(said.err);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    answer.why_not = lower.find("no such container") != std::string::npos
                         ? fmt::format("{} has none", engine.name)
                         : fmt::format("{} fails: {}", engine.name, last_line(said.err));
  }
  return answer;
}

bool is_installed(const EngineProgram& engine) {
  return engine.path.find('/') != std::string::npos || !programs_in_path(engine.path).empty();
}

}  // namespace

std::vector<std::string> EngineProgram::command(const std::vector<std::string>& words) const {
  std::vector<std::string> all = {path};
  all.insert(all.end(), arguments.begin(), arguments.end());
  all.insert(all.end(), words.begin(), words.end());
  return all;
}

Result<EngineProgram> engine_program(std::string_view typed, std::vector<std::string> arguments) {
  const std::string_view name = typed.substr(typed.rfind('/') + 1);  // npos + 1 is 0
  if (std::find(std::begin(kPrograms), std::end(kPrograms), name) == std::end(kPrograms)) {
    return fail(Errc::kUsage, "\"{}\" is not allowed; one of {}, or a path to one, is",
                printable(typed.substr(0, kMaxShown)), fmt::join(kPrograms, ", "));
  }
  return EngineProgram{std::string(name), std::string(typed), std::move(arguments)};
}

Result<EngineContainer> container_of_inspect(std::string_view text, const EngineProgram& engine) {
  const std::string source = engine.name + " inspect";
  Result<json::Value> value = json::parse(text, source);
  if (!value) return propagate(value);
  const Cursor top(*value, source);
  Result<std::vector<Cursor>> items = top.items();
  if (!items) return propagate(items);
  if (items->size() != 1) return top.fail("{} containers, 1 is needed here", items->size());
  const Cursor& container = items->front();
  if (!container.is_object()) return container.fail("an object is needed here");
  Result<std::uint64_t> init = init_of(container);
  if (!init) return propagate(init);

  EngineContainer found;
  Workload& workload = found.workload;
  workload.engine = engine.name;
  workload.id = text_at(container, {"Id"});
  workload.name = text_at(container, {"Name"});
  if (workload.name.starts_with('/')) workload.name.erase(0, 1);  // Docker's "/web"
  // Docker's own "Image" is an id, and Podman's too.
  workload.image = text_at(container, {"ImageName"});
  if (workload.image.empty()) workload.image = text_at(container, {"Config", "Image"});
  workload.runtime = engine.name;
  const std::string runtime = text_at(container, {"OCIRuntime"});  // Podman: a name or a path
  const std::string_view called = std::string_view(runtime).substr(runtime.rfind('/') + 1);
  if (engine.name == "podman" && (called == "crun" || called == "runc")) {
    workload.runtime = fmt::format("podman+{}", called);
  }
  found.status = text_at(container, {"State", "Status"});
  found.init = static_cast<pid_t>(*init);
  return found;
}

Result<EngineContainer> find_container(const std::vector<EngineProgram>& engines,
                                       const std::string& name) {
  if (!can_be_name(name)) {
    return fail(Errc::kUsage,
                "\"{}\" can be no container's name: a letter or digit, then those, and . _ -",
                printable(name.substr(0, kMaxShown)));
  }
  std::vector<std::string> names;
  std::vector<Answer> answers;
  for (const EngineProgram& engine : engines) {
    names.push_back(engine.name);
    if (is_installed(engine)) answers.push_back(ask(engine, name));
  }
  if (answers.empty()) {
    return fail(Errc::kNotFound, "no container engine in PATH; looked for {}",
                fmt::join(names, " and "));
  }
  std::vector<Answer*> knowing;
  std::vector<std::string> reasons;
  for (Answer& answer : answers) {
    if (answer.container) {
      knowing.push_back(&answer);
    } else {
      reasons.push_back(answer.why_not);
    }
  }
  if (knowing.empty()) {
    return fail(Errc::kNotFound, "no container {}: {}", name, fmt::join(reasons, "; "));
  }
  if (knowing.size() > 1) {
    return fail(Errc::kUsage,
                "both {} and {} have a container {}; say which is meant, by --engine {} or "
                "--engine {}",
                knowing[0]->engine->name, knowing[1]->engine->name, name, knowing[0]->engine->name,
                knowing[1]->engine->name);
  }
  Result<EngineContainer>& found = *knowing.front()->container;
  if (found && found->init == 0) {
    const std::string& engine = knowing.front()->engine->name;
    return fail(Errc::kNotFound, "container {} of {} does not run{}; `{} start {}` starts it", name,
                engine, found->status.empty() ? "" : fmt::format(" ({})", printable(found->status)),
                engine, name);
  }
  return std::move(found);
}

}  // namespace sysnare
