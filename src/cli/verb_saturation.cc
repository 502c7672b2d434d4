// sysnare saturation FILE...: has this program been recorded often enough?

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/text.h"
#include "cli/evidence_files.h"
#include "cli/filter_input.h"
#include "cli/print.h"
#include "cli/recording.h"
#include "cli/saturation_json.h"
#include "cli/verb.h"
#include "evidence/saturation.h"
#include "flow/profile_file.h"

namespace sysnare::cli {
namespace {

constexpr std::string_view kName = "saturation";
/// What `--runs 20`, the default of `profile`, can reach with room to spare; whoever needs more
/// certainty asks for it.
constexpr std::uint64_t kDefaultQuietRuns = 10;
constexpr double kPercent = 100;
constexpr double kMaxHours = 100'000;  ///< eleven years
constexpr double kFewHours = 0.1;      ///< of less than that, hours say nothing

struct Typed {
  std::vector<std::string> files;
  std::string runs;
  std::string hours;
  bool force = false;
  bool json = false;
};

Result<EvidenceText> read_evidence_text(const std::string& path) {
  Result<std::string> text = read_file(path);
  if (!text) return propagate(text);
  const std::string name = path == "-" ? "standard input" : path;
  Result<FileKind> kind = kind_of(*text, name);
  if (!kind) return propagate(kind);
  if (*kind != FileKind::kEvidence) {
    return fail(Errc::kBadInput, "{}: {}, where {} is wanted", printable(name), kind_name(*kind),
                kind_name(FileKind::kEvidence));
  }
  return EvidenceText{name, std::move(*text)};
}

/// "about 5 %", "below 15 %"
std::string chance_text(const Saturation& saturation) {
  const auto percent = [](double chance) {
    return fmt::format("{} %", static_cast<int>(std::ceil(chance * kPercent)));
  };
  if (saturation.new_runs == 0) return "below " + percent(saturation.limit_of_chance());
  return "about " + percent(saturation.chance_of_new());
}

double hours_of(std::uint64_t ns) { return static_cast<double>(ns) / kNsPerHour; }

/// Why it is not enough; empty when it is.
std::string why_not(const Evidence& evidence, const Saturation& saturation, const Wanted& wanted) {
  if (evidence.lost > 0) {
    return fmt::format(
        "{} lost, and may have been new",
        evidence.lost == 1 ? "1 call was" : with_commas(evidence.lost) + " calls were");
  }
  if (wanted.quiet_runs && saturation.quiet_runs < *wanted.quiet_runs) {
    return fmt::format("{} with nothing new, of {} that are wanted",
                       plural(saturation.quiet_runs, "run"), *wanted.quiet_runs);
  }
  if (!wanted.quiet_hours) return {};
  if (!saturation.quiet_ns) return "the evidence does not say when calls came";
  if (hours_of(*saturation.quiet_ns) >= *wanted.quiet_hours) return {};
  return fmt::format("{:.2f} hours with nothing new, of {} that are wanted",
                     hours_of(*saturation.quiet_ns), *wanted.quiet_hours);
}

Result<double> number_of_hours(const std::string& text) {
  double hours = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), hours);
  if (error == std::errc() && end == text.data() + text.size() && hours > 0 && hours <= kMaxHours) {
    return hours;
  }
  return fail(Errc::kUsage, "--hours: \"{}\" is not allowed, a number above 0 and up to {} is",
              printable(text), with_commas(static_cast<std::uint64_t>(kMaxHours)));
}

/// By what is judged; by runs where nothing is said.
Result<Wanted> wanted_of(const Typed& typed) {
  Wanted wanted;
  if (!typed.hours.empty()) {
    Result<double> hours = number_of_hours(typed.hours);
    if (!hours) return propagate(hours);
    wanted.quiet_hours = *hours;
  }
  if (!typed.runs.empty()) {
    Result<std::uint64_t> runs = number_of("--runs", typed.runs, 1, kMaxRuns);
    if (!runs) return propagate(runs);
    wanted.quiet_runs = *runs;
  } else if (typed.hours.empty()) {
    wanted.quiet_runs = kDefaultQuietRuns;
  }
  return wanted;
}

/// The sentences, as far as the verdict.
std::string report(const Evidence& evidence, const Saturation& saturation) {
  std::string text;
  if (!evidence.program.path.empty()) text += printable(evidence.program.path) + ": ";
  text += fmt::format("{} in {}\n", plural(saturation.calls, "different call"),
                      plural(saturation.runs, "run"));
  if (saturation.span_ns && saturation.quiet_ns && hours_of(*saturation.span_ns) >= kFewHours) {
    text += fmt::format("no new call in the last {:.2f} of {:.2f} hours\n",
                        hours_of(*saturation.quiet_ns), hours_of(*saturation.span_ns));
  }
  if (saturation.runs < 2) return text;
  text += saturation.quiet_runs == 0 ? std::string("the last run showed a new call\n")
                                     : fmt::format("no new call in the last {} of {} runs\n",
                                                   saturation.quiet_runs, saturation.runs);
  text += fmt::format(
      "chance that one more run shows a new call: {} ({} of {} runs showed a call "
      "that no other run did)\n",
      chance_text(saturation), saturation.new_runs, saturation.runs);
  for (const std::string& line : rare_lines(evidence)) text += line + "\n";
  return text;
}

}  // namespace

int verb_saturation(const Words& words) {
  CLI::App app(
      "Say whether a program has been recorded often enough: for how many runs nothing new has "
      "come, how likely a further run shows a new call, and which calls are rare. Several files "
      "are taken one after the other, as `sysnare merge` does.",
      std::string(kName));
  Typed typed;
  app.add_option("FILE", typed.files, "evidence; - is standard input")->required();
  app.add_option("--runs", typed.runs,
                 fmt::format("enough are N runs in a row with nothing new (default: {})",
                             kDefaultQuietRuns))
      ->type_name("N");
  app.add_option("--hours", typed.hours,
                 "enough are H hours with nothing new, for recordings of long runs")
      ->type_name("H");
  app.add_flag("--force", typed.force, "take recordings of several programs together");
  app.add_flag("--json", typed.json, "the same as one JSON document");
  app.footer(
      "examples:\n"
      "  sysnare trace --runs 20 -o hello.evidence.json -- ./helloworld\n"
      "  sysnare saturation hello.evidence.json\n"
      "  sysnare trace --until-saturated 10 -o hello.evidence.json -- ./helloworld\n"
      "\n"
      "exit status: 0 enough, 1 not yet, 2 usage error, 3 a file cannot be used.");
  const Parsed parsed = parse(app, words, kUsageError, false);
  if (parsed.leave) return parsed.status;
  if (reads_stdin_twice(typed.files)) {
    complain(kName, "standard input can be one of the files, not several");
    return kUsageError;
  }
  Result<Wanted> wanted = wanted_of(typed);
  if (!wanted) return failed(kName, wanted.error());
  std::vector<EvidenceText> texts;
  for (const std::string& path : typed.files) {
    Result<EvidenceText> text = read_evidence_text(path);
    if (!text) return failed(kName, text.error());
    texts.push_back(std::move(*text));
  }
  Result<Joined> joined = join_evidence(texts, typed.force);
  if (!joined) return failed(kName, joined.error());
  complain_each(kName, joined->warnings);
  const Evidence& evidence = joined->evidence;
  const Saturation saturation = saturation_of(evidence);
  const std::string why = why_not(evidence, saturation, *wanted);
  if (typed.json) {
    say(stdout, "{}", saturation_document(typed.files, evidence, *wanted, why));
  } else {
    say(stdout, "{}{}", report(evidence, saturation),
        why.empty() ? "enough\n" : "not yet: " + why + "\n");
  }
  return why.empty() ? kOk : kFoundSomething;
}

}  // namespace sysnare::cli
