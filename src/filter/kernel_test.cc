// Filters in the running kernel: a child loads one, makes calls, and what came of them is compared
// with evaluate() and simulate(). Works without privilege, by no_new_privs. Nothing but the calls
// under test is made after loading: results go to shared memory, and the child ends by an illegal
// instruction.

#include <gtest/gtest.h>

#include "filter/filter.h"
#include "filter/test_profiles.h"

#if defined(__x86_64__)

#include <linux/audit.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>

namespace sysnare {
namespace {

constexpr std::size_t kMostCalls = 128;

struct TestCall {
  std::uint32_t nr = 0;
  bool i386 = false;
  std::uint64_t args[3] = {};
};

enum class End : int { kNone, kReturned, kTrapped };

/// Between parent and child.
struct Shared {
  long load = 0;  ///< of seccomp(2): 0 or -errno; 1 before
  std::size_t next = 0;
  End end[kMostCalls] = {};
  long result[kMostCalls] = {};
};

Shared* g_shared = nullptr;  // for the signal handler

long raw_call(const TestCall& call) {
  long result = static_cast<long>(static_cast<std::int32_t>(call.nr));
  if (call.i386) {
    // The 64-bit ABI's callers of int 0x80 may lose r8 to r11.
    __asm__ volatile("int $0x80"
                     : "+a"(result)
                     : "b"(call.args[0]), "c"(call.args[1]), "d"(call.args[2])
                     : "memory", "r8", "r9", "r10", "r11");
    return static_cast<std::int32_t>(result);
  }
  __asm__ volatile("syscall"
                   : "+a"(result)
                   : "D"(call.args[0]), "S"(call.args[1]), "d"(call.args[2])
                   : "memory", "rcx", "r11");
  return result;
}

/// Asks in a child: a kernel without i386 answers int 0x80 with SIGSEGV.
bool can_i386() {
  const pid_t pid = fork();
  if (pid == 0) {
    signal(SIGSEGV, SIG_DFL);  // a sanitizer would report it
    _exit(raw_call({20, true, {}}) == getpid() ? 0 : 1);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void on_sigsys(int) {
  g_shared->end[g_shared->next] = End::kTrapped;
  __builtin_trap();
}

/// Never returns. Between fork and the trap only async-signal-safe calls.
[[noreturn]] void child(std::span<const sock_filter> program, std::span<const TestCall> calls) {
  std::signal(SIGSYS, on_sigsys);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  sock_fprog prog{static_cast<unsigned short>(program.size()),
                  const_cast<sock_filter*>(program.data())};
  const long loaded = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog);
  g_shared->load = loaded == 0 ? 0 : -errno;
  if (loaded == 0) {
    while (g_shared->next < calls.size()) {
      const long result = raw_call(calls[g_shared->next]);
      g_shared->result[g_shared->next] = result;
      g_shared->end[g_shared->next] = End::kReturned;
      ++g_shared->next;
    }
  }
  __builtin_trap();
}

class Kernel : public testing::Test {
 protected:
  void SetUp() override {
    void* memory =
        mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    g_shared = new (memory) Shared();
  }
  void TearDown() override { munmap(g_shared, sizeof(Shared)); }

  /// Makes all `calls` under `program`, in as many children as die of it. False: not loaded.
  bool make(std::span<const sock_filter> program, std::span<const TestCall> calls) {
    *g_shared = Shared();
    do {
      g_shared->load = 1;
      const pid_t pid = fork();
      if (pid == 0) child(program, calls);
      int status = 0;
      waitpid(pid, &status, 0);
      EXPECT_TRUE(WIFSIGNALED(status));
      if (g_shared->load != 0) return false;
      if (g_shared->next < calls.size()) {
        if (g_shared->end[g_shared->next] == End::kNone) {
          EXPECT_EQ(WTERMSIG(status), SIGSYS);
        }
        ++g_shared->next;  // the one that killed it
      }
    } while (g_shared->next < calls.size());
    return true;
  }

  /// What the kernel did with call `i`, against what `value` stands for.
  static void expect_did(std::size_t i, ActionValue value) {
    const End end = g_shared->end[i];
    const long result = g_shared->result[i];
    switch (value.action()) {
      case SECCOMP_RET_ALLOW:
      case SECCOMP_RET_LOG:
        EXPECT_EQ(end, End::kReturned);
        EXPECT_TRUE(result > 0 || result == -ENOSYS) << result;
        break;
      case SECCOMP_RET_ERRNO:
        EXPECT_EQ(end, End::kReturned);
        EXPECT_EQ(result, -static_cast<long>(std::min<unsigned>(value.data(), 4095)));
        break;
      case SECCOMP_RET_TRACE:
      case SECCOMP_RET_USER_NOTIF:
        EXPECT_EQ(end, End::kReturned);
        EXPECT_EQ(result, -ENOSYS) << "nobody is there to decide";
        break;
      case SECCOMP_RET_TRAP:
        EXPECT_EQ(end, End::kTrapped);
        break;
      default:
        EXPECT_EQ(end, End::kNone) << "killed";
    }
  }

  static seccomp_data data_of(const TestCall& call) {
    seccomp_data data{};
    data.nr = static_cast<int>(call.nr);
    data.arch = call.i386 ? AUDIT_ARCH_I386 : AUDIT_ARCH_X86_64;
    for (std::size_t i = 0; i < 3; ++i) {
      // The kernel shows 32 bits of an i386 register.
      data.args[i] = call.i386 ? static_cast<std::uint32_t>(call.args[i]) : call.args[i];
    }
    return data;
  }
};

TEST_F(Kernel, DoesWithEveryCallWhatTheProfileSays) {
  // Calls without effect that ignore their arguments, so that those can be anything.
  const std::vector<std::string_view> names = {"getppid", "getpid", "getpgrp"};
  test::RandomProfiles random(5);
  const bool runs_i386 = can_i386();
  if (!runs_i386) std::printf("this kernel runs no i386 calls, not tried\n");
  std::size_t made = 0;
  for (int round = 0; round < 60; ++round) {
    SCOPED_TRACE(round);
    Profile profile;
    profile.default_action = static_cast<Action>(random.below(9));
    profile.architectures = {"SCMP_ARCH_X86_64"};
    if (random.below(2) == 0) profile.architectures.emplace_back("SCMP_ARCH_X86");
    if (random.below(3) == 0) profile.architectures.emplace_back("SCMP_ARCH_X32");
    const std::size_t entries = random.below(7);
    for (std::size_t i = 0; i < entries; ++i) profile.entries.push_back(random.entry(names, 3, 3));
    const Result<ResolvedProfile> flat = resolve(profile, {});
    ASSERT_TRUE(flat.has_value());
    const Result<Filter> filter = compile(*flat);
    ASSERT_TRUE(filter.has_value()) << filter.error().message;

    std::vector<TestCall> calls(48);
    for (TestCall& call : calls) {
      static constexpr std::uint32_t kNumbers[] = {110,  110,           39,         111,
                                                   4000, kX32Bit | 110, UINT32_MAX, 0x80000000};
      static constexpr std::uint32_t kI386Numbers[] = {64, 64, 20, 65, 4000};
      call.i386 = runs_i386 && random.below(4) == 0;
      call.nr = call.i386 ? kI386Numbers[random.below(std::size(kI386Numbers))]
                          : kNumbers[random.below(std::size(kNumbers))];
      for (auto& arg : call.args) arg = random.value();
    }
    ASSERT_TRUE(make(filter->program, calls)) << g_shared->load;
    for (std::size_t i = 0; i < calls.size(); ++i) {
      const seccomp_data data = data_of(calls[i]);
      SCOPED_TRACE(fmt::format("nr {:#x} arch {:#x} args {:#x} {:#x} {:#x}\n{}", data.nr, data.arch,
                               data.args[0], data.args[1], data.args[2], write_profile(profile)));
      expect_did(i, evaluate(*flat, data));
      ++made;
      ASSERT_FALSE(HasFailure());
    }
  }
  std::printf("%zu calls made\n", made);
}

/// Programs that nobody sane writes, some of them valid.
std::vector<sock_filter> random_program(test::RandomProfiles& random) {
  static constexpr std::uint16_t kCodes[] = {BPF_LD | BPF_W | BPF_ABS,
                                             BPF_LD | BPF_W | BPF_ABS,
                                             BPF_LD | BPF_W | BPF_ABS,
                                             BPF_LD | BPF_W | BPF_LEN,
                                             BPF_LDX | BPF_W | BPF_LEN,
                                             BPF_LD | BPF_IMM,
                                             BPF_LDX | BPF_IMM,
                                             BPF_LD | BPF_MEM,
                                             BPF_LDX | BPF_MEM,
                                             BPF_ST,
                                             BPF_STX,
                                             BPF_MISC | BPF_TAX,
                                             BPF_MISC | BPF_TXA,
                                             BPF_ALU | BPF_ADD | BPF_K,
                                             BPF_ALU | BPF_ADD | BPF_X,
                                             BPF_ALU | BPF_SUB | BPF_K,
                                             BPF_ALU | BPF_SUB | BPF_X,
                                             BPF_ALU | BPF_MUL | BPF_K,
                                             BPF_ALU | BPF_MUL | BPF_X,
                                             BPF_ALU | BPF_DIV | BPF_K,
                                             BPF_ALU | BPF_DIV | BPF_X,
                                             BPF_ALU | BPF_AND | BPF_K,
                                             BPF_ALU | BPF_AND | BPF_X,
                                             BPF_ALU | BPF_OR | BPF_K,
                                             BPF_ALU | BPF_OR | BPF_X,
                                             BPF_ALU | BPF_XOR | BPF_K,
                                             BPF_ALU | BPF_XOR | BPF_X,
                                             BPF_ALU | BPF_LSH | BPF_K,
                                             BPF_ALU | BPF_LSH | BPF_X,
                                             BPF_ALU | BPF_RSH | BPF_K,
                                             BPF_ALU | BPF_RSH | BPF_X,
                                             BPF_ALU | BPF_NEG,
                                             BPF_JMP | BPF_JA,
                                             BPF_JMP | BPF_JEQ | BPF_K,
                                             BPF_JMP | BPF_JEQ | BPF_X,
                                             BPF_JMP | BPF_JGE | BPF_K,
                                             BPF_JMP | BPF_JGE | BPF_X,
                                             BPF_JMP | BPF_JGT | BPF_K,
                                             BPF_JMP | BPF_JGT | BPF_X,
                                             BPF_JMP | BPF_JSET | BPF_K,
                                             BPF_JMP | BPF_JSET | BPF_X,
                                             BPF_RET | BPF_A};
  static constexpr std::uint16_t kRefused[] = {BPF_ALU | BPF_MOD | BPF_K,
                                               BPF_ALU | BPF_MOD | BPF_X,
                                               BPF_LD | BPF_H | BPF_ABS,
                                               BPF_LD | BPF_B | BPF_ABS,
                                               BPF_LD | BPF_W | BPF_IND,
                                               BPF_LDX | BPF_B | BPF_MSH,
                                               BPF_RET | BPF_X,
                                               0x0100,
                                               0xffff};
  std::vector<sock_filter> program(2 + random.below(12));
  for (std::size_t pc = 0; pc < program.size(); ++pc) {
    sock_filter& insn = program[pc];
    const std::size_t behind = program.size() - pc - 1;
    insn.code = kCodes[random.below(std::size(kCodes))];
    insn.k = static_cast<std::uint32_t>(random.value());
    insn.jt = static_cast<std::uint8_t>(behind == 0 ? 0 : random.below(behind));
    insn.jf = static_cast<std::uint8_t>(behind == 0 ? 0 : random.below(behind));
    if (insn.code == (BPF_LD | BPF_W | BPF_ABS)) {
      // Not the instruction pointer: the simulation does not know it.
      static constexpr std::uint32_t kWords[] = {0, 4, 16, 20, 24, 28, 32, 36};
      insn.k = kWords[random.below(std::size(kWords))];
    } else if (BPF_CLASS(insn.code) != BPF_JMP && random.below(3) != 0) {
      insn.k %= 40;
    } else if (insn.code == (BPF_JMP | BPF_JA) && behind != 0) {
      insn.k = static_cast<std::uint32_t>(random.below(behind));
    }
    if (random.below(60) == 0) insn.code = kRefused[random.below(std::size(kRefused))];
    if (random.below(40) == 0) insn.k = static_cast<std::uint32_t>(random.value());
    if (random.below(40) == 0) insn.jt = static_cast<std::uint8_t>(random.below(256));
  }
  if (random.below(12) != 0) {
    program.back() =
        random.below(3) == 0
            ? sock_filter{BPF_RET | BPF_A, 0, 0, 0}
            : sock_filter{BPF_RET | BPF_K, 0, 0,
                          SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(random.below(99))};
  }
  return program;
}

TEST_F(Kernel, TakesAndRunsAProgramExactlyWhenAndAsWeSay) {
  test::RandomProfiles random(7);
  std::size_t taken = 0;
  constexpr int kRounds = 1200;
  for (int round = 0; round < kRounds; ++round) {
    const std::vector<sock_filter> program = random_program(random);
    TestCall call{110, false, {}};
    for (auto& arg : call.args) arg = random.value();
    seccomp_data data = data_of(call);
    const Result<Verdict> verdict = simulate(program, data);
    std::string shown;
    for (const sock_filter& insn : program) {
      shown += fmt::format("{:#06x} {} {} {:#x}\n", insn.code, insn.jt, insn.jf, insn.k);
    }
    SCOPED_TRACE(shown);
    const bool loaded = make(program, std::span(&call, 1));
    EXPECT_EQ(loaded, verdict.has_value()) << (verdict ? "" : verdict.error().message);
    EXPECT_EQ(check_program(program).has_value(), verdict.has_value());
    ASSERT_FALSE(HasFailure());
    if (!loaded) {
      ASSERT_EQ(g_shared->load, -EINVAL);
      continue;
    }
    ++taken;
    ASSERT_TRUE(disassemble(program).has_value());
    expect_did(0, verdict->action);
    ASSERT_FALSE(HasFailure());
  }
  std::printf("%zu of %d programs taken\n", taken, kRounds);
  EXPECT_GT(taken, 100u);
  EXPECT_LT(taken, static_cast<std::size_t>(kRounds) - 100);
}

}  // namespace
}  // namespace sysnare

#endif
