#include "profile/by_width.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "arch/syscalls.h"
#include "profile/resolve.h"

namespace sysnare {
namespace {

Profile profile_of(const std::string& entries) {
  return parse_profile(R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [)" + entries + "]}",
                       "p.json")
      .value();
}

TEST(ByWidth, ConditionsAreWrittenWithMasks) {
  struct Case {
    const char* why;
    const char* entry;
    std::size_t entries;
    const char* has;
  };
  constexpr Case kCases[] = {
      {"an int by its low half",
       R"({"names": ["socket"], "action": "SCMP_ACT_ALLOW",
           "args": [{"index": 0, "value": 40, "op": "SCMP_CMP_EQ"}]})",
       1, R"("value": 4294967295,)"},
      {"-1 in either encoding",
       R"({"names": ["socket"], "action": "SCMP_ACT_ALLOW",
           "args": [{"index": 0, "value": 18446744073709551615, "op": "SCMP_CMP_EQ"}]})",
       1, R"("valueTwo": 4294967295,)"},
      {"umode_t has 16 bits",
       R"({"names": ["mkdir"], "action": "SCMP_ACT_ALLOW",
           "args": [{"index": 1, "value": 448, "op": "SCMP_CMP_EQ"}]})",
       1, R"("value": 65535,)"},
      {"another value than one, bit by bit",
       R"({"names": ["socket"], "action": "SCMP_ACT_ALLOW",
           "args": [{"index": 0, "value": 40, "op": "SCMP_CMP_NE"}]})",
       32, R"("op": "SCMP_CMP_MASKED_EQ")"},
      {"below a power of two is one mask",
       R"({"names": ["socket"], "action": "SCMP_ACT_ALLOW",
           "args": [{"index": 0, "value": 64, "op": "SCMP_CMP_LT"}]})",
       1, R"("value": 4294967232,)"},
      {"nothing is below 0, and the entry goes",
       R"({"names": ["socket"], "action": "SCMP_ACT_ALLOW",
           "args": [{"index": 0, "value": 0, "op": "SCMP_CMP_LT"}]})",
       0, R"("syscalls": [])"},
      {"a size stays",
       R"({"names": ["write"], "action": "SCMP_ACT_ALLOW",
           "args": [{"index": 2, "value": 40, "op": "SCMP_CMP_LE"}]})",
       1, R"("op": "SCMP_CMP_LE")"},
      {"calls of two widths part",
       R"({"names": ["socket", "brk", "close"], "action": "SCMP_ACT_ALLOW",
           "args": [{"index": 0, "value": 3, "op": "SCMP_CMP_EQ"}]})",
       2, R"("op": "SCMP_CMP_EQ")"},
      {"a name that no table knows stays",
       R"({"names": ["no_such_call"], "action": "SCMP_ACT_ALLOW",
           "args": [{"index": 0, "value": 3, "op": "SCMP_CMP_EQ"}]})",
       1, R"("op": "SCMP_CMP_EQ")"},
      {"Docker's conditions stay",
       R"({"names": ["socket"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_BPF"]},
           "args": [{"index": 0, "value": 64, "op": "SCMP_CMP_LT"}]})",
       1, R"("CAP_BPF")"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const Result<Profile> narrow = by_width(profile_of(c.entry));
    ASSERT_TRUE(narrow.has_value()) << narrow.error().message;
    EXPECT_EQ(narrow->entries.size(), c.entries);
    const std::string text = write_profile(*narrow);
    EXPECT_NE(text.find(c.has), std::string::npos) << text;
    EXPECT_EQ(write_profile(by_width(*narrow).value()), text) << "twice is once";
  }
}

TEST(ByWidth, TooManyCombinationsAreRefusedWithTheirPlace) {
  const Result<Profile> narrow = by_width(profile_of(
      R"({"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [
          {"index": 0, "value": 1, "op": "SCMP_CMP_NE"}, {"index": 1, "value": 1, "op": "SCMP_CMP_NE"},
          {"index": 2, "value": 1, "op": "SCMP_CMP_NE"}]})"));
  ASSERT_FALSE(narrow.has_value());
  EXPECT_EQ(narrow.error().code, Errc::kLimit);
  EXPECT_TRUE(narrow.error().message.starts_with("p.json:1: syscalls[0]: by width: more than "))
      << narrow.error().message;
}

TEST(ByWidth, MeansWhatTheCompilersOptionMeans) {
  constexpr int kProfiles = 400;
  const std::vector<const char*> names = {"socket", "mkdir", "fchmod", "write", "mmap", "clone"};
  const std::vector<std::uint64_t> bounds = {
      0, 1, 40, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000028, UINT64_MAX};
  std::mt19937 random(20261124);  // NOLINT(cert-msc51-cpp): the same profiles in each run
  const auto below = [&](std::size_t limit) { return static_cast<std::size_t>(random() % limit); };
  int narrower = 0;
  for (int i = 0; i < kProfiles; ++i) {
    Profile profile;
    profile.source = "p.json";
    for (std::size_t e = 0; e < 1 + below(3); ++e) {
      Entry entry;
      entry.names = {names[below(names.size())], names[below(names.size())]};
      entry.action = below(2) == 0 ? Action::kAllow : Action::kTrap;
      for (std::size_t a = 0; a < 1 + below(2); ++a) {
        entry.args.push_back({.index = static_cast<unsigned>(below(3)),
                              .value = bounds[below(bounds.size())] + below(2),
                              .value_two = bounds[below(bounds.size())],
                              .op = static_cast<Op>(below(7))});
      }
      profile.entries.push_back(std::move(entry));
    }
    const Result<Profile> narrow = by_width(profile);
    if (!narrow) {
      ASSERT_EQ(narrow.error().code, Errc::kLimit);
      continue;
    }
    ResolveOptions options;
    options.arch = Abi::kX86_64;
    const ResolvedProfile written = resolve(*narrow, options).value();
    const ResolvedProfile plain = resolve(profile, options).value();
    options.int_args_by_width = true;
    const ResolvedProfile meant = resolve(profile, options).value();
    for (int c = 0; c < 200; ++c) {
      seccomp_data call{};
      call.arch = audit_arch(Abi::kX86_64);
      call.nr = static_cast<int>(syscall_nr(Abi::kX86_64, names[below(names.size())]).value());
      for (auto& arg : call.args) arg = bounds[below(bounds.size())] + below(3) - 1;
      ASSERT_EQ(evaluate(written, call), evaluate(meant, call))
          << write_profile(profile) << call.nr << " " << std::hex << call.args[0] << " "
          << call.args[1] << " " << call.args[2];
      if (evaluate(plain, call) != evaluate(meant, call)) ++narrower;
    }
  }
  EXPECT_GT(narrower, 100) << "the profiles have no argument that the width matters for";
}

}  // namespace
}  // namespace sysnare
