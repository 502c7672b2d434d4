#include "tripwire/ledger.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "arch/syscalls.h"
#include "tripwire/subject.h"

namespace sysnare {
namespace {

AlertKind kind_at(std::uint64_t offset, const char* call = "mkdir") {
  return {"/bin/victim",
          {Abi::kX86_64, *syscall_nr(Abi::kX86_64, call)},
          Grade::kUnknown,
          "/lib/x",
          offset};
}

/// Counts, and does what a caller does with a first one. Whether it was one.
bool count(Ledger& ledger, AlertKind kind, pid_t process = 1) {
  if (!ledger.count(kind, process)) return false;
  Alert alert;
  alert.call = kind.call;
  alert.site_module = kind.module;
  alert.site_offset = kind.offset;
  ledger.first(kind, alert);
  return true;
}

TEST(Ledger, GivesTheFirstOfEachKindAtOnceAndCountsTheRest) {
  Ledger ledger;
  AlertKind argument = kind_at(1);
  argument.grade = Grade::kArgument;
  AlertKind other_program = kind_at(1);
  other_program.executable = "/bin/other";
  EXPECT_TRUE(count(ledger, kind_at(1)));
  EXPECT_FALSE(count(ledger, kind_at(1)));
  EXPECT_FALSE(count(ledger, kind_at(1), 2)) << "another process of the same program";
  EXPECT_TRUE(count(ledger, kind_at(2)));
  EXPECT_TRUE(count(ledger, kind_at(1, "rmdir")));
  EXPECT_TRUE(count(ledger, argument));
  EXPECT_TRUE(count(ledger, other_program));
  EXPECT_TRUE(ledger.has_repeats());
  const std::vector<Alert> repeats = ledger.take_repeats();
  ASSERT_EQ(repeats.size(), 1U);
  EXPECT_EQ(repeats[0].count, 2U);
  EXPECT_EQ(repeats[0].site_offset, 1U);
  EXPECT_FALSE(ledger.has_repeats());
  EXPECT_TRUE(ledger.take_repeats().empty()) << "said once";
  EXPECT_EQ(ledger.total(), 7U);
  const auto by_call = ledger.by_call();
  ASSERT_EQ(by_call.size(), 2U);
  EXPECT_EQ(syscall_name(by_call[0].first), "mkdir");
  EXPECT_EQ(by_call[0].second, 6U);
}

TEST(Ledger, TellsPathsOneByOneUpToALimit) {
  const struct {
    const char* call;
    std::size_t limit;
  } cases[] = {{"mkdir", kMaxPaths}, {"execve", kMaxExecPaths}, {"execveat", kMaxExecPaths}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.call);
    Ledger ledger;
    const auto on = [&](std::uint64_t offset, const std::string& path) {
      AlertKind kind = kind_at(offset, c.call);
      kind.path = path;
      return count(ledger, kind);
    };
    for (std::size_t i = 0; i < c.limit; ++i) ASSERT_TRUE(on(1, "/" + std::to_string(i))) << i;
    EXPECT_TRUE(on(1, "/a")) << "the first of the others is told";
    EXPECT_FALSE(on(1, "/b"));
    EXPECT_FALSE(on(1, "/c"));
    EXPECT_FALSE(on(1, "/0")) << "one of those that are known";
    EXPECT_TRUE(on(1, "")) << "none is no other path";
    EXPECT_TRUE(on(2, "/a")) << "another place";
    std::uint64_t repeats = 0;
    for (const Alert& alert : ledger.take_repeats()) repeats += alert.count;
    EXPECT_EQ(repeats, 3U);
    EXPECT_EQ(ledger.folded(), 0U);
    AlertKind other = kind_at(1, c.call);
    other.path = "/d";
    EXPECT_FALSE(ledger.count(other, 1));
    EXPECT_TRUE(other.other_paths);
    EXPECT_EQ(other.path, "");
  }
}

TEST(Ledger, BoundsTheKindsOfOneProcessAndLosesNoCall) {
  Ledger ledger;
  std::uint64_t lines = 0;
  constexpr std::uint64_t kCalls = kMaxKindsOfProcess + 100;
  for (std::uint64_t i = 0; i < kCalls; ++i) lines += count(ledger, kind_at(i)) ? 1U : 0U;
  EXPECT_EQ(lines, kMaxKindsOfProcess + 1) << "all that is past the limit is one kind";
  EXPECT_EQ(ledger.folded(), 100U);
  for (const Alert& alert : ledger.take_repeats()) lines += alert.count;
  EXPECT_EQ(lines, kCalls);
  EXPECT_TRUE(count(ledger, kind_at(kCalls), 2)) << "another process has its own limit";
}

TEST(Ledger, BoundsTheKindsInAllAndUnknownNumbers) {
  Ledger ledger;
  pid_t process = 1;
  for (std::uint64_t i = 0; i < kMaxKinds; ++i) {
    if (i % kMaxKindsOfProcess == 0) ++process;
    ASSERT_TRUE(count(ledger, kind_at(i), process));
  }
  std::uint64_t lines = 0;
  for (std::uint32_t nr = 100000; nr < 101000; ++nr) {
    AlertKind kind = kind_at(0);
    kind.call.nr = nr;
    lines += count(ledger, kind, 9999) ? 1U : 0U;
  }
  EXPECT_EQ(lines, 1U) << "numbers that nobody knows are counted together";
  EXPECT_EQ(ledger.by_call().size(), 2U);
}

TEST(Ledger, BoundsTheTextsOfLongCommandLines) {
  Ledger ledger;
  constexpr std::size_t kText = 64u << 10;
  std::uint64_t lines = 0;
  // Sixteen processes stay below every limit of number.
  constexpr std::uint64_t kCalls = 2 * kMaxKindText / kText;
  for (std::uint64_t i = 0; i < kCalls; ++i) {
    AlertKind kind = kind_at(i);
    if (!ledger.count(kind, static_cast<pid_t>(i % 16))) continue;
    ++lines;
    Alert alert;
    alert.cmdline.assign(kText, 'x');
    ledger.first(kind, alert);
  }
  EXPECT_LE(lines, kMaxKindText / kText + 1) << "the last is the one for all that is past it";
  EXPECT_GE(lines, kMaxKindText / kText - 1);
  for (const Alert& alert : ledger.take_repeats()) lines += alert.count;
  EXPECT_EQ(lines, kCalls) << "none is lost";
}

TEST(Subject, FindsTheContainerInTheCgroup) {
  const std::string id(64, 'a');
  const struct {
    const char* why;
    std::string text;
    std::string expected;
  } cases[] = {
      {"none", "0::/user.slice/session-1.scope\n", ""},
      {"docker, cgroup v1", "5:pids:/docker/" + id + "\n", id},
      {"docker, systemd", "0::/system.slice/docker-" + id + ".scope\n", id},
      {"podman", "0::/machine.slice/libpod-" + id + ".scope/container\n", id},
      {"kubernetes", "0::/kubepods.slice/pod1.slice/cri-containerd-" + id + ".scope\n", id},
      {"too short", "0::/docker/abcdef\n", ""},
      {"nothing", "", ""},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(container_id_of(c.text), c.expected);
  }
}

TEST(Subject, ReadsOurselves) {
  const std::optional<Subject> me = read_subject(::getpid());
  ASSERT_TRUE(me.has_value());
  EXPECT_EQ(me->process, ::getpid());
  EXPECT_EQ(me->parent, ::getppid());
  EXPECT_EQ(me->uid, ::getuid());
  EXPECT_TRUE(me->exe_path.ends_with("tripwire_test"));
  EXPECT_NE(me->cmdline.find("tripwire_test"), std::string::npos);
  EXPECT_FALSE(read_subject(-1).has_value());
}

}  // namespace
}  // namespace sysnare
