// What evidence keeps of a scan: in its file, and when scans and recordings are merged.

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "evidence/evidence.h"
#include "evidence/test_evidence.h"

namespace sysnare {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A closed scan of /bin/x that reaches `names`, each in main.
Evidence scan_of(const std::vector<std::string>& names) {
  Evidence evidence;
  evidence.program.path = "/bin/x";
  evidence.recorder = kScanRecorder;
  evidence.runs = 0;
  evidence.last_new_run = 0;
  evidence.scanned.emplace();
  for (const std::string& name : names) {
    CallEvidence& call = evidence.record(call_of(name), Origin::kScan);
    call.reachable = kReachableMain;
    call.why = {{"/bin/x", "_start"}, {"/bin/x", "main"}};
  }
  return evidence;
}

Evidence full_scan() {
  Evidence evidence = scan_of({"read"});
  CallEvidence& call = evidence.record(call_of("tgkill"), Origin::kScan);
  call.reachable = kReachableLoad | kReachableErrorOnly;
  call.args = {{2, {6}}};
  StaticEvidence& scanned = *evidence.scanned;
  scanned.objects = {{"/bin/x", "ab", "program", ""},
                     {"/lib/libnss_files.so.2", "cd", "opened", "nss in getpwnam"}};
  scanned.sites = {{{"/bin/x", "ab", 0x1000}, Abi::kX86_64, {0, 1}, false, "read", kReachableMain},
                   {{"/bin/x", "ab", 0x2000}, Abi::kI386, {}, true, "", 0}};
  scanned.open = {{"site", "/bin/x", "go", 0x2000, "the number is not known", {{"/bin/x", "go"}}}};
  scanned.execs = {{std::nullopt, "/bin/x", "run"}, {"/bin/sh", "/bin/x", "system"}};
  return evidence;
}

TEST(StaticEvidence, FileGivesBackWhatAScanSays) {
  const std::string text = write_evidence(full_scan());
  EXPECT_THAT(text, HasSubstr("\"runs\": 0,"));
  EXPECT_THAT(text, HasSubstr("\"execs_open\": 1,"));
  const Result<Evidence> back = parse_evidence(text, "f");
  ASSERT_TRUE(back.has_value()) << back.error().message;
  EXPECT_EQ(write_evidence(*back), text);
  const CallEvidence* call = back->find(call_of("tgkill"), Origin::kScan);
  ASSERT_NE(call, nullptr);
  EXPECT_EQ(call->reachable, kReachableLoad | kReachableErrorOnly);
  EXPECT_EQ(back->find(call_of("read"), Origin::kScan)->why.back().function, "main");
  ASSERT_TRUE(back->scanned.has_value());
  EXPECT_EQ(back->scanned->objects, full_scan().scanned->objects);
  EXPECT_EQ(back->scanned->execs, full_scan().scanned->execs);
  ASSERT_EQ(back->scanned->sites.size(), 2u);
  EXPECT_EQ(back->scanned->sites[0].site, (Site{"/bin/x", "ab", 0x1000}));
  EXPECT_THAT(back->scanned->sites[0].nrs, ElementsAre(0, 1));
  EXPECT_EQ(back->scanned->sites[1].abi, Abi::kI386);
  EXPECT_TRUE(back->scanned->sites[1].any);
  ASSERT_EQ(back->scanned->open.size(), 1u);
  EXPECT_EQ(back->scanned->open[0].why.size(), 1u);
}

TEST(StaticEvidence, AClosedScanSaysSoAndOneWithoutTheListDoesNot) {
  const std::string closed = write_evidence(scan_of({"read"}));
  EXPECT_THAT(closed, HasSubstr("\"open\": []"));
  EXPECT_TRUE(parse_evidence(closed, "f")->scanned.has_value());
  Evidence silent = scan_of({"read"});
  silent.scanned.reset();
  EXPECT_FALSE(parse_evidence(write_evidence(silent), "f")->scanned.has_value());
}

TEST(StaticEvidence, RefusesWhatContradictsItself) {
  struct Case {
    const char* why;
    const char* members;
    const char* sentence;
  };
  constexpr Case kCases[] = {
      {"no run, and no scan", R"("runs": 0, "recorder": "ebpf", "calls": [])",
       "0 runs, at least 1 is needed"},
      {"sites, but not what is open", R"("calls": [], "sites": [])", "what stays `open`"},
      {"a site without numbers", R"("calls": [], "open": [], "sites": [{"module": "/x"}])", "nrs"},
      {"a site that does not say whether there are others",
       R"("calls": [], "open": [], "sites": [{"module": "/x", "nrs": [1]}])", "any"},
      {"a number past 32 bits",
       R"("calls": [], "open": [], "sites": [{"module": "/x", "nrs": [4294967296], "any": false}])",
       "4294967296"},
      {"an unknown phase", R"("calls": [{"abi": "x86_64", "nr": 0, "origin": "scan",
        "reachable": ["steady"]}])",
       "\"steady\" is no phase of a scan"},
      {"a chain of a recorded call", R"("calls": [{"abi": "x86_64", "nr": 0, "why": []}])",
       "only a call of origin scan has this"},
      {"an object that is a number", R"("calls": [], "open": [], "objects": [1])", "objects[0]"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const Result<Evidence> read =
        parse_evidence(fmt::format(R"({{"schema": 1, "lost": 0, {}}})", c.members), "f");
    ASSERT_FALSE(read.has_value());
    EXPECT_THAT(read.error().message, HasSubstr(c.sentence));
  }
}

TEST(StaticEvidence, MergingWithRecordingsKeepsBothInAnyOrder) {
  Evidence recording = run_of({"read", "openat"});
  recording.runs = 3;
  recording.last_new_run = 2;
  recording.record(call_of("openat"), Origin::kApplication).first_run = 2;
  for (const bool scan_first : {true, false}) {
    SCOPED_TRACE(scan_first ? "scan first" : "recording first");
    Evidence merged = scan_first ? full_scan() : recording;
    merge_evidence(merged, scan_first ? recording : full_scan());
    EXPECT_EQ(merged.recorder, "ptrace+scan");
    EXPECT_EQ(merged.runs, 3u);
    EXPECT_EQ(merged.last_new_run, 2u);
    ASSERT_NE(merged.find(call_of("read"), Origin::kApplication), nullptr);
    EXPECT_EQ(merged.find(call_of("read"), Origin::kApplication)->first_run, 1u);
    const CallEvidence* call = merged.find(call_of("read"), Origin::kScan);
    ASSERT_NE(call, nullptr);
    EXPECT_EQ(call->first_run, 0u) << "a scan has no runs";
    EXPECT_EQ(call->why.size(), 2u);
    ASSERT_TRUE(merged.scanned.has_value());
    EXPECT_EQ(merged.scanned->sites.size(), 2u);
    EXPECT_THAT(merged.notes, ElementsAre());
    EXPECT_TRUE(parse_evidence(write_evidence(merged), "f").has_value());
  }
}

TEST(StaticEvidence, TwoScansAreTheirUnionInAnyOrder) {
  Evidence other = scan_of({"read", "write"});
  other.record(call_of("read"), Origin::kScan).reachable = kReachableLoad;
  other.record(call_of("read"), Origin::kScan).why = {{"/bin/x", "init"}};
  other.scanned->sites = {
      {{"/bin/x", "ab", 0x1000}, Abi::kX86_64, {9}, true, "read", kReachableLoad}};
  other.scanned->execs = {{"/bin/sh", "/bin/x", "system"}};
  Evidence ab = full_scan();
  merge_evidence(ab, other);
  Evidence ba = other;
  merge_evidence(ba, full_scan());
  EXPECT_EQ(write_evidence(ab), write_evidence(ba));
  EXPECT_EQ(ab.runs, 0u);
  EXPECT_EQ(ab.calls.size(), 3u);
  const CallEvidence* call = ab.find(call_of("read"), Origin::kScan);
  EXPECT_EQ(call->reachable, kReachableLoad | kReachableMain);
  EXPECT_THAT(call->why, ElementsAre(ChainStep{"/bin/x", "init"})) << "the shorter";
  EXPECT_EQ(ab.scanned->execs.size(), 2u);
  ASSERT_EQ(ab.scanned->sites.size(), 2u);
  EXPECT_THAT(ab.scanned->sites[0].nrs, ElementsAre(0, 1, 9));
  EXPECT_TRUE(ab.scanned->sites[0].any);
  EXPECT_EQ(ab.scanned->sites[0].reachable, kReachableLoad | kReachableMain);
  EXPECT_EQ(ab.scanned->open.size(), 1u) << "open in one is open in both";
}

TEST(StaticEvidence, AScanThatDoesNotSayWhatIsOpenMakesTheSumUnknown) {
  Evidence silent = scan_of({"read"});
  silent.scanned.reset();
  for (const bool silent_first : {true, false}) {
    Evidence merged = silent_first ? silent : full_scan();
    merge_evidence(merged, silent_first ? full_scan() : silent);
    EXPECT_FALSE(merged.scanned.has_value());
  }
}

TEST(StaticEvidence, AnotherProgramIsSaid) {
  Evidence other = scan_of({"write"});
  other.program.path = "/bin/y";
  Evidence merged = run_of({"read"});
  merge_evidence(merged, other);
  EXPECT_THAT(merged.notes, ElementsAre("holds a scan of /bin/y too"));
}

}  // namespace
}  // namespace sysnare
