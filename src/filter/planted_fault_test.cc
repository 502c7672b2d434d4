// Whether a wrong instruction can slip through: every instruction of several filters is replaced by
// each wrong one in turn (jumps, constants, comparisons, loads, actions). What changes the meaning
// of a call has to be found; what is refused has to have such a call.

#include <gtest/gtest.h>
#include <linux/audit.h>

#include <algorithm>
#include <set>

#include "arch/syscalls.h"
#include "filter/filter.h"
#include "filter/machine.h"
#include "filter/prove.h"
#include "profile/profile.h"

namespace sysnare {
namespace {

using Program = std::vector<sock_filter>;

bool is_test(const sock_filter& insn) {
  return BPF_CLASS(insn.code) == BPF_JMP && insn.code != (BPF_JMP | BPF_JA);
}

/// Every program that differs from `program` in one instruction, and that the kernel would take.
std::vector<Program> with_one_fault(const Program& program) {
  std::set<std::uint32_t> constants = {0, 1, UINT32_MAX};
  for (const sock_filter& insn : program) constants.insert(insn.k);
  std::vector<Program> all;
  for (std::size_t at = 0; at < program.size(); ++at) {
    const sock_filter right = program[at];
    const auto plant = [&](sock_filter wrong) {
      if (wrong.code == right.code && wrong.k == right.k && wrong.jt == right.jt &&
          wrong.jf == right.jf) {
        return;
      }
      Program faulty = program;
      faulty[at] = wrong;
      if (check_program(faulty)) all.push_back(std::move(faulty));
    };
    const auto plant_k = [&](std::uint32_t k) { plant({right.code, right.jt, right.jf, k}); };
    for (const std::uint32_t k : constants) plant_k(k);
    for (const std::uint32_t k : {right.k - 1, right.k + 1, right.k - 4, right.k + 4}) plant_k(k);
    for (unsigned bit = 0; bit < 32; bit += 5) plant_k(right.k ^ (1u << bit));
    if (!is_test(right)) continue;
    for (std::size_t jump = 0; at + 1 + jump < program.size(); ++jump) {
      const auto to = static_cast<std::uint8_t>(jump);
      plant({right.code, to, right.jf, right.k});
      plant({right.code, right.jt, to, right.k});
    }
    plant({right.code, right.jf, right.jt, right.k});
    for (const int jump : {BPF_JEQ, BPF_JGE, BPF_JGT, BPF_JSET}) {
      plant({static_cast<std::uint16_t>(BPF_JMP | jump | BPF_K), right.jt, right.jf, right.k});
    }
  }
  return all;
}

/// Whether the two differ, by running both on every combination of what either asks about:
/// architectures, numbers and the words of `arguments`, each side of every constant. No reasoning
/// about paths, and nothing of the proof's.
bool differ(const Program& a, const Program& b, std::size_t arguments) {
  // By word: the constants that it, or anything, is compared with.
  std::set<std::uint32_t> large;  // architectures
  std::set<std::uint32_t> values = {0, 1};
  for (const Program* program : {&a, &b}) {
    for (const sock_filter& insn : *program) {
      if (BPF_CLASS(insn.code) == BPF_RET || BPF_CLASS(insn.code) == BPF_LD) continue;
      for (const std::uint32_t k : {insn.k - 1, insn.k, insn.k + 1}) {
        values.insert(k);
        large.insert(k);
      }
    }
  }
  for (const std::uint32_t arch : large) {
    for (const std::uint32_t nr : values) {
      seccomp_data call{};
      call.arch = arch;
      call.nr = static_cast<int>(nr);
      Outcome ours = run_program(a, call);
      Outcome theirs = run_program(b, call);
      if (ours.value != theirs.value) return true;
      if (!ours.read_rest && !theirs.read_rest) continue;
      for (std::size_t arg = 0; arg < arguments; ++arg) {
        call.args[1 - arg] = 0;
        for (const std::uint32_t high : values) {
          for (const std::uint32_t low : values) {
            call.args[arg] = std::uint64_t{high} << 32 | low;
            if (run_program(a, call).value != run_program(b, call).value) return true;
          }
        }
      }
    }
  }
  return false;
}

TEST(PlantedFault, IsFoundWhereverItChangesTheMeaningOfACall) {
  struct Case {
    const char* why;
    const char* architectures;
    const char* entries;
  };
  constexpr Case kCases[] = {
      {"numbers alone, with x32", R"("SCMP_ARCH_X86_64", "SCMP_ARCH_X32")",
       R"({"names": ["read", "openat", "mmap", "exit"], "action": "SCMP_ACT_ALLOW"})"},
      {"a range of 64 bits", R"("SCMP_ARCH_X86_64")",
       R"({"names": ["socket"], "action": "SCMP_ACT_ALLOW",
           "args": [{"index": 0, "value": 4294967300, "op": "SCMP_CMP_LT"}]})"},
      {"values that a mask stands for", R"("SCMP_ARCH_X86_64")",
       R"({"names": ["personality"], "action": "SCMP_ACT_ALLOW",
           "args": [{"index": 0, "value": 0, "op": "SCMP_CMP_EQ"}]},
          {"names": ["personality"], "action": "SCMP_ACT_ALLOW",
           "args": [{"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}]},
          {"names": ["personality"], "action": "SCMP_ACT_ALLOW",
           "args": [{"index": 0, "value": 4294967295, "op": "SCMP_CMP_EQ"}]})"},
      {"registers of 32 bits, another errno for the rest", R"("SCMP_ARCH_X86")",
       R"({"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13},
          {"names": ["kill"], "action": "SCMP_ACT_ALLOW",
           "args": [{"index": 1, "value": 9, "op": "SCMP_CMP_NE"}]})"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const Result<Profile> profile =
        parse_profile(fmt::format(R"({{"defaultAction": "SCMP_ACT_ERRNO", "architectures": [{}],
                         "syscalls": [{}]}})",
                                  c.architectures, c.entries),
                      "test.json");
    ASSERT_TRUE(profile.has_value()) << profile.error().message;
    const ResolvedProfile flat = resolve(*profile, {}).value();
    const Program right = compile(flat).value().program;
    std::size_t found = 0;
    std::size_t harmless = 0;
    for (const Program& faulty : with_one_fault(right)) {
      const Result<void> verified = verify(faulty, flat);
      if (verified) {
        ++harmless;
        ASSERT_FALSE(differ(right, faulty, 2)) << disassemble(faulty).value();
        continue;
      }
      ++found;
      ASSERT_EQ(verified.error().code, Errc::kBadInput) << verified.error().message;
      const Result<std::optional<seccomp_data>> difference = find_difference(faulty, flat);
      ASSERT_TRUE(difference.has_value() && *difference) << disassemble(faulty).value();
      ASSERT_NE(run_program(faulty, **difference).value, evaluate(flat, **difference).value)
          << disassemble(faulty).value();
    }
    std::printf("%s: %zu faults found, %zu change nothing\n", c.why, found, harmless);
    EXPECT_GT(found, 5 * harmless);
    EXPECT_GT(found, 200u);
  }
}

}  // namespace
}  // namespace sysnare
