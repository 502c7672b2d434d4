#include "filter/differences.h"

#include <gtest/gtest.h>
#include <linux/audit.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "arch/syscalls.h"
#include "filter/decompile.h"
#include "filter/filter.h"
#include "filter/prove.h"
#include "filter/test_profiles.h"
#include "profile/profile.h"

namespace sysnare {
namespace {

std::string test_data(const std::string& name) {
  const char* folder = std::getenv("SYSNARE_TEST_DATA");
  return std::string(folder != nullptr ? folder : SYSNARE_SOURCE_DIR "/../shared/data") + "/" +
         name;
}

ResolvedProfile resolved(std::string_view text) {
  const Result<Profile> profile = parse_profile(text, "test.json");
  EXPECT_TRUE(profile.has_value()) << (profile ? "" : profile.error().message) << text;
  if (!profile) return {};
  const Result<ResolvedProfile> flat = resolve(*profile, {});
  EXPECT_TRUE(flat.has_value()) << (flat ? "" : flat.error().message);
  return flat ? *flat : ResolvedProfile{};
}

std::vector<sock_filter> compiled(const ResolvedProfile& profile) {
  const Result<Filter> filter = compile(profile);
  EXPECT_TRUE(filter.has_value()) << (filter ? "" : filter.error().message);
  return filter ? filter->program : std::vector<sock_filter>{};
}

/// A profile of x86_64 with a default of errno EPERM and these entries.
std::string allow_list(const std::string& entries) {
  return R"({"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [)" +
         entries + "]}";
}
std::string allow(const std::string& name, const std::string& args = "") {
  return R"({"names": [")" + name + R"("], "action": "SCMP_ACT_ALLOW", "args": [)" + args + "]}";
}

/// "NAME BEFORE -> AFTER CHANGE when CONDITION or CONDITION", one a line.
std::string text_of(const std::vector<Difference>& all) {
  std::string text;
  for (const Difference& each : all) {
    const std::string name =
        each.name.empty() ? fmt::format("{:#x}-{:#x}", each.first, each.last) : each.name;
    text += fmt::format("{} {} {} -> {} {}", each.abi ? abi_name(*each.abi) : "?", name,
                        action_label(each.before), action_label(each.after),
                        change_name(each.change()));
    for (std::size_t i = 0; i < each.when.size(); ++i) {
      text += (i == 0 ? " when " : " or ") + conjunction_text(each.when[i], each.name);
    }
    text += "\n";
  }
  return text;
}

TEST(Differences, SaysExactlyTheInputsOnWhichTheyDiffer) {
  struct Case {
    const char* why;
    std::string a;
    std::string b;
    std::string differs;
  };
  const std::string args = R"({"index": 0, "op": "SCMP_CMP_)";
  const Case kCases[] = {
      {"the same", allow_list(allow("read")), allow_list(allow("read")), ""},
      {"the same in other words", allow_list(allow("read") + "," + allow("write")),
       allow_list(R"({"names": ["write", "read", "read"], "action": "SCMP_ACT_ALLOW"})"), ""},
      {"one call more", allow_list(allow("read")), allow_list(allow("read") + "," + allow("mkdir")),
       "x86_64 mkdir errno EPERM -> allow looser\n"},
      {"one call less", allow_list(allow("mkdir")), allow_list(""),
       "x86_64 mkdir allow -> errno EPERM tighter\n"},
      {"another errno is neither", allow_list(""),
       allow_list(R"({"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38})"),
       "x86_64 clone3 errno EPERM -> errno ENOSYS other\n"},
      {"some flags", allow_list(allow("clone")),
       allow_list(allow("clone", args + R"(MASKED_EQ", "value": 2114060288, "valueTwo": 0})")),
       "x86_64 clone allow -> errno EPERM tighter when clone_flags & 0x7e020000 != 0\n"},
      {"one value", allow_list(allow("personality")),
       allow_list(allow("personality", args + R"(NE", "value": 8})")),
       "x86_64 personality allow -> errno EPERM tighter when personality == 8\n"},
      {"a value in all 64 bits", allow_list(allow("close", args + R"(EQ", "value": 3})")),
       allow_list(allow("close", args + R"(MASKED_EQ", "value": 4294967295, "valueTwo": 3})")),
       "x86_64 close errno EPERM -> allow looser when fd & 0xffffffff == 3 and fd != 3\n"},
      {"a range", allow_list(allow("dup", args + R"(GT", "value": 40})")),
       allow_list(allow("dup", args + R"(GT", "value": 100})")),
       "x86_64 dup allow -> errno EPERM tighter when fildes in 0x29..0x64\n"},
      {"two arguments",
       allow_list(allow(
           "socket", args + R"(EQ", "value": 1}, {"index": 1, "value": 2, "op": "SCMP_CMP_EQ"})")),
       allow_list(""),
       "x86_64 socket allow -> errno EPERM tighter when family == 1 and type == 2\n"},
      {"an unlisted ABI is as strict as can be", allow_list(""),
       R"({"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X32"]})",
       "x32"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const Result<std::vector<Difference>> found =
        differences(compiled(resolved(c.a)), compiled(resolved(c.b)));
    ASSERT_TRUE(found.has_value()) << found.error().message;
    const std::string text = text_of(*found);
    if (c.differs.empty() || c.differs.back() == '\n') {
      EXPECT_EQ(text, c.differs);
    } else {
      EXPECT_NE(text.find(c.differs), std::string::npos) << text;
    }
  }
}

TEST(Differences, EveryWitnessIsOne) {
  test::RandomProfiles random(20261125);
  const std::vector<std::string_view> names = {"read", "openat", "clone", "socket", "chmod"};
  for (int round = 0; round < 8; ++round) {
    SCOPED_TRACE(round);
    std::vector<ResolvedProfile> flat;
    std::vector<std::vector<sock_filter>> programs;
    for (int side = 0; side < 2; ++side) {
      Profile profile;
      profile.default_action = Action::kErrno;
      profile.architectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_S390X"};
      for (int i = 0; i < 4; ++i) profile.entries.push_back(random.entry(names, 2, 2));
      Result<ResolvedProfile> one = resolve(profile, {});
      ASSERT_TRUE(one.has_value());
      programs.push_back(compiled(*one));
      flat.push_back(std::move(*one));
    }
    const auto found = differences(programs[0], programs[1]);
    ASSERT_TRUE(found.has_value()) << found.error().message;
    for (const Difference& each : *found) {
      EXPECT_EQ(normal_action(evaluate(flat[0], each.witness).value), each.before);
      EXPECT_EQ(normal_action(evaluate(flat[1], each.witness).value), each.after);
      EXPECT_TRUE(each.always || !each.when.empty() || !each.unsaid.empty());
    }
    const auto same = find_difference(programs[0], flat[1]);
    ASSERT_TRUE(same.has_value()) << same.error().message;
    EXPECT_EQ(found->empty(), !same->has_value());
  }
}

TEST(Decompile, GivesAnEquivalentProfile) {
  struct Case {
    const char* why;
    std::string path;
  };
  const Case kCases[] = {
      {"Docker's default", test_data("docker-default.json")},
      {"Podman's default", "/usr/share/containers/seccomp.json"},
      {"an allow-list", SYSNARE_SOURCE_DIR "/tests/profiles/allow-helloworld.json"},
      {"a deny-list", SYSNARE_SOURCE_DIR "/tests/profiles/deny-dir.json"},
      {"nothing listed", SYSNARE_SOURCE_DIR "/tests/profiles/deny.json"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    if (!std::filesystem::exists(c.path)) {
      std::printf("not here, not tried: %s\n", c.path.c_str());
      continue;
    }
    const Result<Profile> profile = load_profile(c.path);
    ASSERT_TRUE(profile.has_value());
    const Result<ResolvedProfile> flat = resolve(*profile, {});
    ASSERT_TRUE(flat.has_value());
    const Result<Decompiled> back = decompile(compiled(*flat));
    ASSERT_TRUE(back.has_value()) << back.error().message;
    EXPECT_TRUE(back->residue.empty()) << residue_text(back->residue.front());
    EXPECT_EQ(back->foreign_abi.value, SECCOMP_RET_KILL_PROCESS);
    // And by the other way of comparing.
    const Result<ResolvedProfile> again = resolve(back->profile, {});
    ASSERT_TRUE(again.has_value());
    const auto difference = find_difference(compiled(*flat), *again);
    ASSERT_TRUE(difference.has_value()) << difference.error().message;
    EXPECT_FALSE(difference->has_value());
    std::printf("%s: %zu entries\n", c.why, back->profile.entries.size());
  }
}

TEST(Decompile, RandomProfilesComeBack) {
  struct Case {
    const char* why;
    std::vector<std::string> architectures;
    std::size_t entries;
    std::size_t conditions;
    unsigned arguments;
  };
  const Case kCases[] = {
      {"64-bit registers", {"SCMP_ARCH_X86_64"}, 4, 3, 2},
      {"32-bit registers", {"SCMP_ARCH_X86"}, 4, 3, 2},
      {"both, where constants are cut", {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86"}, 4, 2, 2},
      {"the same with more conditions", {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86"}, 4, 3, 4},
      {"and with more rules", {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86"}, 9, 2, 3},
      {"three ABIs", {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"}, 5, 2, 3},
      {"big-endian words", {"SCMP_ARCH_S390X", "SCMP_ARCH_S390"}, 4, 2, 3},
      {"ARM", {"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"}, 4, 2, 3},
  };
  const std::vector<std::string_view> names = {"read", "openat", "clone", "socket", "chmod", "ipc"};
  const char* more = std::getenv("SYSNARE_TEST_ROUNDS");
  const int rounds = more != nullptr ? std::atoi(more) : 8;
  for (const Case& c : kCases) {
    test::RandomProfiles random(7);
    int refused = 0;
    int repeating = 0;
    for (int round = 0; round < rounds; ++round) {
      SCOPED_TRACE(std::string(c.why) + ", round " + std::to_string(round));
      Profile profile;
      profile.default_action = static_cast<Action>(random.below(9));
      profile.architectures = c.architectures;
      for (std::size_t i = 0; i < c.entries; ++i) {
        profile.entries.push_back(random.entry(names, c.conditions, c.arguments));
      }
      const Result<ResolvedProfile> flat = resolve(profile, {});
      ASSERT_TRUE(flat.has_value());
      const Result<Filter> filter = compile(*flat);
      if (!filter) continue;
      const Result<Decompiled> back = decompile(filter->program);
      if (!back) {
        ++refused;
        std::printf("%s, round %d: %s\n", c.why, round, back.error().message.c_str());
        std::printf("%s\n", write_profile(profile).c_str());
        continue;
      }
      EXPECT_TRUE(back->residue.empty())
          << residue_text(back->residue.front()) << write_profile(profile);
      repeating += back->repeating.empty() ? 0 : 1;
      for (const Entry& entry : back->profile.entries) {
        const bool said =
            std::all_of(entry.names.begin(), entry.names.end(), [&](const std::string& name) {
              return std::count(back->repeating.begin(), back->repeating.end(), name) != 0;
            });
        for (std::size_t i = 1; i < entry.args.size() && !said; ++i) {
          EXPECT_LT(entry.args[i - 1].index, entry.args[i].index) << "an index twice means or";
        }
      }
    }
    EXPECT_EQ(refused, 0) << c.why;
    std::printf("%s: %d of %d have an index twice\n", c.why, repeating, rounds);
  }
}

}  // namespace
}  // namespace sysnare
