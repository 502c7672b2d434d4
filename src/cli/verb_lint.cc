// sysnare lint PROFILE...: the pitfalls in seccomp profiles.

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/file.h"
#include "base/text.h"
#include "cli/filter_input.h"
#include "cli/lint_report.h"
#include "cli/machine.h"
#include "cli/print.h"
#include "cli/verb.h"

namespace sysnare::cli {
namespace {

constexpr std::string_view kName = "lint";

struct Typed {
  std::vector<std::string> files;
  std::vector<std::string> disabled;
  std::string fail_on = "info";
  MachineWords machine;
  bool fix = false;
  bool json = false;
  bool sarif = false;
  bool rules = false;
};

struct Wanted {
  LintOptions options;
  Severity fail_on = Severity::kInfo;
};

std::optional<Wanted> wanted_of(const Typed& typed) {
  Wanted wanted;
  if (typed.files.empty()) {
    complain(kName, "no profile; `sysnare lint FILE...` judges profiles, `-` is standard input");
    return std::nullopt;
  }
  if (typed.json && typed.sarif) {
    complain(kName, "--json and --sarif exclude each other");
    return std::nullopt;
  }
  if (typed.fix && std::find(typed.files.begin(), typed.files.end(), "-") != typed.files.end()) {
    complain(kName, "--fix mends a file in its place, and standard input has none");
    return std::nullopt;
  }
  for (const std::string& id : typed.disabled) {
    if (lint_rule(id) == nullptr) {
      std::vector<std::string_view> ids;
      for (const LintRule& rule : lint_rules()) ids.push_back(rule.id);
      complain(kName, fmt::format("--disable: {}; `sysnare lint --rules` lists them",
                                  unknown_word("rule", id, ids)));
      return std::nullopt;
    }
    wanted.options.disabled.push_back(id);
  }
  const auto severity = severity_by_name(typed.fail_on);
  if (!severity) {
    complain(kName,
             fmt::format("--fail-on: {}; there are: error, warning, info",
                         unknown_word("severity", typed.fail_on, {"error", "warning", "info"})));
    return std::nullopt;
  }
  wanted.fail_on = *severity;
  Result<Machine> machine = machine_of(typed.machine);
  if (!machine) {
    complain(kName, machine.error());
    return std::nullopt;
  }
  wanted.options.resolve = std::move(machine->options);
  return wanted;
}

/// Writes what --fix made of `profile`, and gives the profile that is now in the file.
Result<Profile> fixed(const std::string& path, Profile profile, const LintOptions& options,
                      std::vector<std::string>& changes) {
  Result<FixedProfile> fix = fix_profile(profile, options);
  if (!fix) return propagate(fix);
  if (fix->changes.empty()) return profile;
  const bool had_unknown_keys =
      std::any_of(profile.oddities.begin(), profile.oddities.end(),
                  [](const Oddity& each) { return each.kind == Oddity::Kind::kUnknownKey; });
  struct stat status {};
  const unsigned mode = ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777U : 0666U;
  if (Result<void> done = write_file_atomic(path, write_profile(fix->profile), mode); !done) {
    return propagate(done);
  }
  changes = std::move(fix->changes);
  if (had_unknown_keys) changes.emplace_back("keys that no reader knows are not written back");
  if (::access((path + ".why.json").c_str(), F_OK) == 0) {
    changes.push_back(fmt::format("{}.why.json is now about an older profile", path));
  }
  return load_profile(path);
}

Result<LintedFile> linted(const std::string& path, const Typed& typed, const LintOptions& options) {
  LintedFile file;
  file.name = path;
  file.fixes = typed.fix;
  Result<Imported> imported = read_any_profile(path, options.resolve.arch, &file.is_json);
  if (!imported) return propagate(imported);
  for (const std::string& loss : imported->losses) complain(kName, loss);
  Result<Profile> profile = std::move(imported->profile);
  if (typed.fix) {
    // Other formats are read here, and not written.
    if (Result<Profile> json = load_profile(path); !json) {
      return propagate(json, "--fix mends profiles in JSON alone");
    }
    profile = fixed(path, std::move(*profile), options, file.changes);
    if (!profile) return propagate(profile);
  }
  Result<LintReport> report = lint(*profile, options);
  if (!report) return propagate(report);
  file.report = std::move(*report);
  return file;
}

}  // namespace

int verb_lint(const Words& words) {
  CLI::App app(
      "Judge seccomp profiles: rules that do not hold what they say, calls closed by halves, "
      "refusals that hang programs, risky grants. Each finding names line and path, the reason and "
      "the fix.",
      std::string(kName));
  Typed typed;
  app.add_option("PROFILE", typed.files, "the profiles; - is standard input");
  app.add_flag("--fix", typed.fix, "mend what can be mended without knowing the program, in place");
  app.add_flag("--json", typed.json, "one JSON document");
  app.add_flag("--sarif", typed.sarif, "a SARIF 2.1.0 log, as code scanners read it");
  app.add_option("--disable", typed.disabled, "leave out these rules, A,B; may be repeated")
      ->type_name("ID")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--fail-on", typed.fail_on,
                 "least severity that counts for the status: error, warning, info (default)")
      ->type_name("SEVERITY");
  app.add_flag("--rules", typed.rules, "list every rule and exit");
  add_machine_options(app, typed.machine, kWhere | kIntArgs);
  app.footer(
      "examples:\n"
      "  sysnare lint allow-helloworld.json\n"
      "  sysnare lint --caps CAP_SYS_ADMIN --disable risky-grant,x32-open docker.json\n"
      "  sysnare lint --fix deny-dir.json\n"
      "\n"
      "exit status: 0 clean, 1 there are findings, 2 usage error, 3 a profile cannot be\n"
      "used.");
  const Parsed parsed = parse(app, words, kUsageError, false);
  if (parsed.leave) return parsed.status;
  if (typed.rules) {
    say(stdout, "{}", rules_text());
    return kOk;
  }
  const std::optional<Wanted> wanted = wanted_of(typed);
  if (!wanted) return kUsageError;

  std::vector<LintedFile> files;
  int status = kOk;
  for (const std::string& path : typed.files) {
    Result<LintedFile> file = linted(path, typed, wanted->options);
    if (!file) {
      complain(kName, file.error());
      status = kUnusableInput;
      continue;
    }
    const auto& findings = file->report.findings;
    const bool counts = std::any_of(
        findings.begin(), findings.end(),
        [&](const LintFinding& finding) { return finding.severity >= wanted->fail_on; });
    if (counts && status == kOk) status = kFoundSomething;
    files.push_back(std::move(*file));
  }
  if (typed.json) {
    say(stdout, "{}", lint_json(files));
  } else if (typed.sarif) {
    say(stdout, "{}", lint_sarif(files));
  } else {
    say(stdout, "{}", lint_text(files, ::isatty(STDOUT_FILENO) == 1));
  }
  return status;
}

}  // namespace sysnare::cli
