// What the file gives back, and what it says of a file that is no evidence.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/test_time.h"
#include "base/text.h"
#include "evidence/evidence.h"
#include "evidence/test_evidence.h"

namespace sysnare {
namespace {

using ::testing::HasSubstr;

TEST(EvidenceFile, GivesBackWhatWasWritten) {
  Evidence evidence = run_of({"read", "openat"});
  evidence.program = {"/bin/x", "00ff", "go:abc"};
  evidence.command = {"x", "with \"quotes\"\n"};
  evidence.runs = 3;
  evidence.last_new_run = 2;
  evidence.lost = (1ull << 53) - 1;
  evidence.runs_unfollowed = 2;
  evidence.children_unfollowed = 7;
  evidence.unresolved_sites = 4;
  evidence.notes = {"one", "two"};
  CallEvidence& call = evidence.record(call_of("openat"), Origin::kApplication);
  call.count = 1ull << 53;
  call.errors = {{"ENOENT", 3}, {"errno_600", 1}};
  call.total_ns = UINT64_MAX;
  call.max_ns = 9;
  call.min_ns = 2;
  call.sampled = true;
  call.runs_seen = 3;
  call.first_run = 2;
  call.sites = {{Site{"/lib/libc.so.6", "ab", 0xfffffffffffffff0}, 7}, {Site{"[anon]", "", 1}, 1}};
  call.stacks = {{{"write", "main"}, 2, true}, {{"f"}, 1, false}};
  call.args = {{0, {0, UINT64_MAX}}, {5, {}}};
  call.args_many = {2, 3};
  call.phases = PhaseCounts{1, 1ull << 52, 0};
  call.first_seen_ns = 1'795'811'412'345'000'000;
  call.last_seen_ns = 1'795'811'412'346'000'000;
  evidence.ready = {{"first accept", {2, 20, 1ull << 60}}};
  const CallEvidence expected = call;
  evidence.record({Abi::kI386, 5000}, Origin::kScan).count = 1;  // moves what `call` refers to
  const std::string text = write_evidence(evidence);
  EXPECT_THAT(text, HasSubstr("\"first_seen\": \"2026-11-27T20:30:12.345Z\","));
  EXPECT_THAT(text, HasSubstr("\"lost\": 9007199254740991,"));
  EXPECT_THAT(text, HasSubstr("\"time\": \"sampled\","));
  EXPECT_THAT(text, HasSubstr("\"count\": \"0x20000000000000\""));
  EXPECT_THAT(text, HasSubstr("\"name\": \"syscall_0x1388\""));
  const auto back = parse_evidence(text, "f");
  ASSERT_TRUE(back.has_value()) << back.error().message;
  EXPECT_EQ(write_evidence(*back), text);
  EXPECT_EQ(back->runs_unfollowed, 2u);
  EXPECT_EQ(back->children_unfollowed, 7u);
  const CallEvidence* got = back->find(call_of("openat"), Origin::kApplication);
  ASSERT_NE(got, nullptr);
  EXPECT_EQ(got->count, expected.count);
  EXPECT_EQ(got->errors, expected.errors);
  EXPECT_EQ(got->min_ns, expected.min_ns);
  EXPECT_FALSE(back->find(call_of("read"), Origin::kApplication)->min_ns.has_value());
  EXPECT_TRUE(got->sampled);
  EXPECT_FALSE(back->find(call_of("read"), Origin::kApplication)->sampled);
  EXPECT_EQ(got->sites, expected.sites);
  EXPECT_EQ(got->stacks, expected.stacks);
  EXPECT_EQ(got->args, expected.args);
  EXPECT_EQ(got->args_many, expected.args_many);
  EXPECT_TRUE(got->phases == expected.phases);
  EXPECT_EQ(got->first_seen_ns, expected.first_seen_ns);
  EXPECT_EQ(got->last_seen_ns, expected.last_seen_ns);
  EXPECT_TRUE(back->ready == evidence.ready);
  EXPECT_EQ(back->command, evidence.command);
  EXPECT_EQ(back->program, evidence.program);
}

/// A run of /bin/x that executed /bin/y, which made `names`.

TEST(EvidenceFile, GivesBackExecutables) {
  const std::string text = write_evidence(run_with_child({"read", "write"}));
  const Result<Evidence> back = parse_evidence(text, "x.json");
  ASSERT_TRUE(back.has_value()) << back.error().message;
  ASSERT_EQ(back->executables.size(), 2u);
  EXPECT_EQ(back->executables[1].calls.size(), 2u);
  EXPECT_EQ(write_evidence(*back), text);

  const std::string twice = write_evidence([] {
    Evidence evidence = run_with_child({"read"});
    evidence.executables.push_back(evidence.executables.back());
    return evidence;
  }());
  const Result<Evidence> refused = parse_evidence(twice, "x.json");
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message, HasSubstr("/bin/y stands twice"));
}

TEST(EvidenceFile, KeepsOneExecutableInTwoCgroupsApart) {
  Evidence evidence = run_with_child({"read"});
  evidence.executables.front() = evidence.executables.back();
  evidence.executables.front().cgroup = "/a";
  evidence.executables.back().cgroup = "/b";
  const std::string text = write_evidence(evidence);
  Result<Evidence> back = parse_evidence(text, "x.json");
  ASSERT_TRUE(back.has_value()) << back.error().message;
  EXPECT_EQ(write_evidence(*back), text);
  merge_evidence(*back, evidence);
  ASSERT_EQ(back->executables.size(), 2u);
  EXPECT_EQ(back->executables[0].cgroup, "/a");
  EXPECT_EQ(back->executables[1].calls.front().count, 2u);
}

TEST(EvidenceFile, KeepsOperationsOfRings) {
  Evidence evidence = run_with_child({"read"});
  evidence.operations[18] = {3, 1, 1};
  evidence.executables.back().operations[18] = {3, 1, 1};
  const std::string text = write_evidence(evidence);
  EXPECT_THAT(text, HasSubstr("\"name\": \"IORING_OP_OPENAT\""));
  Result<Evidence> back = parse_evidence(text, "x.json");
  ASSERT_TRUE(back.has_value()) << back.error().message;
  EXPECT_EQ(write_evidence(*back), text);

  Evidence more = run_with_child({"read"});
  more.operations[0] = {1, 1, 1};
  more.operations[18] = {4, 1, 1};
  merge_evidence(*back, more);
  EXPECT_EQ(back->operations.at(0).first_run, 2u) << "numbered on";
  EXPECT_EQ(back->operations.at(18).count, 7u);
  EXPECT_EQ(back->operations.at(18).runs_seen, 2u);

  struct Case {
    const char* why;
    const char* list;
    const char* sentence;
  };
  constexpr Case kCases[] = {
      {"another name", R"([{"opcode": 18, "name": "IORING_OP_NOP", "count": 1, "runs_seen": 1,
                            "first_run": 1}])",
       "operation 18 is IORING_OP_OPENAT, not \"IORING_OP_NOP\""},
      {"no byte", R"([{"opcode": 256, "count": 1, "runs_seen": 1, "first_run": 1}])", "256"},
      {"twice", R"([{"opcode": 1, "count": 1, "runs_seen": 1, "first_run": 1},
                    {"opcode": 1, "count": 1, "runs_seen": 1, "first_run": 1}])",
       "operation 1 stands twice"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const std::string bad = std::string(R"({"schema": 1, "runs": 1, "lost": 0, "calls": [],
                                           "io_uring": )") +
                            c.list + "}";
    const Result<Evidence> refused = parse_evidence(bad, "x.json");
    ASSERT_FALSE(refused.has_value());
    EXPECT_THAT(refused.error().message, HasSubstr(c.sentence));
  }
}

TEST(EvidenceFile, EveryCutIsRefusedInOneSentence) {
  Evidence evidence = run_of({"read"});
  evidence.calls[0].sites = {{Site{"m", "k", 1}, 1}};
  const std::string text = write_evidence(evidence);
  for (std::size_t length = 0; length + 2 < text.size(); ++length) {
    const auto cut = parse_evidence(text.substr(0, length), "f");
    ASSERT_FALSE(cut.has_value()) << length;
    ASSERT_EQ(cut.error().code, Errc::kBadInput);
    ASSERT_THAT(cut.error().message, ::testing::StartsWith("f:"));
  }
}

TEST(EvidenceFile, NamesTheMistake) {
  struct Case {
    const char* why;
    std::string text;
    const char* expected;
  };
  const auto with = [](std::string entry) {
    return "{\"schema\": 1, \"runs\": 2, \"lost\": 0,\n \"calls\": [\n" + entry + "]}";
  };
  const std::string read = R"({"abi": "x86_64", "nr": 0, "name": "read")";
  const Case cases[] = {
      {"a profile", R"({"defaultAction": "SCMP_ACT_ERRNO"})",
       "no evidence file: f:1: top level: \"schema\" is missing"},
      {"an array", "[]", "f:1: top level: an object is needed"},
      {"newer", R"({"schema": 2, "calls": []})",
       "f:1: schema: this is evidence of schema 2, and this sysnare reads up to 1"},
      {"schema 0", R"({"schema": 0, "calls": []})", "f:1: schema: a whole number from 1"},
      {"schema as text", R"({"schema": "1", "calls": []})", "f:1: schema: a whole number"},
      {"no calls", R"({"schema": 1, "lost": 0})", "f:1: top level: \"calls\" is missing"},
      {"program is a text", R"({"schema": 1, "lost": 0, "program": "x", "calls": []})",
       "f:1: program: an object"},
      {"lost is not said", R"({"schema": 1, "calls": []})", "f:1: top level: \"lost\" is missing"},
      {"lost is null", R"({"schema": 1, "lost": null, "calls": []})", "f:1: lost: a whole number"},
      {"negative", R"({"schema": 1, "lost": -1, "calls": []})", "f:1: lost: a whole number"},
      {"a fraction", R"({"schema": 1, "lost": 0, "runs": 1.5, "calls": []})",
       "f:1: runs: a whole number"},
      {"no run at all", R"({"schema": 1, "lost": 0, "runs": 0, "calls": []})", "f:1: runs: 0 runs"},
      {"too large", R"({"schema": 1, "lost": 0, "runs": 18446744073709551616, "calls": []})",
       "f:1: runs:"},
      {"last_new_run past runs",
       R"({"schema": 1, "lost": 0, "runs": 2, "last_new_run": 3, "calls": []})",
       "f:1: last_new_run: 3 is above 2"},
      {"more runs without children than runs",
       R"({"schema": 1, "lost": 0, "runs": 2, "runs_unfollowed": 3, "calls": []})",
       "f:1: runs_unfollowed: "},
      {"calls is an object", R"({"schema": 1, "lost": 0, "calls": {}})",
       "f:1: calls: an array is needed"},
      {"a time that is neither", with(read + R"(, "count": 1, "time": "guessed"})"),
       "f:3: calls[0].time: \"guessed\" is neither sampled nor exact"},
      {"a call is a number", with("7"), "f:3: calls[0]: an object is needed"},
      {"no abi", with(R"({"nr": 0})"), "f:3: calls[0]: \"abi\" is missing"},
      {"unknown abi", with(R"({"abi": "vax", "nr": 0})"), "f:3: calls[0].abi: \"vax\" is no ABI"},
      {"no nr", with(R"({"abi": "x86_64"})"), "f:3: calls[0]: \"nr\" is missing"},
      {"nr past 32 bits", with(R"({"abi": "x86_64", "nr": 4294967296})"), "from 0 to 4294967295"},
      {"x32 bit in x86_64", with(R"({"abi": "x86_64", "nr": 1073741824})"), "is no x86_64 number"},
      {"x32 without its bit", with(R"({"abi": "x32", "nr": 0})"), "is no x32 number"},
      {"name against number", with(R"({"abi": "x86_64", "nr": 1, "name": "mkdir"})"),
       "f:3: calls[0].name: x86_64 number 1 is write, not \"mkdir\""},
      {"twice", with(read + "},\n" + read + "}"),
       "f:4: calls[1]: read of x86_64 with origin application stands twice"},
      {"origin", with(read + R"(, "origin": "moon"})"),
       "f:3: calls[0].origin: \"moon\" is no origin"},
      {"count as text", with(read + R"(, "count": "many"})"),
       "f:3: calls[0].count: a whole number or"},
      {"no errno", with(read + R"(, "errors": {"EWHAT": 1}})"), "\"EWHAT\" is no errno"},
      {"errors a list", with(read + R"(, "errors": []})"), "calls[0].errors: an object"},
      {"errors count", with(read + R"(, "errors": {"EIO": -1}})"), "calls[0].errors.EIO: a whole"},
      {"more errors than calls", with(read + R"(, "count": 2, "errors": {"EIO": 1, "EBADF": 2}})"),
       "f:3: calls[0]: errors: 3 of 2 calls, more than there were"},
      {"errors whose sum does not fit",
       with(read + R"(, "count": 2, "errors": {"EIO": "0xffffffffffffffff", "EBADF": 3}})"),
       "more than there were"},
      {"the shortest time is text", with(read + R"(, "min_ns": "short"})"),
       "calls[0].min_ns: a whole"},
      {"seen in more runs than there were", with(read + R"(, "runs_seen": 3})"),
       "calls[0].runs_seen: 3 is above 2"},
      {"argument 6", with(read + R"(, "args": {"6": []}})"), "argument \"6\" is not within 0 to 5"},
      {"argument value", with(read + R"(, "args": {"0": ["x"]}})"), "calls[0].args.0[0]: a whole"},
      {"argument twice under two spellings", with(read + R"(, "args": {"0": [], "0x0": []}})"),
       "argument 0 stands twice"},
      {"no time", with(read + R"(, "first_seen": "yesterday"})"),
       "\"yesterday\" is no time such as"},
      {"last before first",
       with(read +
            R"(, "first_seen": "2026-01-01T00:00:00Z", "last_seen": "2025-01-01T00:00:00Z"})"),
       "calls[0]: last_seen is before first_seen"},
      {"phases is a number", with(read + R"(, "phases": 1})"), "calls[0].phases: an object"},
      {"more in phases than there were",
       with(read + R"(, "count": 5, "phases": {"load": 3, "start": 2, "steady": 1}})"),
       "calls[0].phases: more than the 5 calls there were"},
      {"phases whose sum does not fit",
       with(read + R"(, "count": 5, "phases": {"start": "0xffffffffffffffff", "steady": 2}})"),
       "more than the 5 calls"},
      {"ready is a list", R"({"schema": 1, "lost": 0, "ready": [], "calls": []})",
       "f:1: ready: an object"},
      {"ready in more runs than there were",
       R"({"schema": 1, "lost": 0, "runs": 1, "ready": {"x": {"runs": 2}}, "calls": []})",
       "f:1: ready.x.runs: 2 is above 1"},
      {"many of argument 6", with(read + R"(, "args_many": [6]})"),
       "calls[0].args_many[0]: a whole number from 0 to 5"},
      {"a set and many", with(read + R"(, "args": {"1": []}, "args_many": [1]})"),
       "argument 1 has a set in \"args\" too"},
      {"site without module", with(read + R"(, "sites": [{}]})"), "calls[0].sites[0]: \"module\""},
      {"site twice", with(read + R"(, "sites": [{"module": "m"}, {"module": "m"}]})"),
       "sites[1]: the site stands twice"},
      {"frames", with(read + R"(, "stacks": [{"frames": [1]}]})"), "stacks[0].frames[0]: a string"},
      {"truncated", with(read + R"(, "stacks": [{"truncated": 1}]})"),
       "stacks[0].truncated: true or"},
      {"control bytes are shown, not sent", with(R"({"abi": "\u001b[2J", "nr": 0})"), "\\x1b[2J"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const auto evidence = parse_evidence(c.text, "f");
    ASSERT_FALSE(evidence.has_value());
    EXPECT_EQ(evidence.error().code, Errc::kBadInput);
    EXPECT_THAT(evidence.error().message, HasSubstr(c.expected));
  }
}

TEST(EvidenceFile, ReadsTheLeastThereCanBe) {
  const auto evidence = parse_evidence(
      R"({"schema": 1, "lost": 0, "later_key": {}, "calls": [{"abi": "amd64", "nr": 0, "count": "0x10"}]})",
      "f");
  ASSERT_TRUE(evidence.has_value()) << evidence.error().message;
  EXPECT_EQ(evidence->find(call_of("read"), Origin::kApplication)->count, 16u);
  EXPECT_EQ(evidence->runs, 1u);
}

TEST(EvidenceFile, ReadsAndMergesManyCallsInAnyOrder) {
  // Each call put into its place used to move all behind it: 60,000 took minutes.
  constexpr std::uint32_t kCalls = 40'000;
  const auto file_of = [](std::uint32_t first, std::uint32_t count) {
    std::string calls;
    for (std::uint32_t i = 0; i < count; ++i) {
      calls += fmt::format(R"({}{{"abi": "i386", "nr": {}, "count": 1}})", i == 0 ? "" : ",",
                           first + 2 * (count - i));
    }
    return R"({"schema": 1, "lost": 0, "calls": [)" + calls + "]}";
  };
  const auto read_and_merge = [&](std::uint32_t count) {
    Result<Evidence> even = parse_evidence(file_of(10'000, count), "even.json");
    const Result<Evidence> odd = parse_evidence(file_of(10'001, count), "odd.json");
    ASSERT_TRUE(even.has_value() && odd.has_value());
    merge_evidence(*even, *odd);
    ASSERT_EQ(even->calls.size(), 2 * count);
    EXPECT_TRUE(std::is_sorted(
        even->calls.begin(), even->calls.end(),
        [](const CallEvidence& a, const CallEvidence& b) { return a.call < b.call; }));
  };
  EXPECT_LT(times_as_long([&] { read_and_merge(kCalls); }, [&] { read_and_merge(kCalls / 4); },
                          kFourTimes),
            kFourTimes);
  EXPECT_LT(processor_seconds([&] { read_and_merge(kCalls); }), 10.0);
}

TEST(EvidenceFile, ANulByteIsNamed) {
  const std::string text("{\"schema\":\n1\0, \"calls\": []}", 27);
  const auto evidence = parse_evidence(text, "f");
  ASSERT_FALSE(evidence.has_value());
  EXPECT_EQ(evidence.error().message, "f:2: not JSON: byte 13 of the file is 0, so it is no text");
}

TEST(EvidenceFile, MissingFileIsNamed) {
  const auto evidence = load_evidence("/nonexistent/x.evidence.json");
  ASSERT_FALSE(evidence.has_value());
  EXPECT_EQ(evidence.error().code, Errc::kNotFound);
  EXPECT_THAT(evidence.error().message, HasSubstr("/nonexistent/x.evidence.json"));
}

}  // namespace
}  // namespace sysnare
