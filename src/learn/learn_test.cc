#include "learn/learn.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "arch/syscalls.h"
#include "base/file.h"
#include "learn/why.h"
#include "profile/by_width.h"
#include "profile/fallbacks.h"
#include "profile/lint/lint.h"

namespace sysnare {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Seen {
  const char* name;
  Abi abi = Abi::kX86_64;
  Origin origin = Origin::kApplication;
};

Evidence evidence_of(const std::vector<Seen>& calls) {
  Evidence evidence;
  evidence.program.path = "/usr/bin/true";
  evidence.recorder = "ptrace";
  for (const Seen& seen : calls) {
    CallEvidence& call = evidence.record({seen.abi, *syscall_nr(seen.abi, seen.name)}, seen.origin);
    call.count = 1;
    call.runs_seen = 1;
    call.first_run = 1;
  }
  return evidence;
}

const Entry* entry_of(const Profile& profile, std::string_view name) {
  for (const Entry& entry : profile.entries) {
    if (std::find(entry.names.begin(), entry.names.end(), name) != entry.names.end()) return &entry;
  }
  return nullptr;
}

const CallReason* reason_of(const Learned& learned, std::string_view name) {
  for (const CallReason& reason : learned.reasons) {
    if (reason.call == name) return &reason;
  }
  return nullptr;
}

std::string text_of(const Profile& profile) {
  std::string text;
  for (const Entry& entry : profile.entries) {
    text += entry.comment + ":";
    for (const std::string& name : entry.names) text += " " + name;
    text += "\n";
  }
  return text;
}

TEST(Learn, AllowsWhatWasSeenAndWhatTheKernelNeedsAndNothingElse) {
  const Result<Learned> learned =
      learn({evidence_of({{"execve", Abi::kX86_64, Origin::kLaunch}, {"write"}, {"brk"}})}, {}, {});
  ASSERT_TRUE(learned.has_value()) << learned.error().message;
  struct Case {
    const char* why;
    const char* name;
    bool allowed;
  };
  constexpr Case kCases[] = {
      {"seen", "write", true},
      {"seen", "brk", true},
      {"the launcher's own exec", "execve", true},
      {"never seen when the exec succeeds: strace -c leaves it out", "exit_group", true},
      {"ends a thread", "exit", true},
      {"signal handlers return by it", "rt_sigreturn", true},
      {"the kernel puts it into the program's registers", "restart_syscall", true},
      {"never seen", "openat", false},
      {"a new program must not pass unseen", "execveat", false},
      {"a fallback is refused, though softly", "clone3", false},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(std::string(c.name) + ": " + c.why);
    const Entry* entry = entry_of(learned->profile, c.name);
    EXPECT_EQ(entry != nullptr && entry->action == Action::kAllow, c.allowed);
  }
  EXPECT_EQ(learned->profile.default_action, Action::kErrno);
  EXPECT_EQ(learned->profile.default_errno_ret, 1u);
  EXPECT_THAT(learned->profile.architectures, ElementsAre("SCMP_ARCH_X86_64"));
}

TEST(Learn, RefusesWhatLibcDoesWithoutByEnosys) {
  const Result<Learned> learned = learn({evidence_of({{"write"}, {"statx"}})}, {}, {});
  ASSERT_TRUE(learned.has_value());
  for (const Fallback& fallback : fallbacks()) {
    const std::string name(fallback.call);
    SCOPED_TRACE(name);
    ASSERT_TRUE(is_syscall_name(name));
    const Entry* entry = entry_of(learned->profile, name);
    if (name == "statx") {
      EXPECT_EQ(entry->action, Action::kAllow) << "seen: no longer a fallback";
    } else if (!syscall_nr(Abi::kX86_64, name)) {
      EXPECT_EQ(entry, nullptr) << "x86_64 has no such call";
    } else {
      EXPECT_EQ(entry->action, Action::kErrno);
      EXPECT_EQ(entry->errno_ret, 38u);
    }
  }
}

TEST(Learn, LintIsCleanOnWhatIsGenerated) {
  struct Case {
    const char* why;
    std::vector<Seen> calls;
    LearnOptions options;
    std::vector<Layer> layers;
  };
  LearnOptions kill;
  kill.default_action = Action::kKillProcess;
  LearnOptions enosys;
  enosys.default_errno = 38;
  const std::vector<Seen> hello = {{"write"}, {"openat"}, {"mmap"}, {"clone"}, {"set_robust_list"}};
  const std::vector<Seen> i386 = {{"write", Abi::kI386}, {"mmap2", Abi::kI386},
                                  {"clone", Abi::kI386}, {"openat", Abi::kI386},
                                  {"futex", Abi::kI386}, {"socketcall", Abi::kI386}};
  const std::vector<Case> cases = {
      {"one program", hello, {}, {}},
      {"halves of families",
       {{"mkdir"}, {"open"}, {"fork"}, {"stat"}, {"rename"}, {"dup"}},
       {},
       {}},
      {"kills by default", hello, kill, {}},
      {"ENOSYS by default", hello, enosys, {}},
      {"a runtime's layer",
       hello,
       {},
       {{"runtime: runc", "measured", {"capset", "prctl", "statx"}}}},
      {"an i386 program", i386, {}, {}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const Result<Learned> learned = learn({evidence_of(c.calls)}, c.layers, c.options);
    ASSERT_TRUE(learned.has_value());
    LintOptions options;
    options.resolve.arch = Abi::kX86_64;
    const Result<LintReport> report = lint(learned->profile, options);
    ASSERT_TRUE(report.has_value());
    for (const LintFinding& finding : report->findings) {
      ADD_FAILURE() << finding.rule << ": " << finding.message;
    }
    EXPECT_EQ(report->score, 100U);
    // ADR 14: no condition is there whose meaning --int-args by-width would change.
    const Result<Profile> narrow = by_width(learned->profile);
    ASSERT_TRUE(narrow.has_value());
    EXPECT_EQ(write_profile(*narrow), write_profile(learned->profile));
  }
}

TEST(Learn, AddsTheFallbacksOnlyWhereTheDefaultRefuses) {
  struct Case {
    Action action;
    bool softened;
  };
  constexpr Case kCases[] = {
      {Action::kErrno, true},      {Action::kKill, true},   {Action::kKillProcess, true},
      {Action::kKillThread, true}, {Action::kTrap, true},   {Action::kLog, false},
      {Action::kNotify, false},    {Action::kTrace, false},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(action_name(c.action));
    LearnOptions options;
    options.default_action = c.action;
    const Result<Learned> learned = learn({evidence_of({{"write"}})}, {}, options);
    ASSERT_TRUE(learned.has_value());
    EXPECT_EQ(entry_of(learned->profile, "clone3") != nullptr, c.softened);
    EXPECT_EQ(learned->profile.default_errno_ret.has_value(), c.action == Action::kErrno);
  }
}

TEST(Learn, GivesTheSameProfileWhateverTheOrderOfTheEvidence) {
  const Evidence one = evidence_of({{"write"}, {"openat"}});
  const Evidence two = evidence_of({{"read"}, {"close", Abi::kI386}});
  const std::vector<Layer> layers = {{"runtime: runc", "measured", {"fstatfs", "getdents64"}}};
  const Result<Learned> forth = learn({one, two}, layers, {});
  const Result<Learned> back = learn({two, one}, layers, {});
  ASSERT_TRUE(forth && back);
  EXPECT_EQ(text_of(forth->profile), text_of(back->profile));
  EXPECT_EQ(forth->profile.architectures, back->profile.architectures);
}

TEST(Learn, AllowsNoLessForTheArgumentsThatAreKnown) {
  Evidence plain = evidence_of({{"socket"}, {"ioctl"}});
  Evidence with_args = plain;
  for (CallEvidence& call : with_args.calls) {
    call.add_arg(1, 7);
    call.set_many(2);
  }
  const Result<Learned> without = learn({plain}, {}, {});
  const Result<Learned> with = learn({with_args}, {}, {});
  ASSERT_TRUE(without && with);
  EXPECT_EQ(text_of(with->profile), text_of(without->profile));
}

TEST(Learn, LabelsALayerAndCountsNoCallTwice) {
  const std::vector<Layer> layers = {{"runtime: runc", "measured", {"fstatfs", "write"}}};
  const Result<Learned> learned = learn({evidence_of({{"write"}})}, layers, {});
  ASSERT_TRUE(learned.has_value());
  EXPECT_EQ(entry_of(learned->profile, "fstatfs")->comment, "runtime: runc");
  std::vector<std::string> all;
  for (const Entry& entry : learned->profile.entries) {
    all.insert(all.end(), entry.names.begin(), entry.names.end());
  }
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
  const CallReason* both = reason_of(*learned, "write");
  EXPECT_THAT(both->layers, Contains("runtime: runc")) << "seen, and needed by the runtime";
  EXPECT_THAT(both->origins, Contains(Origin::kApplication));
}

TEST(Learn, SaysWhatAnEntryByNameOpensInTheOtherArchitectures) {
  const Result<Learned> learned = learn({evidence_of({{"write"}, {"mkdir", Abi::kI386}})}, {}, {});
  ASSERT_TRUE(learned.has_value());
  EXPECT_THAT(learned->profile.architectures, ElementsAre("SCMP_ARCH_X86_64", "SCMP_ARCH_X86"));
  EXPECT_THAT(reason_of(*learned, "mkdir")->widened, ElementsAre(Abi::kX86_64));
  EXPECT_THAT(reason_of(*learned, "write")->widened, ElementsAre(Abi::kI386));
  EXPECT_THAT(learned->notes, Contains(HasSubstr("x86_64, i386")));
}

TEST(Learn, OpensNothingForOperationsThatOnlyARingMade) {
  const Result<Learned> learned =
      learn({evidence_of({{"write"}, {"openat", Abi::kX86_64, Origin::kIoUring}})}, {}, {});
  ASSERT_TRUE(learned.has_value());
  EXPECT_EQ(entry_of(learned->profile, "openat"), nullptr);
  EXPECT_THAT(learned->notes, Contains(HasSubstr("openat")));
}

TEST(Learn, NamesOperationsOfRings) {
  Evidence evidence = evidence_of({{"write"}});
  evidence.operations[18] = {3, 1, 1};
  const Result<Learned> learned = learn({evidence}, {}, {});
  ASSERT_TRUE(learned.has_value());
  EXPECT_THAT(learned->notes, Contains(HasSubstr("IORING_OP_OPENAT")));
  EXPECT_EQ(entry_of(learned->profile, "openat"), nullptr);
}

TEST(Learn, SaysWhatANamelessCallWillGet) {
  Evidence evidence = evidence_of({{"write"}});
  CallEvidence& call = evidence.record({Abi::kX86_64, 4000}, Origin::kApplication);
  call.count = 2;
  call.errors["ENOSYS"] = 2;
  const Result<Learned> learned = learn({evidence}, {}, {});
  ASSERT_TRUE(learned.has_value());
  EXPECT_THAT(learned->notes, Contains(HasSubstr("4000")));
  EXPECT_EQ(reason_of(*learned, "syscall_0xfa0"), nullptr);
}

TEST(Learn, RefusesWhatWouldMakeABadProfile) {
  Evidence lossy = evidence_of({{"write"}});
  lossy.lost = 3;
  const Evidence nothing = evidence_of({{"execve", Abi::kX86_64, Origin::kLaunch}});
  LearnOptions open;
  open.default_action = Action::kAllow;
  struct Case {
    const char* why;
    Result<Learned> result;
    Errc code;
    const char* says;
  };
  const Case cases[] = {
      {"lost calls", learn({lossy}, {}, {}), Errc::kBadInput, "--accept-loss"},
      {"only our own exec", learn({nothing}, {}, {}), Errc::kBadInput, "no call of the program"},
      {"no evidence at all", learn({}, {}, {}), Errc::kBadInput, "no call of the program"},
      {"forbids nothing", learn({evidence_of({{"write"}})}, {}, open), Errc::kUsage,
       "forbids nothing"},
      {"a layer with no call",
       learn({evidence_of({{"write"}})}, {{"runtime: x", "", {"frobnicate"}}}, {}), Errc::kUsage,
       "frobnicate"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    ASSERT_FALSE(c.result.has_value());
    EXPECT_EQ(c.result.error().code, c.code);
    EXPECT_THAT(c.result.error().message, HasSubstr(c.says));
  }
  LearnOptions forced;
  forced.accept_loss = true;
  const Result<Learned> learned = learn({lossy}, {}, forced);
  ASSERT_TRUE(learned.has_value());
  EXPECT_THAT(learned->notes, Contains(HasSubstr("3 calls were lost")));
}

/// Merging must not wash a loss away, and the sentence says what was lost.
TEST(Learn, RefusesALossAlsoAfterMerging) {
  Evidence lossy = evidence_of({{"write"}});
  lose(lossy, "calls of one kind", 3);
  Evidence merged = evidence_of({{"write"}, {"read"}});
  merge_evidence(merged, lossy);
  merge_evidence(merged, evidence_of({{"write"}}));
  const std::vector<Evidence> inputs[] = {
      {lossy}, {merged}, {evidence_of({{"write"}}), lossy}, {lossy, evidence_of({{"write"}})}};
  LearnOptions forced;
  forced.accept_loss = true;
  for (const std::vector<Evidence>& input : inputs) {
    const Result<Learned> refused = learn(input, {}, {});
    ASSERT_FALSE(refused.has_value());
    EXPECT_THAT(refused.error().message, HasSubstr("(3 calls of one kind)"));
    const Result<Learned> learned = learn(input, {}, forced);
    ASSERT_TRUE(learned.has_value());
    EXPECT_EQ(learned->merged.lost, 3u);
    EXPECT_THAT(learned->notes,
                Contains("3 calls were lost while recording (3 calls of one kind), so calls may be "
                         "missing here"));
  }
}

TEST(Learn, SaysWhoseCallsAreMissingSinceTheyWereNotFollowed) {
  struct Case {
    const char* why;
    std::uint64_t runs, unfollowed, children;
    const char* text;
  };
  constexpr Case kCases[] = {
      {"all were followed", 3, 0, 0, ""},
      {"the program started none", 3, 3, 0, ""},
      {"one child", 1, 1, 1, "1 child was not followed (--no-follow): its calls are missing"},
      {"in some of the runs", 3, 1, 2,
       "2 children were not followed (--no-follow, 1 of 3 runs): their calls are missing"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    Evidence evidence = evidence_of({{"write"}});
    evidence.runs = c.runs;
    evidence.runs_unfollowed = c.unfollowed;
    evidence.children_unfollowed = c.children;
    EXPECT_EQ(unfollowed_text(evidence), c.text);
    const Result<Learned> learned = learn({evidence}, {}, {});
    ASSERT_TRUE(learned.has_value());
    const bool said =
        std::find(learned->notes.begin(), learned->notes.end(), c.text) != learned->notes.end();
    EXPECT_EQ(said, c.children > 0);
  }
}

TEST(Why, TellsWhoMakesACall) {
  const Evidence evidence =
      evidence_of({{"execve", Abi::kX86_64, Origin::kLaunch}, {"write"}, {"mkdir"}});
  const std::vector<Layer> layers = {{"runtime: runc", "measured", {"fstatfs"}}};
  const Result<Learned> learned = learn({evidence}, layers, {});
  ASSERT_TRUE(learned.has_value());
  const std::string text = write_why(*learned, {evidence}, "the profile");
  EXPECT_EQ(text, write_why(*learned, {evidence}, "the profile"));
  const Result<Why> why = parse_why(text, "x.why.json");
  ASSERT_TRUE(why.has_value()) << why.error().message;
  EXPECT_EQ(why->profile_sha256, sha256_hex("the profile"));
  EXPECT_EQ(why->program.path, "/usr/bin/true");
  EXPECT_EQ(why->runs, 1u);
  EXPECT_TRUE(why->program_makes("write"));
  EXPECT_FALSE(why->program_makes("execve")) << "only the launcher did";
  EXPECT_FALSE(why->program_makes("fstatfs")) << "only the runtime does";
  EXPECT_FALSE(why->program_makes("no such call"));
  EXPECT_EQ(why_path("allow.json"), "allow.json.why.json");
}

TEST(Why, RefusesAFileThatCannotBeTrusted) {
  struct Case {
    const char* why;
    const char* text;
    const char* says;
  };
  constexpr Case kCases[] = {
      {"cut in half", R"({"schema": 1, "calls": [)", "x:1"},
      {"of a newer schema", R"({"schema": 2, "calls": []})", "schema 2 is newer than 1"},
      {"no schema", R"({"calls": []})", "\"schema\" is missing"},
      {"no calls", R"({"schema": 1})", "\"calls\" is missing"},
      {"an unknown call", R"({"schema": 1, "calls": [{"name": "foo", "origins": []}]})", "foo"},
      {"an unknown origin", R"({"schema": 1, "calls": [{"name": "read", "origins": ["sky"]}]})",
       "calls[0].origins[0]"},
      {"a call twice",
       R"({"schema": 1, "calls": [{"name": "read", "origins": []}, {"name": "read", "origins": []}]})",
       "twice"},
      {"runs of a wrong type", R"({"schema": 1, "runs": [], "calls": []})", "runs"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const Result<Why> why = parse_why(c.text, "x");
    ASSERT_FALSE(why.has_value());
    EXPECT_EQ(why.error().code, Errc::kBadInput);
    EXPECT_THAT(why.error().message, HasSubstr(c.says));
  }
}

TEST(Why, IsNoFifo) {
  // It is looked for beside every profile; to wait for a writer would be to hang.
  std::string folder = "/tmp/sysnare-why-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const std::string path = folder + "/p.json.why.json";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const Result<Why> why = load_why(path);
  ::unlink(path.c_str());
  ::rmdir(folder.c_str());
  ASSERT_FALSE(why.has_value());
  EXPECT_THAT(why.error().message, HasSubstr("not a regular file"));
}

}  // namespace
}  // namespace sysnare
