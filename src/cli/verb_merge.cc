// sysnare merge: several evidence files become one, with the runs of all; or several profiles one.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <set>
#include <vector>

#include "base/file.h"
#include "base/text.h"
#include "cli/filter_input.h"
#include "cli/merge_profiles.h"
#include "cli/print.h"
#include "cli/verb.h"
#include "evidence/evidence.h"
#include "filter/raw.h"
#include "flow/profile_file.h"
#include "learn/learn.h"

namespace sysnare::cli {
namespace {

constexpr std::string_view kName = "merge";

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

Result<Evidence> merged(const std::vector<Input>& inputs) {
  Evidence all;
  bool first = true;
  std::set<std::string> programs;
  for (const Input& input : inputs) {
    Result<Evidence> one = parse_evidence(input.text, input.name);
    if (!one) return propagate(one);
    programs.insert(one->program.path);
    if (first) {
      all = std::move(*one);
    } else {
      merge_evidence(all, *one);
    }
    first = false;
  }
  if (programs.size() > 1) {
    complain(kName, fmt::format("these are recordings of {} programs; a profile of the result "
                                "allows each what any of them needs",
                                programs.size()));
  }
  return all;
}

int join_evidence(const std::vector<Input>& inputs, const std::string& output) {
  Result<Evidence> all = merged(inputs);
  if (!all) return failed(kName, all.error());
  if (Result<void> written = write_file_atomic(output, write_evidence(*all)); !written) {
    return failed(kName, written.error());
  }
  say(stderr, "{} of {} in {}, {} lost; {}\n", plural(all->observed(), "call"),
      plural(all->calls.size(), "kind"), plural(all->runs, "run"), with_commas(all->lost),
      saturation_text(*all));
  return kOk;
}

}  // namespace

int verb_merge(const Words& words) {
  CLI::App app(
      "Join evidence files into one: counts and runs add up, and runs are numbered on in the order "
      "of the files. Or join profiles (or filters) by what they decide: the result allows what any "
      "of them allows, or with --intersect what all of them allow.",
      std::string(kName));
  std::vector<std::string> paths;
  std::string output = "-";
  MergeWords merge;
  app.add_option("FILE", paths, "evidence, or profiles; - is standard input")->required();
  auto* const out =
      app.add_option("-o,--output", output, "write the result here (default: standard output)")
          ->type_name("FILE");
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
  return join_evidence(inputs, output);
}

}  // namespace sysnare::cli
