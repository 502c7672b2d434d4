// sysnare merge: several evidence files become one, with the runs of all.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <set>
#include <vector>

#include "base/file.h"
#include "base/text.h"
#include "cli/print.h"
#include "cli/verb.h"
#include "evidence/evidence.h"
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
  Result<FileKind> kind = kind_of(*text, input.name);
  if (!kind) return propagate(kind);
  input.kind = *kind;
  input.text = std::move(*text);
  return input;
}

/// All must be evidence. What else they are decides between an unusable file and a misused verb.
Result<void> check_kinds(const std::vector<Input>& inputs) {
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
  if (profile != inputs.end()) {
    return fail(Errc::kUsage,
                "{} is a profile, and this version merges evidence only; merge the evidence that "
                "the profiles were made of, and make one profile of it",
                printable(profile->name));
  }
  for (const Input& input : inputs) {
    if (input.kind == FileKind::kWhy) {
      return fail(Errc::kBadInput, "{}: {}, where an evidence file is wanted",
                  printable(input.name), kind_name(input.kind));
    }
  }
  return {};
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

int failed(const Error& error) {
  complain(kName, error);
  return error.code == Errc::kUsage ? kUsageError : kUnusableInput;
}

}  // namespace

int verb_merge(const Words& words) {
  CLI::App app(
      "Join evidence files into one: counts and runs add up, and runs are numbered on in the order "
      "of the files.",
      std::string(kName));
  std::vector<std::string> paths;
  std::string output = "-";
  app.add_option("EVIDENCE", paths, "what `sysnare trace -o` saved; - is standard input")
      ->required();
  app.add_option("-o,--output", output, "write the result here (default: standard output)")
      ->type_name("FILE");
  app.footer(
      "example:\n"
      "  sysnare merge monday.evidence.json tuesday.evidence.json -o week.evidence.json\n"
      "\n"
      "exit status: 0 merged, 2 usage error, 3 a file cannot be used or written.");
  const Parsed parsed = parse(app, words, kUsageError, false);
  if (parsed.leave) return parsed.status;

  std::vector<Input> inputs;
  for (const std::string& path : paths) {
    Result<Input> input = read_input(path);
    if (!input) return failed(input.error());
    inputs.push_back(std::move(*input));
  }
  if (Result<void> good = check_kinds(inputs); !good) return failed(good.error());
  Result<Evidence> all = merged(inputs);
  if (!all) return failed(all.error());
  if (Result<void> written = write_file_atomic(output, write_evidence(*all)); !written) {
    return failed(written.error());
  }
  say(stderr, "{} of {} in {}, {} lost; {}\n", plural(all->observed(), "call"),
      plural(all->calls.size(), "kind"), plural(all->runs, "run"), with_commas(all->lost),
      saturation_text(*all));
  return kOk;
}

}  // namespace sysnare::cli
