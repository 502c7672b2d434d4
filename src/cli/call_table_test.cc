#include "cli/call_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/file.h"
#include "cli/argument_table.h"

namespace sysnare::cli {
namespace {

using ::testing::HasSubstr;

std::string golden_file(const std::string& name) {
  return std::string(SYSNARE_SOURCE_DIR) + "/tests/golden/table/" + name;
}

/// Compares with the golden file; SYSNARE_BLESS=1 writes it anew (read the diff before you commit).
void expect_golden(const std::string& name, const std::string& text) {
  if (const char* bless = std::getenv("SYSNARE_BLESS"); bless != nullptr && *bless == '1') {
    ASSERT_TRUE(write_file_atomic(golden_file(name), text).has_value());
  }
  const Result<std::string> wanted = read_file(golden_file(name));
  ASSERT_TRUE(wanted.has_value()) << wanted.error().message;
  EXPECT_EQ(text, *wanted) << name;
}

Evidence load(const std::string& name) {
  Result<Evidence> evidence = load_evidence(golden_file(name + ".evidence.json"));
  EXPECT_TRUE(evidence.has_value()) << evidence.error().message;
  return evidence ? std::move(*evidence) : Evidence{};
}

TEST(CallTable, LooksAsPinned) {
  struct Case {
    const char* why;
    const char* evidence;
  };
  constexpr Case kCases[] = {
      {"one run, as strace prints it", "hello"},
      {"20 runs, lost calls, a note", "merged"},
      {"a section for each ABI", "two_abis"},
      {"numbers wider than their columns", "wide"},
      {"no call at all", "nothing"},
      {"counts alone: no time to show", "counts"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const Evidence evidence = load(c.evidence);
    expect_golden(
        std::string(c.evidence) + ".txt",
        call_table(evidence, SortBy::kTime) + call_notes(evidence) + call_total(evidence));
  }
}

TEST(CallTable, CodePathsLookAsPinned) { expect_golden("stacks.txt", code_paths(load("stacks"))); }

TEST(CallTable, ArgumentsLookAsPinned) {
  expect_golden("arguments.txt", argument_table(load("arguments")));
  EXPECT_THAT(argument_table(load("hello")), HasSubstr("no argument was recorded"));
}

TEST(CallTable, SaysWhenTheProgramWasReady) {
  Evidence evidence;
  evidence.ready = {{"first accept4", {1, 214'000'000, 214'000'000}}};
  EXPECT_EQ(call_notes(evidence), "ready after 0.21 s: first accept4\n");
  evidence.runs = 4;
  evidence.last_new_run = 4;
  evidence.ready = {{"SIGUSR1", {3, 1'004'000'000, 2'500'000'000}}};
  EXPECT_THAT(call_notes(evidence),
              HasSubstr("ready after 1.00 to 2.50 s in 3 of 4 runs: SIGUSR1\n"));
}

TEST(CallTable, SortsAsAsked) {
  struct Case {
    const char* word;
    const char* first;
    const char* last;
  };
  constexpr Case kCases[] = {
      {"time", "rt_sigaction", "exit_group"},
      {"total-time", "rt_sigaction", "exit_group"},
      {"longest", "futex", "exit_group"},
      {"avg-time", "execve", "exit_group"},
      {"calls", "rt_sigaction", "exit_group"},
      {"errors", "futex", "exit_group"},
      {"name", "clone", "write"},
      {"syscall", "clone", "write"},
      {"none", "read", "openat"},
  };
  const Evidence evidence = load("hello");
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.word);
    const auto sort_by = sort_by_name(c.word);
    ASSERT_TRUE(sort_by.has_value());
    std::vector<std::string> lines;
    std::string text = call_table(evidence, *sort_by);
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = text.find('\n', at);
      lines.push_back(text.substr(at, end - at));
      at = end + 1;
    }
    ASSERT_EQ(lines.size(), 3 + evidence.calls.size() + 2);
    EXPECT_TRUE(lines[3].ends_with(std::string(" ") + c.first)) << lines[3];
    EXPECT_TRUE(lines[lines.size() - 3].ends_with(std::string(" ") + c.last)) << text;
  }
  EXPECT_FALSE(sort_by_name("").has_value());
}

TEST(CallTable, SortsByTheShortestTimeAsStrace) {
  Evidence evidence;
  struct Case {
    std::uint32_t nr;
    std::optional<std::uint64_t> min_ns;
  };
  // Largest first, equal ones by number, those that never returned last.
  for (const Case& c : {Case{0, 5}, Case{1, 70}, Case{3, {}}, Case{8, 5}, Case{9, 6}}) {
    CallEvidence& call = evidence.record({Abi::kX86_64, c.nr}, Origin::kApplication);
    call.count = 1;
    call.min_ns = c.min_ns;
  }
  for (const char* word : {"min-time", "shortest", "time-min", "min_time", "time_min"}) {
    SCOPED_TRACE(word);
    const auto sort_by = sort_by_name(word);
    ASSERT_TRUE(sort_by.has_value());
    const std::string table = call_table(evidence, *sort_by);
    std::size_t at = 0;
    for (const char* name : {" write\n", " mmap\n", " read\n", " lseek\n", " close\n"}) {
      at = table.find(name, at);
      ASSERT_NE(at, std::string::npos) << name << "in\n" << table;
    }
  }
}

TEST(CallTable, OriginsOfOneCallAreOneRow) {
  Evidence evidence;
  const Call execve{Abi::kX86_64, 59};
  evidence.record(execve, Origin::kLaunch).count = 1;
  evidence.record(execve, Origin::kApplication).count = 2;
  evidence.record(execve, Origin::kScan).count = 0;
  evidence.record(execve, Origin::kIoUring).count = 4;
  const std::string table = call_table(evidence, SortBy::kNothing);
  EXPECT_THAT(table, HasSubstr(" 3           execve\n"));
  EXPECT_THAT(table, HasSubstr(" 4           execve (io_uring)\n"));
}

TEST(CallTable, SaysOfHowManyCallsTheTimesAreSamples) {
  Evidence evidence;
  for (const std::uint32_t nr : {0u, 1u, 2u}) {
    evidence.record({Abi::kX86_64, nr}, Origin::kApplication).count = 100;
  }
  EXPECT_EQ(call_notes(evidence), "");
  evidence.record({Abi::kX86_64, 1}, Origin::kApplication).sampled = true;
  EXPECT_EQ(call_notes(evidence),
            "times of 1 of 3 calls are estimates from samples (--exact-time: of none)\n");
}

TEST(CallTable, SumsDoNotWrap) {
  Evidence evidence;
  CallEvidence& call = evidence.record({Abi::kX86_64, 0}, Origin::kApplication);
  call.count = UINT64_MAX;
  call.total_ns = UINT64_MAX;
  evidence.record({Abi::kX86_64, 1}, Origin::kApplication).count = 5;
  EXPECT_THAT(call_table(evidence, SortBy::kTime),
              HasSubstr("18446744073709551615           total"));
}

TEST(CallTable, ShowsNoControlBytesOfTheFile) {
  Evidence evidence;
  evidence.notes.push_back("\x1b[2J");
  evidence.record({Abi::kX86_64, 0}, Origin::kApplication).stacks.push_back({{"\x1b]0;x"}, 1});
  EXPECT_THAT(call_notes(evidence), HasSubstr("\\x1b[2J"));
  EXPECT_THAT(code_paths(evidence), HasSubstr("\\x1b]0;x"));
}

TEST(CallTable, NamesOperationsOfRingsUnderIt) {
  Evidence evidence;
  evidence.operations[0] = {1234, 1, 1};
  evidence.operations[18] = {3, 1, 1};
  EXPECT_EQ(call_notes(evidence),
            "io_uring, which no filter sees: 1,234 IORING_OP_NOP, 3 IORING_OP_OPENAT\n");
  EXPECT_EQ(call_total(evidence), "0 calls observed, 0 lost\n") << "they are no calls";
}

}  // namespace
}  // namespace sysnare::cli
