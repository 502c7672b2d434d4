#pragma once
// Is this call outside the profile, how bad is that, and what happens to it?
//
// Pure decisions, no kernel. Two halves that belong together: watch_profile() says which calls the
// filter hands to the supervisor, and Judge says what the supervisor does with each of them.
// Number and arguments of a held call are registers and cannot change under the judge; memory that
// an argument points to can, so nothing here looks at it
// (docs/adr/0060-what-the-wire-guarantees.md).
//
// Source: seccomp_unotify(2); kernel/seccomp.c, Linux 6.18 (precedence of actions).

#include <linux/seccomp.h>
#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>

#include "alert/alert.h"
#include "profile/resolve.h"

namespace sysnare {

/// What the user wants done about a grade.
enum class Response : std::uint8_t {
  kAlert,  ///< say it; the call gets what the profile's rules give it, else it goes on
  kErrno,  ///< refuse it
  kKill,   ///< kill the process before the call
};

struct WatchPolicy {
  bool enforce = false;          ///< give calls outside the profile the profile's default action
  std::map<Grade, Response> on;  ///< goes before `enforce`
  /// Who watches, and may not be limited by who is watched (limits_process); 0: nobody.
  pid_t supervisor = 0;
  [[nodiscard]] std::optional<Response> response(Grade grade) const;
};

/// What happens to one call.
struct Judgement {
  enum class Answer : std::uint8_t { kContinue, kErrno, kKill };
  bool alert = false;  ///< outside the profile; false: answered silently
  Grade grade = Grade::kUnknown;
  Answer answer = Answer::kKill;
  int error = 0;  ///< of kErrno
  bool operator==(const Judgement&) const = default;
};

/// Whether the call starts a new program: execve or execveat, of any ABI.
bool is_exec(Call call);

/// The call in `data`; a number of an unknown architecture counts as one of ours.
Call call_of(const seccomp_data& data);

/// Whether the call would set a resource limit of `process`: prlimit64(2), of any ABI. Linux asks
/// for equal users and no more (kernel/sys.c check_prlimit_permission(), v6.18), and nearly every
/// profile allows the call, for libc asks for its own limits. A supervisor without file sizes
/// cannot write alerts, one without descriptors cannot look at anybody.
bool limits_process(const seccomp_data& data, pid_t process);

/// The profile whose filter is loaded under `watch`: NOTIFY for all that the supervisor must see.
/// In the kernel stay: ALLOW; an explicit ENOSYS (a libc's way to try an older call: silent); an
/// explicit LOG beside a default that is not ALLOW; and explicit KILL and TRAP, so that the program
/// dies, or its handler runs, as the profile says it (unless `policy` kills for `denied` anyway).
/// NOTIFY: the default action unless it is ALLOW, every other explicit entry, ABIs that the profile
/// does not list, execve and execveat always, and what limits `policy.supervisor`.
ResolvedProfile watch_profile(const ResolvedProfile& profile, const WatchPolicy& policy);

class Judge {
 public:
  Judge(ResolvedProfile profile, WatchPolicy policy);

  /// `exec_is_known`: for execve and execveat, whether this exec is known to be the program's own.
  /// Such an exec is inside the profile where the profile allows it; every other is outside.
  /// A call that limits the supervisor never goes on: it is `denied`, with EPERM where nothing says
  /// worse.
  [[nodiscard]] Judgement judge(const seccomp_data& data, bool exec_is_known) const;

  /// An exec that the user allowed by name (`--allow-exec`): inside, unless a rule of the profile
  /// forbids it explicitly.
  [[nodiscard]] Judgement judge_allowed_exec(const seccomp_data& data) const;

 private:
  /// What the rules say, and whether it was a rule at all.
  struct Ruling {
    ActionValue action;
    bool by_rule = false;
    bool foreign_abi = false;
  };
  [[nodiscard]] Ruling rule(const seccomp_data& data) const;
  [[nodiscard]] Judgement judge_by_profile(const seccomp_data& data, bool exec_is_known) const;
  [[nodiscard]] Judgement outside(Grade grade, ActionValue action, bool keep_action) const;

  ResolvedProfile profile_;  ///< with a default action of our own, see judge.cc
  ActionValue default_action_;
  WatchPolicy policy_;
};

}  // namespace sysnare
