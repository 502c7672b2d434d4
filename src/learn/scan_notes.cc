#include "learn/scan_notes.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"

namespace sysnare {
namespace {

/// Names in one sentence; the evidence has all of them.
constexpr std::size_t kMaxNames = 4;
/// Steps of a chain in one sentence: where it begins, and where it ends.
constexpr std::size_t kFirstSteps = 2;
constexpr std::size_t kLastSteps = 2;

std::string list_of(const std::set<std::string>& names, std::string_view separator) {
  std::string text;
  std::size_t shown = 0;
  for (const std::string& name : names) {
    if (shown == kMaxNames) {
      return text + fmt::format("{}{} more", separator, names.size() - shown);
    }
    if (shown++ > 0) text += separator;
    text += name;
  }
  return text;
}

std::string open_note(const std::vector<StaticOpen>& open) {
  std::set<std::string> places;
  for (const StaticOpen& each : open) {
    std::string place = each.kind;
    if (!each.function.empty()) place += " in " + each.function;
    if (!each.object.empty()) place += " of " + each.object;
    places.insert(std::move(place));
  }
  return fmt::format(
      "the scan is open at {}, and calls behind {} may be missing: {}; runs that go there, given "
      "as "
      "further evidence, add them",
      plural(open.size(), "place"), open.size() == 1 ? "it" : "them", list_of(places, "; "));
}

std::string exec_note(const Evidence& evidence) {
  std::set<std::string> known;
  for (const ExecutableEvidence& each : evidence.executables) known.insert(each.program.path);
  std::set<std::string> names;
  for (const StaticExec& exec : evidence.scanned->execs) {
    if (exec.path && !known.contains(*exec.path)) names.insert(*exec.path);
  }
  const std::size_t unknown = evidence.scanned->execs_open();
  if (names.empty() && unknown == 0) return {};
  std::string what = list_of(names, ", ");
  if (unknown > 0) {
    what += fmt::format("{}{}", what.empty() ? "" : ", and ",
                        unknown == 1 ? "a program that it does not know by name"
                                     : fmt::format("programs that it does not know by name, at {} "
                                                   "places",
                                                   unknown));
  }
  return fmt::format(
      "the scan finds that this can start {}: the profile holds for what is started too, whose "
      "calls "
      "are in it only where they were recorded, or scanned by `sysnare scan --follow-exec`",
      what);
}

}  // namespace

std::vector<std::string> scan_notes(const Evidence& evidence) {
  const bool scanned =
      std::any_of(evidence.calls.begin(), evidence.calls.end(),
                  [](const CallEvidence& call) { return call.origin == Origin::kScan; });
  if (!evidence.scanned) {
    if (!scanned) return {};
    return {"the scan does not say what stays open, so calls may be missing here"};
  }
  std::vector<std::string> notes;
  if (!evidence.scanned->open.empty()) notes.push_back(open_note(evidence.scanned->open));
  if (std::string note = exec_note(evidence); !note.empty()) notes.push_back(std::move(note));
  return notes;
}

std::string reachable_because(const CallEvidence& call) {
  if (call.why.empty()) return "reachable: the static analysis finds a way to it";
  std::vector<std::string> steps;
  const std::size_t count = call.why.size();
  for (std::size_t i = 0; i < count; ++i) {
    if (count > kFirstSteps + kLastSteps + 1 && i == kFirstSteps) {
      steps.emplace_back("…");
      i = count - kLastSteps;
    }
    steps.push_back(fmt::format("{} in {}", call.why[i].function, call.why[i].object));
  }
  return fmt::format("reachable{}: {}",
                     call.reachable == 0 ? "" : " (" + reachable_text(call.reachable) + ")",
                     fmt::join(steps, ", "));
}

}  // namespace sysnare
