#include "record/ptrace/call_table.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "arch/syscalls.h"

namespace sysnare {
namespace {

Evidence evidence_of(const CallTable& table) {
  Evidence evidence;
  table.add_to(evidence, [](const CallCounter&, CallEvidence&) {});
  return evidence;
}

TEST(CallTable, KeepsAbisOddNumbersAndTheLaunchApart) {
  const Call calls[] = {
      {Abi::kX86_64, 20},          {Abi::kI386, 20},         {Abi::kX32, kX32Bit | 20},
      {Abi::kX86_64, 1023},        {Abi::kX86_64, 1024},     {Abi::kX86_64, 0xffffffff},
      {Abi::kX32, kX32Bit | 5000}, {Abi::kI386, 0x7fffffff}, {Abi::kAarch64, 20},
  };
  CallTable table;
  std::uint64_t times = 0;
  for (const Call& call : calls) {
    ++times;
    for (std::uint64_t i = 0; i < times; ++i) table.find(call)->begin();
  }
  table.launch_exec(Call{Abi::kX86_64, 20})->begin();
  const Evidence evidence = evidence_of(table);
  EXPECT_EQ(evidence.calls.size(), std::size(calls) + 1);
  times = 0;
  for (const Call& call : calls) {
    const CallEvidence* found = evidence.find(call, Origin::kApplication);
    ASSERT_NE(found, nullptr) << call_label(call);
    EXPECT_EQ(found->count, ++times) << call_label(call);
  }
  EXPECT_EQ(evidence.find(Call{Abi::kX86_64, 20}, Origin::kLaunch)->count, 1u);
}

TEST(CallTable, AddsTimeAndErrors) {
  CallTable table;
  CallCounter* close = table.find(Call{Abi::kX86_64, 3});
  for (int i = 0; i < 5; ++i) close->begin();
  close->end(5, 0);
  close->end(70, EBADF);
  close->end(6, EBADF);
  close->end(1, 2222);  // the fifth never returned
  const Evidence evidence = evidence_of(table);
  const CallEvidence* found = evidence.find(Call{Abi::kX86_64, 3}, Origin::kApplication);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->total_ns, 82u);
  EXPECT_EQ(found->max_ns, 70u);
  EXPECT_EQ(found->min_ns, 1u);
  EXPECT_EQ(found->errors, (std::map<std::string, std::uint64_t>{{"EBADF", 2}, {"errno_2222", 1}}));
  EXPECT_EQ(close->succeeded(), 2u) << "one that has not returned is no failure";
  EXPECT_EQ(close->times_failed_with(EBADF), 2u);
  EXPECT_EQ(close->times_failed_with(EPERM), 0u);
}

TEST(CallTable, BoundsNonsenseNumbers) {
  CallTable table;
  const Call ordinary{Abi::kX86_64, 1};
  for (std::uint32_t i = 0; i < CallTable::kMaxOdd; ++i) {
    ASSERT_NE(table.find(Call{Abi::kX86_64, 5000 + i}), nullptr);
  }
  EXPECT_EQ(table.find(Call{Abi::kX86_64, 4000}), nullptr);
  EXPECT_NE(table.find(Call{Abi::kX86_64, 5000}), nullptr) << "what is there stays";
  EXPECT_NE(table.find(ordinary), nullptr);
}

TEST(CallTable, TellsKindsByNameInEachAbi) {
  struct Case {
    Abi abi;
    const char* name;
    CallKind kind;
  };
  const Case cases[] = {
      {Abi::kX86_64, "fork", CallKind::kBirth},    {Abi::kI386, "clone", CallKind::kBirth},
      {Abi::kAarch64, "clone3", CallKind::kBirth}, {Abi::kI386, "mmap2", CallKind::kMapping},
      {Abi::kX32, "execve", CallKind::kExec},      {Abi::kArm, "ptrace", CallKind::kPtrace},
      {Abi::kX86_64, "getppid", CallKind::kPlain},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const auto nr = syscall_nr(c.abi, c.name);
    ASSERT_TRUE(nr.has_value());
    EXPECT_EQ(call_kind(Call{c.abi, *nr}), c.kind);
  }
  EXPECT_EQ(call_kind(Call{Abi::kX86_64, 99999}), CallKind::kPlain);
}

}  // namespace
}  // namespace sysnare
