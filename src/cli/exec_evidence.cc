#include "cli/exec_evidence.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "arch/syscalls.h"
#include "base/file.h"
#include "base/text.h"
#include "evidence/evidence.h"
#include "learn/why.h"
#include "process/launch.h"
#include "tripwire/watch.h"

namespace sysnare::cli {
namespace {

using Say = std::function<void(const std::string&)>;

std::string canonical(const std::string& path) {
  std::error_code error;
  const std::filesystem::path real = std::filesystem::canonical(path, error);
  return error ? path : real.string();
}

/// Whether evidence of `program` speaks for `command`; says where it does not, or hardly.
bool speaks_for(const ProgramIdentity& program, const std::string& command, const std::string& file,
                const Say& say) {
  if (program.path.empty() && program.sha256.empty()) return true;  // merged, or written by hand
  const Result<std::string> path = find_executable(command);
  if (!path) return true;  // it will not start either
  const Result<std::string> sha256 = sha256_file(*path);
  const bool known = sha256 && !program.sha256.empty();
  if (known && program.sha256 == *sha256) return true;
  const bool same_path = canonical(program.path) == canonical(*path);
  if (same_path && !known) return true;
  if (same_path) {
    say(
        fmt::format("{} is evidence of another build of {} (sha256 {}..., now {}...); `sysnare "
                    "profile` with the new one brings both up to date",
                    printable(file), printable(program.path), program.sha256.substr(0, 12),
                    sha256->substr(0, 12)));
    return true;
  }
  say(
      fmt::format("{} is evidence of {}, not of {}, and is not used: every exec by the program is "
                  "outside the profile (--allow-exec PATH allows one)",
                  printable(file), printable(program.path), printable(*path)));
  return false;
}

bool shows_execs(const Evidence& evidence) {
  return std::any_of(evidence.calls.begin(), evidence.calls.end(), [](const CallEvidence& call) {
    const bool own = call.origin == Origin::kApplication || call.origin == Origin::kScan;
    return own && is_exec(call.call);
  });
}

}  // namespace

Result<bool> program_execs(const ExecQuestion& question, const Say& say) {
  if (!question.evidence.empty()) {
    Result<Evidence> evidence = load_evidence(question.evidence);
    if (!evidence) return propagate(evidence);
    const bool speaks = speaks_for(evidence->program, question.command, question.evidence, say);
    return speaks && shows_execs(*evidence);
  }
  // A profile without a file of its own (standard input, a pipe) has no side file: what lies in the
  // working directory under that name was made for no profile that we could compare.
  if (question.profile_sha256.empty()) return false;
  const std::string side_file = why_path(question.profile);
  Result<Why> why = load_why(side_file);
  if (!why) {
    if (why.error().code == Errc::kNotFound) return false;
    return propagate(why);
  }
  if (why->profile_sha256 != question.profile_sha256) {
    say(fmt::format(
        "{} was made for another state of {} and is not used: every exec by the program "
        "is outside the profile (--evidence FILE and --allow-exec PATH say otherwise)",
        printable(side_file), printable(question.profile)));
    return false;
  }
  if (!why->program_makes("execve") && !why->program_makes("execveat")) return false;
  return speaks_for(why->program, question.command, side_file, say);
}

}  // namespace sysnare::cli
