// Filters of other makers: what is their profile, and what does no profile say?

#include "filter/decompile.h"

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#if defined(SYSNARE_HAVE_LIBSECCOMP)
#include <seccomp.h>
#endif

#include "arch/syscalls.h"
#include "filter/filter.h"
#include "filter/join.h"
#include "filter/raw.h"

namespace sysnare {
namespace {

constexpr sock_filter load(std::uint32_t word) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, word * 4);
}
constexpr sock_filter jump(std::uint16_t op, std::uint32_t k, std::uint8_t yes, std::uint8_t no) {
  return BPF_JUMP(static_cast<std::uint16_t>(BPF_JMP | op | BPF_K), k, yes, no);
}
constexpr sock_filter ret(std::uint32_t value) { return BPF_STMT(BPF_RET | BPF_K, value); }

const Entry* entry_of(const Profile& profile, std::string_view name) {
  for (const Entry& entry : profile.entries) {
    if (std::find(entry.names.begin(), entry.names.end(), name) != entry.names.end()) return &entry;
  }
  return nullptr;
}

TEST(Decompile, ReadsFiltersAsOthersWriteThem) {
  struct Case {
    const char* why;
    std::vector<sock_filter> program;
    const char* abi;        ///< looked at; empty: all
    std::uint32_t foreign;  ///< what other ABIs get
    const char* name;       ///< of an entry
    Action action;          ///< of that entry
    bool named;             ///< whether calls with a name are decided otherwise
  };
  const std::vector<Case> cases = {
      {"the x32 bit tested by itself, as Chromium does",
       {load(1), jump(BPF_JEQ, AUDIT_ARCH_X86_64, 1, 0), ret(SECCOMP_RET_KILL_PROCESS), load(0),
        jump(BPF_JSET, 0x40000000, 0, 1), ret(SECCOMP_RET_KILL_PROCESS), jump(BPF_JEQ, 83, 1, 0),
        ret(SECCOMP_RET_ALLOW), ret(SECCOMP_RET_ERRNO | 1)},
       "",
       SECCOMP_RET_KILL_PROCESS,
       "mkdir",
       Action::kErrno,
       false},
      {"other ABIs pass, as systemd has it",
       {load(1), jump(BPF_JEQ, AUDIT_ARCH_I386, 1, 0), ret(SECCOMP_RET_ALLOW), load(0),
        jump(BPF_JEQ, 39, 0, 1), ret(SECCOMP_RET_ERRNO | 38), ret(SECCOMP_RET_ALLOW)},
       "",
       SECCOMP_RET_ALLOW,
       "mkdir",
       Action::kErrno,
       false},
      {"numbers without the architecture, one ABI looked at",
       {load(0), jump(BPF_JEQ, 83, 0, 1), ret(SECCOMP_RET_TRAP), ret(SECCOMP_RET_ALLOW)},
       "x86_64",
       SECCOMP_RET_ALLOW,
       "mkdir",
       Action::kTrap,
       true},
      {"memory and the other register; nothing keeps x32 apart, where mkdir is another number",
       {load(1), jump(BPF_JEQ, AUDIT_ARCH_X86_64, 1, 0), ret(SECCOMP_RET_KILL_PROCESS), load(0),
        BPF_STMT(BPF_ST, 3), BPF_STMT(BPF_LD | BPF_IMM, 83), BPF_STMT(BPF_MISC | BPF_TAX, 0),
        BPF_STMT(BPF_LD | BPF_MEM, 3), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, 0, 1),
        ret(SECCOMP_RET_LOG), ret(SECCOMP_RET_ALLOW)},
       "",
       SECCOMP_RET_KILL_PROCESS,
       "mkdir",
       Action::kLog,
       true},
      {"data that the kernel does not look at",
       {load(1), jump(BPF_JEQ, AUDIT_ARCH_X86_64, 1, 0), ret(SECCOMP_RET_KILL_PROCESS | 7), load(0),
        jump(BPF_JEQ, 83, 0, 1), ret(SECCOMP_RET_ERRNO | 0xffff), ret(SECCOMP_RET_ALLOW | 5)},
       "",
       SECCOMP_RET_KILL_PROCESS,
       "mkdir",
       Action::kErrno,
       true},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    DecompileOptions options;
    if (*c.abi != 0) options.abis = {*abi_by_name(c.abi)};
    const Result<Decompiled> made = decompile(c.program, options);
    ASSERT_TRUE(made.has_value()) << made.error().message;
    EXPECT_EQ(made->foreign_abi.value, c.foreign);
    const Entry* entry = entry_of(made->profile, c.name);
    ASSERT_NE(entry, nullptr) << write_profile(made->profile);
    EXPECT_EQ(entry->action, c.action);
    const auto named = std::count_if(made->residue.begin(), made->residue.end(),
                                     [](const Difference& each) { return !each.name.empty(); });
    EXPECT_EQ(named > 0, c.named) << (made->residue.empty() ? "nothing"
                                                            : residue_text(made->residue.front()));
  }
}

/// A filter that asks for the number alone, by a list as long as a filter may be.
TEST(Decompile, ALongListOfNumbersIsNotEntangled) {
  std::vector<sock_filter> program = {load(0)};
  for (std::uint32_t nr = 0; nr < 2000; ++nr) {
    program.push_back(jump(BPF_JEQ, nr * 7919 % 4001, 0, 1));
    program.push_back(ret(SECCOMP_RET_ERRNO | nr % 3));
  }
  program.push_back(ret(SECCOMP_RET_ALLOW));
  DecisionDiagram diagram;
  const Result<FilterMeaning> meaning = meaning_of(diagram, program);
  ASSERT_TRUE(meaning.has_value()) << meaning.error().message;
  const auto ranges = decision_ranges(diagram, meaning->sections.at(AUDIT_ARCH_X86_64), 0);
  ASSERT_TRUE(ranges.has_value()) << ranges.error().message;
  std::size_t at = 0;
  for (std::uint32_t nr = 0; nr < 4100; ++nr) {
    while ((*ranges)[at].last < nr) ++at;
    for (const std::uint32_t arch : {std::uint32_t{AUDIT_ARCH_X86_64}, 0x12345678u}) {
      seccomp_data call{};
      call.arch = arch;
      call.nr = static_cast<int>(nr);
      const std::uint32_t wanted = normal_action(simulate(program, call)->action.value).value;
      if (arch == AUDIT_ARCH_X86_64) {
        ASSERT_EQ(diagram.value((*ranges)[at].a), wanted) << nr;
      } else {
        const auto found = meaning->elsewhere.find(wanted);
        ASSERT_NE(found, meaning->elsewhere.end()) << nr;
        const auto is_nr = diagram.holds({WordTest::Kind::kEqual, 0, UINT32_MAX, nr});
        const auto is_arch = diagram.holds({WordTest::Kind::kEqual, 1, UINT32_MAX, arch});
        const auto one = diagram.choose(is_arch, is_nr, DecisionDiagram::kNothing);
        ASSERT_EQ(diagram.choose(one, found->second, DecisionDiagram::kNothing), one) << nr;
      }
    }
  }
}

TEST(Decompile, SaysWhyAFilterHasNoProfile) {
  struct Case {
    const char* why;
    std::vector<sock_filter> program;
    Errc code;
    const char* says;
  };
  const std::vector<Case> cases = {
      {"arithmetic with an argument",
       {load(4), BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 1), jump(BPF_JEQ, 9, 0, 1),
        ret(SECCOMP_RET_LOG), ret(SECCOMP_RET_ALLOW)},
       Errc::kUnsupported,
       "instruction 1: code 0x0004 computes with a word of the call"},
      {"the number itself is the answer",
       {load(0), BPF_STMT(BPF_RET | BPF_A, 0)},
       Errc::kUnsupported,
       "instruction 1"},
      {"every other number",
       {load(0), jump(BPF_JSET, 1, 0, 1), ret(SECCOMP_RET_LOG), ret(SECCOMP_RET_ALLOW)},
       Errc::kLimit,
       "the decisions by number change more than"},
      {"the instruction pointer",
       {load(1), jump(BPF_JEQ, AUDIT_ARCH_X86_64, 1, 0), ret(SECCOMP_RET_KILL_PROCESS), load(2),
        jump(BPF_JGT, 4096, 0, 1), ret(SECCOMP_RET_LOG), ret(SECCOMP_RET_ALLOW)},
       Errc::kUnsupported,
       "the decision depends on the instruction pointer"},
      {"nothing", {}, Errc::kBadInput, "a filter of 0 instructions"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const Result<Decompiled> made = decompile(c.program);
    ASSERT_FALSE(made.has_value());
    EXPECT_EQ(made.error().code, c.code);
    EXPECT_NE(made.error().message.find(c.says), std::string::npos) << made.error().message;
  }
}

TEST(RawFilter, BytesThatAreNoneAreSaid) {
  struct Case {
    const char* why;
    std::string bytes;
    const char* says;
  };
  const std::vector<sock_filter> good = {load(0), ret(SECCOMP_RET_ALLOW)};
  const std::string bytes = filter_bytes(good);
  const Case kCases[] = {
      {"empty", "", "f: empty"},
      {"cut", bytes.substr(0, 12), "f: 12 bytes are no filter"},
      {"a program",
       std::string("\x7f"
                   "ELF\2\1\1\0",
                   8),
       "f: a program, where a profile"},
      {"JSON of an editor on Windows", std::string("\xff\xfe{\0", 4), "f: a text in UTF-16"},
      {"no return", bytes.substr(0, 8), "f: instruction 0: the last one is no return"},
      {"too long", std::string(8 * (BPF_MAXINSNS + 1), '\0'), "f: a filter of 4097 instructions"},
      {"a jump out of it", filter_bytes(std::vector<sock_filter>{jump(BPF_JEQ, 1, 9, 0), good[1]}),
       "f: instruction 0: jump by 9 leaves the program"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const auto program = parse_filter(c.bytes, "f");
    ASSERT_FALSE(program.has_value());
    EXPECT_EQ(program.error().message.rfind(c.says, 0), 0u) << program.error().message;
  }
  EXPECT_TRUE(parse_filter(bytes, "f").has_value());
  EXPECT_TRUE(looks_like_filter(bytes));
  EXPECT_FALSE(looks_like_filter("{\"defaultAction\": \"SCMP_ACT_ALLOW\"}"));
}

ResolvedProfile resolved(std::string_view text) {
  const Result<Profile> profile = parse_profile(text, "test.json");
  EXPECT_TRUE(profile.has_value()) << (profile ? "" : profile.error().message) << text;
  if (!profile) return {};
  const Result<ResolvedProfile> flat = resolve(*profile, {});
  return flat ? *flat : ResolvedProfile{};
}

TEST(Join, EveryCallGetsTheLoosestOrTheStrictest) {
  const ResolvedProfile a = resolved(
      R"({"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [
         {"names": ["read"], "action": "SCMP_ACT_ALLOW"},
         {"names": ["clone"], "action": "SCMP_ACT_ALLOW",
          "args": [{"index": 0, "value": 4096, "op": "SCMP_CMP_LT"}]}]})");
  const ResolvedProfile b = resolved(
      R"({"defaultAction": "SCMP_ACT_KILL_PROCESS",
          "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [
         {"names": ["write", "read"], "action": "SCMP_ACT_LOG"},
         {"names": ["clone"], "action": "SCMP_ACT_ALLOW",
          "args": [{"index": 0, "value": 17, "op": "SCMP_CMP_NE"}]}]})");
  for (const Joining joining : {Joining::kUnion, Joining::kIntersection}) {
    SCOPED_TRACE(joining == Joining::kUnion ? "union" : "intersection");
    DecisionDiagram diagram;
    std::vector<FilterMeaning> meanings;
    for (const ResolvedProfile* each : {&a, &b}) {
      const Result<Filter> filter = compile(*each);
      ASSERT_TRUE(filter.has_value());
      Result<FilterMeaning> meaning = meaning_of(diagram, filter->program);
      ASSERT_TRUE(meaning.has_value());
      meanings.push_back(std::move(*meaning));
    }
    const Result<Decompiled> made = decompile(diagram, join(diagram, meanings, joining));
    ASSERT_TRUE(made.has_value()) << made.error().message;
    EXPECT_TRUE(made->residue.empty());
    const Result<ResolvedProfile> flat = resolve(made->profile, {});
    ASSERT_TRUE(flat.has_value());
    for (const Abi abi : {Abi::kX86_64, Abi::kI386, Abi::kAarch64}) {
      for (const char* name : {"read", "write", "clone", "mkdir"}) {
        for (const std::uint64_t arg : {0ull, 16ull, 17ull, 18ull, 4095ull, 4096ull, 1ull << 32}) {
          seccomp_data call{};
          call.arch = audit_arch(abi);
          call.nr = static_cast<int>(syscall_nr(abi, name).value_or(UINT32_MAX));
          // The kernel clears the high half where registers have 32 bits.
          call.args[0] = register_bits(abi) == 32 ? arg & UINT32_MAX : arg;
          const ActionValue one = evaluate(a, call);
          const ActionValue other = evaluate(b, call);
          const bool first =
              joining == Joining::kUnion ? !outranks(one, other) : !outranks(other, one);
          EXPECT_EQ(evaluate(*flat, call), first ? one : other)
              << abi_name(abi) << " " << name << " " << arg;
        }
      }
    }
  }
}

#if defined(SYSNARE_HAVE_LIBSECCOMP)

std::vector<sock_filter> exported(scmp_filter_ctx context) {
  const int fd = memfd_create("filter", MFD_CLOEXEC);
  EXPECT_EQ(seccomp_export_bpf(context, fd), 0);
  std::string bytes(static_cast<std::size_t>(lseek(fd, 0, SEEK_END)), '\0');
  EXPECT_EQ(pread(fd, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  close(fd);
  const auto program = parse_filter(bytes, "libseccomp's");
  EXPECT_TRUE(program.has_value()) << (program ? "" : program.error().message);
  return program ? *program : std::vector<sock_filter>{};
}

TEST(Decompile, LibseccompsFiltersLinearAndAsATree) {
  for (const std::uint32_t optimize : {1u, 2u}) {
    SCOPED_TRACE(optimize);
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_ERRNO(1));
    ASSERT_EQ(seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, optimize), 0);
    ASSERT_EQ(seccomp_arch_add(context, SCMP_ARCH_X86), 0);
    ASSERT_EQ(seccomp_arch_add(context, SCMP_ARCH_X32), 0);
    for (const char* name : {"read", "write", "openat", "mmap", "exit_group", "futex"}) {
      const int nr = seccomp_syscall_resolve_name(name);
      ASSERT_EQ(seccomp_rule_add(context, SCMP_ACT_ALLOW, nr, 0), 0) << name;
    }
    for (const std::uint64_t value : {0ull, 8ull, 0xffffffffull}) {
      ASSERT_EQ(seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(personality), 1,
                                 scmp_arg_cmp{0, SCMP_CMP_EQ, value, 0}),
                0);
    }
    ASSERT_EQ(seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                               scmp_arg_cmp{0, SCMP_CMP_MASKED_EQ, 0x7e020000, 0}),
              0);
    const std::vector<sock_filter> program = exported(context);
    seccomp_release(context);
    const Result<Decompiled> made = decompile(program);
    ASSERT_TRUE(made.has_value()) << made.error().message;
    // In x32 it compares the low half alone, though registers have 64 bits there.
    for (const Difference& each : made->residue) {
      EXPECT_EQ(each.abi, Abi::kX32) << residue_text(each);
      EXPECT_GT(each.witness.args[0], UINT32_MAX) << residue_text(each);
    }
    EXPECT_EQ(made->foreign_abi.value, SECCOMP_RET_KILL_THREAD);
    EXPECT_EQ(made->profile.architectures.size(), 3u);
    // Six names at once, three values, one mask.
    EXPECT_EQ(made->profile.entries.size(), 5u) << write_profile(made->profile);
    ResolveOptions options;
    options.foreign_abi = made->foreign_abi;
    const Result<ResolvedProfile> flat = resolve(made->profile, options);
    ASSERT_TRUE(flat.has_value());
    for (const char* name : {"read", "personality", "clone", "mkdir"}) {
      for (const std::uint64_t arg : {0ull, 8ull, 9ull, 0x20000ull, 0xffffffffull, 1ull << 32}) {
        seccomp_data call{};
        call.arch = AUDIT_ARCH_X86_64;
        call.nr = static_cast<int>(*syscall_nr(Abi::kX86_64, name));
        call.args[0] = arg;
        EXPECT_EQ(simulate(program, call)->action, evaluate(*flat, call)) << name << " " << arg;
      }
    }
  }
}

#endif

}  // namespace
}  // namespace sysnare
