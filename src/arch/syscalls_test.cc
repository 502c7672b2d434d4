#include "arch/syscalls.h"

#include <gtest/gtest.h>
#include <linux/audit.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <set>

namespace sysnare {
namespace {

struct HeaderRow {
  const char* name;
  std::uint32_t nr;
};

// Made by the build from the compiler's own headers (tools/gen_unistd.sh), one array an ABI.
#include "unistd_rows.inc"

TEST(Syscalls, EqualTheKernelHeadersOfThisMachine) {
  struct Case {
    Abi abi;
    std::span<const HeaderRow> rows;
  };
  const Case cases[] = {
      {Abi::kX86_64, kUnistd64}, {Abi::kI386, kUnistd32}, {Abi::kX32, kUnistdX32}};
  for (const Case& c : cases) {
    SCOPED_TRACE(abi_name(c.abi));
    ASSERT_GT(c.rows.size(), 300u);
    for (const HeaderRow& row : c.rows) {
      EXPECT_EQ(syscall_nr(c.abi, row.name), row.nr) << row.name;
      EXPECT_EQ(syscall_name({c.abi, row.nr}), row.name);
    }
  }
}

TEST(Syscalls, NumberAndNameAreInverse) {
  for (Abi abi : all_abis()) {
    SCOPED_TRACE(abi_name(abi));
    const auto calls = syscalls_of(abi);
    EXPECT_GT(calls.size(), 300u);
    for (Call call : calls) EXPECT_EQ(syscall_nr(abi, syscall_name(call)), call.nr);
  }
}

TEST(Syscalls, KnowsTheAbiTraps) {
  EXPECT_EQ(syscall_nr(Abi::kX86_64, "mkdir"), 83u);
  EXPECT_EQ(syscall_nr(Abi::kI386, "mkdir"), 39u);
  EXPECT_EQ(syscall_name({Abi::kI386, 83}), "symlink") << "a number alone means nothing";
  EXPECT_EQ(syscall_nr(Abi::kX32, "execve"), 0x40000000u + 520);
  EXPECT_EQ(syscall_nr(Abi::kMips64, "read"), 5000u);
  EXPECT_EQ(syscall_nr(Abi::kAarch64, "mkdir"), std::nullopt);
  EXPECT_EQ(syscall_nr(Abi::kX86_64, "syscall"), std::nullopt) << "Podman names it; nothing has it";
  EXPECT_EQ(call_label({Abi::kX86_64, 5000}), "syscall_0x1388");
  EXPECT_EQ(abi_of(AUDIT_ARCH_X86_64, 83), Abi::kX86_64);
  EXPECT_EQ(abi_of(AUDIT_ARCH_X86_64, 83 | kX32Bit), Abi::kX32);
  EXPECT_EQ(abi_of(AUDIT_ARCH_I386, 83), Abi::kI386);
  EXPECT_EQ(abi_of(0, 83), std::nullopt);
}

TEST(Syscalls, SignaturesCarryTheWidthThatTheKernelLooksAt) {
  const SyscallSignature chmod = syscall_signature("chmod");
  ASSERT_TRUE(chmod.known);
  ASSERT_EQ(chmod.args.size(), 2u);
  EXPECT_TRUE(chmod.args[0].is_pointer);
  EXPECT_EQ(chmod.args[1].bits, 16);
  EXPECT_EQ(syscall_signature("socket").args[0].bits, 32);
  EXPECT_EQ(syscall_signature("mmap").args[1].bits, 64);
  EXPECT_TRUE(syscall_signature("getpid").known);
  EXPECT_TRUE(syscall_signature("getpid").args.empty());
  EXPECT_FALSE(syscall_signature("nosuchcall").known);
}

TEST(Syscalls, AbiNamesAreUniqueAndInverse) {
  std::set<std::string_view> names;
  for (Abi abi : all_abis()) {
    names.insert(abi_name(abi));
    names.insert(abi_oci_name(abi));
    EXPECT_EQ(abi_by_name(abi_name(abi)), abi);
    EXPECT_EQ(abi_by_oci_name(abi_oci_name(abi)), abi);
  }
  EXPECT_EQ(names.size(), 2 * kAbiCount);
  EXPECT_EQ(abi_by_name("amd64"), Abi::kX86_64);
  EXPECT_TRUE(is_oci_arch("SCMP_ARCH_S390"));
  EXPECT_FALSE(is_oci_arch("SCMP_ARCH_VAX"));
}

TEST(Errno, NamesAreInverse) {
  for (int number = 1; number < 600; ++number) {
    const std::string_view name = errno_name(number);
    if (!name.empty()) {
      EXPECT_EQ(errno_by_name(name), number) << name;
    }
  }
  EXPECT_EQ(errno_name(EPERM), "EPERM");
  EXPECT_EQ(errno_name(512), "ERESTARTSYS");
  EXPECT_EQ(errno_name(0), "");
  EXPECT_EQ(errno_name(-1), "");
  EXPECT_EQ(errno_by_name("EWOULDBLOCK"), EAGAIN);
  EXPECT_EQ(errno_by_name("ENOTHING"), std::nullopt);
  EXPECT_EQ(signal_name(SIGSYS), "SIGSYS");
  EXPECT_EQ(signal_name(33), "SIGRT_1");
  EXPECT_EQ(signal_name(65), "");
}

}  // namespace
}  // namespace sysnare
