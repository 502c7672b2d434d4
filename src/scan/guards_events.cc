// systemd's event loop. Sources of a kind are made by functions of their own, and only for such
// does it make certain calls: for signals and children signalfd, for children waitid and what kills
// them, for inotify its calls (systemd 252, src/libsystemd/sd-event/sd-event.c: source_new() and
// its callers, source_disconnect(), source_dispatch(), sd_event_wait()). libnss_systemd has the
// loop and no maker of these. In a stripped file functions are told by what their assertions name:
// the file, and in each maker its own name.

#include <algorithm>

#include "arch/syscalls.h"
#include "scan/guards.h"
#include "scan/names.h"
#include "scan/parts.h"

namespace sysnare {
namespace {

/// In the machine's convention, whether all that `site` passes first is the number `nr`.
bool passes_first(const Summary& summary, const CallSite& site, std::uint32_t nr) {
  const Place first = argument_place(summary.machine, 0);
  for (const Passed& passed : cut(summary.passed, site.passed)) {
    if (passed.place.on_stack != 0 || passed.place.reg != first.reg) continue;
    const std::span<const Value> values = cut(summary.values, passed.values);
    return values.size() == 1 && values[0].kind == Value::Kind::kConstant && values[0].number == nr;
  }
  return false;
}

}  // namespace

void Guards::find_event_sources() {
  for (std::uint32_t object = 0; object < graph_.objects().size(); ++object) {
    const Summary& summary = graph_.objects()[object].summary;
    // Elsewhere, linked in, it may be one with the code around it.
    const std::string_view soname = text_of(summary, summary.soname);
    if (!soname.starts_with("libsystemd") && soname != "libnss_systemd.so.2") continue;
    // Few have it; their texts are not all looked at for that.
    const bool waits = std::any_of(
        summary.imports.begin(), summary.imports.end(),
        [&](const Import& import) { return text_of(summary, import.name) == "epoll_wait"; });
    if (waits) find_event_sources(object);
  }
}

void Guards::find_event_sources(std::uint32_t object) {
  struct Row {
    std::vector<std::string_view> makers;
    std::vector<std::string_view> functions;  ///< of the C library
    std::string_view syscall = {};            ///< made by syscall()
    std::string_view caller_of = {};          ///< functions of the object that call this
    std::string_view text = {};               ///< functions of the object that refer to this
  };
  const Row kRows[] = {
      {.makers = {"sd_event_add_signal", "sd_event_add_child", "sd_event_add_child_pidfd"},
       .functions = {"signalfd"}},
      {.makers = {"sd_event_add_child", "sd_event_add_child_pidfd"},
       .functions = {"waitid", "kill"},
       .syscall = "pidfd_send_signal"},
      {.makers = {"sd_event_add_inotify", "sd_event_add_inotify_fd",
                  "event_add_inotify_fd_internal"},
       .functions = {"inotify_init1", "inotify_add_watch", "inotify_rm_watch"},
       .caller_of = "statfs"},
      {.makers = {"sd_event_set_watchdog"}, .functions = {}, .text = kNotifySocket},
  };
  const Summary& summary = graph_.objects()[object].summary;
  std::vector<std::uint32_t> loop;
  std::vector<std::pair<std::string_view, std::uint32_t>> by_text;
  for (std::uint32_t i = 0; i < summary.functions.size(); ++i) {
    const std::uint32_t node = graph_.node_of_function(object, i);
    bool of_loop = false;
    bool of_other = false;  // the loop's code may have been inlined there
    for (const StringRef& string : cut(summary.strings, summary.functions[i].strings)) {
      const std::string_view text = text_of(summary, string.text);
      const bool is_loop_file = text.ends_with(kEventLoopFile);
      of_loop = of_loop || is_loop_file;
      of_other = of_other || (text.ends_with(".c") && !is_loop_file);
      if (is_said_by_event_loop(text)) by_text.emplace_back(text, node);
    }
    if (of_loop && !of_other) loop.push_back(node);
  }
  std::sort(loop.begin(), loop.end());
  loop.erase(std::unique(loop.begin(), loop.end()), loop.end());
  const auto who_says = [&](std::string_view text) {
    std::vector<std::uint32_t> found;
    for (const auto& [said, node] : by_text) {
      if (said == text) found.push_back(node);
    }
    return found;
  };
  // Without assertions nothing is known of it.
  if (who_says("sd_event_add_io").empty()) return;

  for (const Row& row : kRows) {
    Guard guard;
    for (const std::string_view name : row.makers) {
      for (const std::uint32_t node : who_says(name)) guard.key_nodes.push_back(node);
      const std::uint32_t node = named_in(object, name);
      if (node != kNone) guard.key_nodes.push_back(node);
    }
    std::vector<std::uint32_t> asleep;
    for (const std::string_view name : row.functions) {
      for (const std::uint32_t to : graph_.library_functions(name)) asleep.push_back(to);
    }
    if (!row.text.empty()) asleep = who_says(row.text);
    if (!row.caller_of.empty()) {
      for (const std::uint32_t to : own_callers(object, row.caller_of)) {
        if (!std::binary_search(loop.begin(), loop.end(), to)) asleep.push_back(to);
      }
    }
    if (!add_steps(loop, asleep, guard)) return;
    if (!row.syscall.empty()) add_syscall(object, loop, row.syscall, guard);
    add(std::move(guard));
  }
}

/// Functions of `object` that call the C library's `name`.
std::vector<std::uint32_t> Guards::own_callers(std::uint32_t object, std::string_view name) {
  const std::vector<std::uint32_t> wanted = graph_.library_functions(name);
  const Summary& summary = graph_.objects()[object].summary;
  std::vector<std::uint32_t> found;
  for (std::uint32_t i = 0; i < summary.functions.size(); ++i) {
    for (const CallSite& call : cut(summary.calls, summary.functions[i].calls)) {
      if (call.target.kind != Target::Kind::kImport) continue;
      const std::span<const std::uint32_t> nodes = graph_.nodes(object, call.target);
      if (std::find_first_of(nodes.begin(), nodes.end(), wanted.begin(), wanted.end()) ==
          nodes.end())
        continue;
      found.push_back(graph_.node_of_function(object, i));
      break;
    }
  }
  return found;
}

/// The steps from `loop` to syscall() where it is called for `name` and nothing else.
void Guards::add_syscall(std::uint32_t object, const std::vector<std::uint32_t>& loop,
                         std::string_view name, Guard& guard) {
  const Summary& summary = graph_.objects()[object].summary;
  const auto nr = syscall_nr(native_abi(summary.machine), name);
  if (!nr) return;
  for (const std::uint32_t to : graph_.library_functions("syscall")) {
    for (const std::uint32_t from : loop) {
      const std::span<const CallSite> calls = cut(summary.calls, graph_.function(from)->calls);
      const bool only_that = std::all_of(calls.begin(), calls.end(), [&](const CallSite& call) {
        const std::span<const std::uint32_t> nodes = graph_.nodes(object, call.target);
        return std::find(nodes.begin(), nodes.end(), to) == nodes.end() ||
               passes_first(summary, call, *nr);
      });
      if (only_that) guard.steps.emplace_back(from, to);
    }
  }
}

}  // namespace sysnare
