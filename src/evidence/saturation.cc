#include "evidence/saturation.h"

#include <algorithm>
#include <map>
#include <set>

#include "arch/syscalls.h"
#include "base/text.h"

namespace sysnare {
namespace {

/// A call is rare when it came in one run of so many, or in one alone.
constexpr std::uint64_t kRareOneIn = 10;
/// Events that may have stayed away by chance in 95 of 100 cases: -ln(0.05), rounded up.
constexpr double kRuleOfThree = 3;

/// A scan knows no run, and a record without one says nothing of runs.
bool was_observed(const CallEvidence& call) {
  return call.origin != Origin::kScan && call.runs_seen > 0;
}

/// A program's end is new in each long run, and every profile has it.
bool is_end(const CallEvidence& call) {
  const std::string_view name = syscall_name(call.call);
  return name == "exit" || name == "exit_group";
}

/// The hours of a recording, which may have but one run.
void add_times(const Evidence& evidence, Saturation& result) {
  std::uint64_t begin = UINT64_MAX;
  std::uint64_t last_new = 0;
  std::uint64_t end = 0;
  for (const CallEvidence& call : evidence.calls) {
    // One that never returned may have no moment: a server's wait in its first thread.
    if (!was_observed(call) || is_end(call) || !call.first_seen_ns || !call.last_seen_ns) continue;
    begin = std::min(begin, *call.first_seen_ns);
    last_new = std::max(last_new, *call.first_seen_ns);
    end = std::max(end, *call.last_seen_ns);
  }
  if (begin > end) return;  // nobody says when
  result.span_ns = end - begin;
  result.quiet_ns = end - last_new;
}

}  // namespace

double Saturation::chance_of_new() const {
  return runs == 0 ? 1 : static_cast<double>(new_runs) / static_cast<double>(runs);
}

double Saturation::limit_of_chance() const {
  if (new_runs > 0 || runs == 0) return chance_of_new();
  return std::min(1.0, kRuleOfThree / static_cast<double>(runs));
}

std::uint64_t quiet_runs(const Evidence& evidence) {
  const std::uint64_t runs = recorded_runs(evidence);
  return runs - std::min(runs, evidence.last_new_run);
}

Saturation saturation_of(const Evidence& evidence) {
  Saturation result;
  result.runs = recorded_runs(evidence);
  result.quiet_runs = quiet_runs(evidence);
  std::set<std::uint64_t> new_runs;
  std::map<std::uint64_t, std::set<std::string>> rare;
  for (const CallEvidence& call : evidence.calls) {
    if (!was_observed(call)) continue;
    ++result.calls;
    if (call.runs_seen == 1) new_runs.insert(call.first_run);
    if (call.runs_seen == 1 || call.runs_seen <= evidence.runs / kRareOneIn) {
      rare[call.runs_seen].insert(call_name(call));
    }
  }
  result.new_runs = new_runs.size();
  add_times(evidence, result);
  if (evidence.runs < 2) return result;  // all are of one run, and none is rare
  for (const auto& [runs_seen, calls] : rare) {
    result.rare.push_back({runs_seen, {calls.begin(), calls.end()}});
  }
  return result;
}

std::string saturation_text(const Evidence& evidence) {
  const std::uint64_t quiet = quiet_runs(evidence);
  if (recorded_runs(evidence) == 0) return "no run, static analysis only";
  if (evidence.runs == 1) return "1 run; more runs (--runs N) may show more calls";
  if (quiet == 0) {
    return fmt::format("new calls came until the last of {} runs; take more (--runs N)",
                       evidence.runs);
  }
  return fmt::format("nothing new in the last {} of {} runs", quiet, evidence.runs);
}

std::string call_name(const CallEvidence& call) {
  std::string name = call_label(call.call);
  if (call.call.abi != native_abi()) name += fmt::format(" ({})", abi_name(call.call.abi));
  if (call.origin != Origin::kApplication) name += fmt::format(" ({})", origin_name(call.origin));
  return name;
}

}  // namespace sysnare
