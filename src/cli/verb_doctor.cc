// sysnare doctor: is this kernel, user and container engine ready?

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/print.h"
#include "cli/verb.h"
#include "flow/doctor.h"

namespace sysnare::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kJsonSchema = 1;

std::string_view colour_of(Standing standing) {
  switch (standing) {
    case Standing::kOk:
      return "\x1b[32m";
    case Standing::kMissing:
      return "\x1b[31m";
    case Standing::kPartly:
    case Standing::kUnknown:
      break;
  }
  return "\x1b[33m";
}

void print_table(const std::vector<Finding>& findings, bool colour) {
  std::size_t width = 0;
  for (const Finding& finding : findings) width = std::max(width, finding.name.size());
  std::string group;
  for (const Finding& finding : findings) {
    if (finding.group != group) {
      group = finding.group;
      say(stdout, "{}{}{}\n", colour ? "\x1b[1m" : "", group, colour ? "\x1b[0m" : "");
    }
    const std::string_view word = standing_name(finding.standing);
    say(stdout, "  {}{:<8}{} {:<{}}  {}\n", colour ? colour_of(finding.standing) : "", word,
        colour ? "\x1b[0m" : "", finding.name, width, finding.value);
    if (!finding.cost.empty()) say(stdout, "  {:{}}  costs: {}\n", "", width + 9, finding.cost);
    if (!finding.remedy.empty()) say(stdout, "  {:{}}  do:    {}\n", "", width + 9, finding.remedy);
  }
}

void print_summary(const std::vector<Finding>& findings) {
  std::vector<std::string> broken;
  std::vector<std::string> limited;
  for (const Finding& finding : findings) {
    if (finding.standing == Standing::kOk) continue;
    std::vector<std::string>& list =
        finding.needed && finding.standing == Standing::kMissing ? broken : limited;
    // Two clients of one engine are two rows of one name.
    if (std::find(list.begin(), list.end(), finding.name) == list.end()) {
      list.push_back(finding.name);
    }
  }
  if (broken.empty()) {
    say(stdout, "\ntrace, run and watch work here");
  } else {
    say(stdout, "\ntrace, run and watch do not all work here: {} missing", join_and(broken));
  }
  if (!limited.empty()) say(stdout, "; missing or limited: {}", fmt::join(limited, ", "));
  say(stdout, "\n");
}

void print_json(const std::vector<Finding>& findings) {
  utsname name{};
  ::uname(&name);
  Json document = {{"schema", kJsonSchema},    {"version", SYSNARE_VERSION},
                   {"kernel", name.release},   {"machine", name.machine},
                   {"uid", ::geteuid()},       {"ok", core_works(findings)},
                   {"findings", Json::array()}};
  for (const Finding& finding : findings) {
    document["findings"].push_back({{"group", finding.group},
                                    {"name", finding.name},
                                    {"standing", standing_name(finding.standing)},
                                    {"needed", finding.needed},
                                    {"value", finding.value},
                                    {"cost", finding.cost},
                                    {"remedy", finding.remedy}});
  }
  say(stdout, "{}\n", document.dump(2, ' ', false, Json::error_handler_t::replace));
}

}  // namespace

int verb_doctor(const Words& words) {
  CLI::App app(
      "Say what this kernel, user and container engines support, what each missing thing "
      "costs and what to do about it.",
      "doctor");
  bool json = false;
  app.add_flag("--json", json, "one JSON document");
  const Parsed parsed = parse(app, words, kUsageError, false);
  if (parsed.leave) return parsed.status;

  std::vector<Finding> findings = examine_kernel();
  const auto append = [&](std::vector<Finding> more) {
    findings.insert(findings.end(), more.begin(), more.end());
  };
  append(examine_user());
  // An engine that does not answer holds us for seconds: say so to a person.
  const bool progress = ::isatty(STDERR_FILENO) == 1;
  if (progress) say(stderr, "asking container engines ...");
  append(examine_engines());
  if (progress) say(stderr, "\r\x1b[K");
  append(examine_tools());

  if (json) {
    print_json(findings);
  } else {
    print_table(findings, ::isatty(STDOUT_FILENO) == 1);
    print_summary(findings);
  }
  return core_works(findings) ? kOk : kFoundSomething;
}

}  // namespace sysnare::cli
