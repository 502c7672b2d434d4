#include <fmt/core.h>

#include <algorithm>
#include <new>

#include "cli/print.h"
#include "cli/verb.h"

namespace sysnare::cli {
namespace {

constexpr Verb kVerbs[] = {
    {"trace", "print which system calls a command or a running process makes", verb_trace},
    {"scan", "say which system calls a program can make, from its files alone", verb_scan},
    {"profile", "turn evidence, or a command, into a profile that allows just that", verb_profile},
    {"merge", "join evidence files, or profiles, into one", verb_merge},
    {"saturation", "say whether a program has been recorded often enough", verb_saturation},
    {"run", "run a command under a seccomp profile", verb_run},
    {"watch", "run a command with a trip wire around its profile", verb_watch},
    {"hook", "record a container when its runtime starts it (for OCI runtimes)", verb_hook},
    {"lint", "find the pitfalls in profiles, and mend them", verb_lint},
    {"explain", "say which entry of a profile decides a call, and why", verb_explain},
    {"convert", "turn a profile of any dialect into plain OCI or Docker JSON", verb_convert},
    {"diff", "say on which calls two profiles or filters decide differently", verb_diff},
    {"simulate", "say what a profile or filter decides about calls", verb_simulate},
    {"disasm", "print a filter's instructions, or the profile that says the same", verb_disasm},
    {"dump", "read the filters of a running process", verb_dump},
    {"syscalls", "print the reference table of system calls", verb_syscalls},
    {"doctor", "say what this machine supports, and what to do about the rest", verb_doctor},
    {"demo", "tell the whole story on a Hello World, on this machine", verb_demo},
};

void print_help() {
  say(stdout,
      "sysnare tells exactly which system calls a program needs, allows only those,\n"
      "and sets a trip wire around it.\n\n"
      "usage: sysnare VERB [options] [-- COMMAND...]\n\n"
      "verbs:\n");
  for (const Verb& verb : kVerbs) say(stdout, "  {:<11} {}\n", verb.name, verb.summary);
  say(stdout, "\n`sysnare VERB --help` says more. `sysnare --version` prints the version.\n");
}

}  // namespace

std::span<const Verb> verbs() { return kVerbs; }

int run(const Words& words) {
  if (words.empty()) {
    print_help();
    return kUsageError;
  }
  const std::string& first = words.front();
  if (first == "--help" || first == "-h" || first == "help") {
    print_help();
    return finish("", kOk, kUnusableInput);
  }
  if (first == "--version" || first == "-V") {
    say(stdout, "sysnare {}\n", SYSNARE_VERSION);
    return finish("", kOk, kUnusableInput);
  }
  const auto found = std::find_if(std::begin(kVerbs), std::end(kVerbs),
                                  [&](const Verb& verb) { return verb.name == first; });
  if (found == std::end(kVerbs)) {
    std::vector<std::string_view> names;
    for (const Verb& verb : kVerbs) names.push_back(verb.name);
    complain("", unknown_word("verb", first, names) + "; `sysnare --help` lists the verbs");
    return kUsageError;
  }
  const bool launches =
      found->run == verb_trace || found->run == verb_run || found->run == verb_watch;
  const int failed = launches ? kLaunchFailed : kUnusableInput;
  try {
    const int status = found->run(Words(words.begin() + 1, words.end()));
    return finish(first, status, failed);
  } catch (const std::bad_alloc&) {
    complain(first, "out of memory");
    return failed;
  }
}

}  // namespace sysnare::cli
