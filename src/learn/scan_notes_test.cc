// A profile of a scan, alone or with recordings: each call's reason, and what stays open is said.

#include "learn/scan_notes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "arch/syscalls.h"
#include "learn/learn.h"
#include "learn/why.h"

namespace sysnare {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Call call_of(std::string_view name) { return {Abi::kX86_64, *syscall_nr(Abi::kX86_64, name)}; }

Evidence scan() {
  Evidence evidence;
  evidence.program.path = "/bin/x";
  evidence.recorder = kScanRecorder;
  evidence.runs = 0;
  evidence.last_new_run = 0;
  evidence.scanned.emplace();
  CallEvidence& call = evidence.record(call_of("mkdir"), Origin::kScan);
  call.reachable = kReachableMain;
  call.why = {{"/bin/x", "_start"}, {"/bin/x", "main"},      {"/bin/x", "a"},
              {"/bin/x", "b"},      {"/lib/libc.so.6", "c"}, {"/lib/libc.so.6", "mkdir"}};
  return evidence;
}

Evidence recording() {
  Evidence evidence;
  evidence.program.path = "/bin/x";
  evidence.recorder = "ebpf";
  evidence.runs = 4;
  evidence.last_new_run = 1;
  CallEvidence& call = evidence.record(call_of("read"), Origin::kApplication);
  call.count = 9;
  call.runs_seen = 4;
  call.first_run = 1;
  return evidence;
}

TEST(ScanNotes, AProfileOfScanAndRecordingAllowsBothWithTheirReasons) {
  Evidence merged = recording();
  merge_evidence(merged, scan());
  const struct {
    const char* why;
    std::vector<Evidence> evidence;
  } cases[] = {{"two files", {recording(), scan()}},
               {"the scan first", {scan(), recording()}},
               {"one file of both", {merged}}};
  std::string first;
  for (const auto& c : cases) {
    SCOPED_TRACE(c.why);
    const Result<Learned> learned = learn(c.evidence, {}, {});
    ASSERT_TRUE(learned.has_value()) << learned.error().message;
    EXPECT_EQ(learned->merged.runs, 4u);
    EXPECT_THAT(learned->notes, ElementsAre()) << "closed, and starts nothing";
    const auto reason = [&](std::string_view name) {
      return *std::find_if(learned->reasons.begin(), learned->reasons.end(),
                           [&](const CallReason& each) { return each.call == name; });
    };
    EXPECT_THAT(reason("mkdir").because,
                ElementsAre("reachable (main): _start in /bin/x, main in /bin/x, …, c in "
                            "/lib/libc.so.6, mkdir in /lib/libc.so.6"));
    EXPECT_THAT(reason("mkdir").origins, ElementsAre(Origin::kScan));
    EXPECT_THAT(reason("read").because,
                ElementsAre("observed: 9 calls in 4 of 4 runs, first in run 1"));
    EXPECT_THAT(learned->profile.entries.front().names, ::testing::IsSupersetOf({"mkdir", "read"}));
  }
}

TEST(ScanNotes, SaysWhatIsOpenAndWhatIsStarted) {
  struct Case {
    const char* why;
    std::vector<StaticOpen> open;
    std::vector<StaticExec> execs;
    std::vector<std::string> executables;
    std::vector<const char*> notes;
  };
  const std::vector<Case> cases = {
      {"closed", {}, {}, {}, {}},
      {"one place",
       {{"site", "/lib/libc.so.6", "syscall", 16, "any number", {}}},
       {},
       {},
       {"the scan is open at 1 place, and calls behind it may be missing: site in syscall of "
        "/lib/libc.so.6; runs that go there, given as further evidence, add them"}},
      {"more than are listed",
       {{"object", "1", "", 0, "", {}},
        {"object", "2", "", 0, "", {}},
        {"object", "3", "", 0, "", {}},
        {"object", "4", "", 0, "", {}},
        {"object", "5", "", 0, "", {}}},
       {},
       {},
       {"open at 5 places, and calls behind them may be missing: object of 1; object of 2; object "
        "of 3; object of 4; 1 more;"}},
      {"a shell, and what is not known",
       {},
       {{std::nullopt, "/bin/x", "run"}, {"/bin/sh", "/bin/x", "system"}},
       {},
       {"can start /bin/sh, and a program that it does not know by name: the profile holds"}},
      {"what is in the evidence too", {}, {{"/bin/sh", "/bin/x", "system"}}, {"/bin/sh"}, {}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    Evidence evidence = scan();
    evidence.scanned->open = c.open;
    evidence.scanned->execs = c.execs;
    for (const std::string& path : c.executables) {
      evidence.executables.emplace_back().program.path = path;
    }
    const std::vector<std::string> notes = scan_notes(evidence);
    ASSERT_EQ(notes.size(), c.notes.size());
    for (std::size_t i = 0; i < notes.size(); ++i) EXPECT_THAT(notes[i], HasSubstr(c.notes[i]));
    const Result<Learned> learned = learn({evidence}, {}, {});
    ASSERT_TRUE(learned.has_value());
    for (const std::string& note : notes) EXPECT_THAT(learned->notes, Contains(note));
    const std::string why = write_why(*learned, {evidence}, "");
    EXPECT_THAT(why, HasSubstr("\"open\": " + std::to_string(c.open.size())));
  }
}

TEST(ScanNotes, AScanThatDoesNotSayIsNotClosed) {
  Evidence evidence = scan();
  evidence.scanned.reset();
  EXPECT_THAT(scan_notes(evidence), ElementsAre(HasSubstr("does not say what stays open")));
  EXPECT_THAT(scan_notes(recording()), ElementsAre());
}

}  // namespace
}  // namespace sysnare
