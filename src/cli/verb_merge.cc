// sysnare merge: several evidence files become one, with the runs of all; or several profiles one.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/text.h"
#include "cli/call_table.h"
#include "cli/evidence_files.h"
#include "cli/filter_input.h"
#include "cli/merge_profiles.h"
#include "cli/print.h"
#include "cli/saturation_json.h"
#include "cli/verb.h"
#include "evidence/evidence.h"
#include "evidence/saturation.h"
#include "filter/raw.h"
#include "flow/profile_file.h"

namespace sysnare::cli {
namespace {

constexpr std::string_view kName = "merge";
/// New calls of a file that are said one by one; the rest is counted.
constexpr std::size_t kMaxNewCalls = 24;

struct Input {
  std::string name;
  std::string text;
  FileKind kind = FileKind::kOther;
};

Result<Input> read_input(const std::string& path) {
  Result<std::string> text = read_file(path);
  if (!text) return propagate(text);
  Input input;
  input.name = path == "-" ? "standard input" : path;
  if (looks_like_filter(*text)) {
    // Bytes are judged where they are read.
    input.kind = FileKind::kProfile;
    input.text = std::move(*text);
    return input;
  }
  Result<FileKind> kind = kind_of(*text, input.name);
  if (!kind) return propagate(kind);
  input.kind = *kind;
  input.text = std::move(*text);
  return input;
}

/// Whether these are profiles. Errors: kUsage for a mix, kBadInput for anything else.
Result<bool> are_profiles(const std::vector<Input>& inputs) {
  const auto is = [&](FileKind kind) {
    return std::find_if(inputs.begin(), inputs.end(),
                        [kind](const Input& input) { return input.kind == kind; });
  };
  const auto profile = is(FileKind::kProfile);
  const auto evidence = is(FileKind::kEvidence);
  if (profile != inputs.end() && evidence != inputs.end()) {
    return fail(Errc::kUsage,
                "{} is evidence and {} a profile: merge takes files of one kind; make a profile of "
                "several evidence files by `sysnare profile EVIDENCE... -o FILE`",
                printable(evidence->name), printable(profile->name));
  }
  for (const Input& input : inputs) {
    if (input.kind == FileKind::kWhy) {
      return fail(Errc::kBadInput, "{}: {}, where {} is wanted", printable(input.name),
                  kind_name(input.kind),
                  kind_name(profile != inputs.end() ? FileKind::kProfile : FileKind::kEvidence));
    }
  }
  return profile != inputs.end();
}

/// What is asked of evidence.
struct EvidenceWords {
  bool force = false;
  bool json = false;
};

/// "b.json: 8 runs, 62 different calls, 2 of them new: madvise in 3 of 8 runs, tgkill in 1"
std::string contribution_text(const Contribution& file) {
  std::string text = fmt::format("{}: {}, {}", printable(file.file),
                                 file.runs == 0 ? "a scan" : plural(file.runs, "run"),
                                 plural(file.calls, "different call"));
  if (file.new_calls.empty()) return text;
  text += fmt::format(", {} of them new: ", file.new_calls.size());
  for (std::size_t i = 0; i < file.new_calls.size() && i < kMaxNewCalls; ++i) {
    const NewCall& call = file.new_calls[i];
    text += fmt::format("{}{}", i == 0 ? "" : ", ", call.name);
    if (file.runs > 1) text += fmt::format(" in {} of {} runs", call.runs_seen, file.runs);
  }
  if (file.new_calls.size() > kMaxNewCalls) {
    text += fmt::format(" and {} more", file.new_calls.size() - kMaxNewCalls);
  }
  return text;
}

int merge_evidence_files(std::vector<Input> inputs, const std::string& output,
                         const EvidenceWords& words) {
  if (words.json && output == "-") {
    complain(kName, "--json prints the summary where the evidence would go; add -o FILE");
    return kUsageError;
  }
  std::vector<EvidenceText> texts;
  for (Input& input : inputs) texts.push_back({input.name, std::move(input.text)});
  Result<Joined> joined = join_evidence(texts, words.force);
  if (!joined) return failed(kName, joined.error());
  const Evidence& all = joined->evidence;
  if (Result<void> written = write_file_atomic(output, write_evidence(all)); !written) {
    return failed(kName, written.error());
  }
  complain_each(kName, joined->warnings);
  if (words.json) {
    say(stdout, "{}", merge_document(*joined));
    return kOk;
  }
  for (const Contribution& file : joined->files) say(stderr, "{}\n", contribution_text(file));
  for (const std::string& line : rare_lines(all)) say(stderr, "{}\n", line);
  say(stderr, "{}, {}: {}\n{}", plural(all.runs, "run"), plural(all.calls.size(), "different call"),
      saturation_text(all), call_total(all));
  return kOk;
}

}  // namespace

int verb_merge(const Words& words) {
  CLI::App app(
      "Join evidence files into one: counts and runs add up, and runs are numbered on in the order "
      "of the files; what each file brings is said. Or join profiles (or filters) by what they "
      "decide: the result allows what any of them allows, or with --intersect what all of them "
      "allow.",
      std::string(kName));
  std::vector<std::string> paths;
  std::string output = "-";
  MergeWords merge;
  EvidenceWords of_evidence;
  app.add_option("FILE", paths, "evidence, or profiles; - is standard input")->required();
  auto* const out =
      app.add_option("-o,--output", output, "write the result here (default: standard output)")
          ->type_name("FILE");
  app.add_flag("--force", of_evidence.force, "evidence: merge recordings of several programs too");
  app.add_flag("--json", of_evidence.json,
               "evidence: what each file brings as one JSON document on standard output");
  app.add_flag("--intersect", merge.intersect, "profiles: allow what all of them allow");
  app.add_option("--check", merge.check,
                 "profiles: write nothing; end with 1 when this file decides otherwise than the "
                 "result would")
      ->type_name("RESULT")
      ->excludes(out);
  app.add_flag("--lossy", merge.lossy, "profiles: write what a profile can say of the result");
  add_machine_options(app, merge.machine);
  app.footer(
      "examples:\n"
      "  sysnare merge monday.evidence.json tuesday.evidence.json -o week.evidence.json\n"
      "  sysnare merge web.json worker.json -o pod.json\n"
      "\n"
      "exit status: 0 merged, 1 --check found a difference, 2 usage error, 3 a file\n"
      "cannot be used or written.");
  const Parsed parsed = parse(app, words, kUsageError, false);
  if (parsed.leave) return parsed.status;
  std::vector<std::string> all = paths;
  if (!merge.check.empty()) all.push_back(merge.check);
  if (reads_stdin_twice(all)) {
    complain(kName, "standard input can be one of the files, not several");
    return kUsageError;
  }

  std::vector<Input> inputs;
  for (const std::string& path : paths) {
    Result<Input> input = read_input(path);
    if (!input) return failed(kName, input.error());
    inputs.push_back(std::move(*input));
  }
  Result<bool> profiles = are_profiles(inputs);
  if (!profiles) return failed(kName, profiles.error());
  if (*profiles) {
    if (of_evidence.force || of_evidence.json) {
      complain(kName, "--force and --json go with evidence, and these files are profiles");
      return kUsageError;
    }
    std::vector<NamedText> texts;
    for (Input& input : inputs) texts.push_back({input.name, std::move(input.text)});
    return merge_profiles(texts, merge, output);
  }
  if (merge.intersect || merge.lossy || !merge.check.empty() || merge.machine.given()) {
    complain(
        kName,
        "--intersect, --check, --lossy and what is said of a machine go with profiles, and these "
        "files are evidence");
    return kUsageError;
  }
  return merge_evidence_files(std::move(inputs), output, of_evidence);
}

}  // namespace sysnare::cli
