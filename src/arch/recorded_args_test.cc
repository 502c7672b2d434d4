#include "arch/recorded_args.h"

#include <gtest/gtest.h>

#include <string>

#include "arch/syscalls.h"

namespace sysnare {
namespace {

RecordedArgs args_of(const char* name, Abi abi = Abi::kX86_64) {
  return recorded_args(Call{abi, syscall_nr(abi, name).value()});
}

TEST(RecordedArgs, AreThoseThatSayWhatKindOfCallItIs) {
  struct Case {
    const char* why;
    const char* name;
    Abi abi;
    unsigned indexes;
    unsigned wide;
  };
  const Case cases[] = {
      {"three int arguments", "socket", Abi::kX86_64, 0b0111, 0},
      {"the second alone: the third is a pointer or a number", "ioctl", Abi::kX86_64, 0b0010, 0},
      {"flags of 64 bits", "clone", Abi::kX86_64, 0b0001, 0b0001},
      {"two of 64 bits", "mmap", Abi::kX86_64, 0b1100, 0b1100},
      {"registers of 32 bits", "mmap2", Abi::kI386, 0b1100, 0},
      {"another ISA", "openat", Abi::kAarch64, 0b0100, 0},
      {"its argument is a pointer to more", "clone3", Abi::kX86_64, 0, 0},
      {"its arguments stand in memory", "mmap", Abi::kI386, 0, 0},
      {"nothing worth it", "read", Abi::kX86_64, 0, 0},
      {"not modelled", "socket", Abi::kX32, 0, 0},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(std::string(c.name) + ": " + c.why);
    const RecordedArgs args = args_of(c.name, c.abi);
    EXPECT_EQ(args.indexes, c.indexes);
    EXPECT_EQ(args.wide, c.wide);
  }
  EXPECT_EQ(recorded_args({Abi::kX86_64, 0xffff}).indexes, 0) << "a number without a name";
}

TEST(RecordedArgs, KeepWhatTheKernelLooksAt) {
  EXPECT_EQ(args_of("socket").value(0, 0xdeadbeef00000002), 2u);
  EXPECT_EQ(args_of("kill").value(1, ~std::uint64_t{0}), 0xffffffffu);
  EXPECT_EQ(args_of("clone").value(0, 0x1'0000'0011), 0x1'0000'0011u);
}

/// A name or an index that is wrong would record nothing, or a pointer, and nobody would see it.
TEST(RecordedArgs, AreNoPointersAndAllExist) {
  unsigned found = 0;
  for (const Abi abi : {Abi::kX86_64, Abi::kI386, Abi::kAarch64}) {
    for (const Call call : syscalls_of(abi)) {
      const RecordedArgs args = recorded_args(call);
      if (args.indexes == 0) continue;
      ++found;
      SCOPED_TRACE(std::string(syscall_name(call)));
      EXPECT_EQ(args.indexes >> kRecordedArgs, 0);
      const SyscallSignature signature = syscall_signature(syscall_name(call));
      if (!signature.known) continue;  // i386's own names
      for (unsigned i = 0; i < kRecordedArgs; ++i) {
        if (!args.has(i)) continue;
        ASSERT_LT(i, signature.args.size());
        EXPECT_FALSE(signature.args[i].is_pointer) << signature.args[i].name;
      }
    }
  }
  EXPECT_GT(found, 70u);
}

}  // namespace
}  // namespace sysnare
