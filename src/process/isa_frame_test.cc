#include "process/isa_frame.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <string>

namespace sysnare {
namespace {

#if defined(__x86_64__)

using namespace std::string_literals;

constexpr FrameMachine kMachine{EM_X86_64, 8, 7, 6, 16, -1, 14};

/// `code` as the last bytes in front of an address.
std::string before(const std::string& code) {
  return std::string(kCallLength - code.size(), '\x90') + code;
}

TEST(IsaFrame, KnowsWhatACallIs) {
  struct Case {
    const char* why;
    std::string code;
    bool call;
  };
  const Case cases[] = {
      {"call rel32", "\xe8\x00\x01\x00\x00"s, true},
      {"call *%rax", "\xff\xd0"s, true},
      {"call *%r11", "\x41\xff\xd3"s, true},
      {"call *8(%rax)", "\xff\x50\x08"s, true},
      {"call *(%rax,%rbx,8)", "\xff\x14\xd8"s, true},
      {"call *8(%rsp)", "\xff\x54\x24\x08"s, true},
      {"call *0x1000(%rip)", "\xff\x15\x00\x10\x00\x00"s, true},
      {"call *0x1000(,%rax,8)", "\xff\x14\xc5\x00\x10\x00\x00"s, true},
      {"jmp *%rax", "\xff\xe0"s, false},
      {"push 8(%rax)", "\xff\x70\x08"s, false},
      {"ret", "\xc3"s, false},
      {"syscall", "\x0f\x05"s, false},
      {"too short", ""s, false},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(is_call(kMachine, c.code.empty() ? "\xff\xd0"s : before(c.code)), c.call);
  }
  EXPECT_TRUE(is_system_call(kMachine, before("\x0f\x05"s)));
  EXPECT_TRUE(is_system_call(kMachine, before("\xcd\x80"s)));
  EXPECT_FALSE(is_system_call(kMachine, before("\xe8\x00\x01\x00\x00"s)));
}

TEST(IsaFrame, FollowsADirectCallBothWays) {
  EXPECT_EQ(call_target(kMachine, before("\xe8\x10\x00\x00\x00"s), 0x1000), 0x1010u);
  EXPECT_EQ(call_target(kMachine, before("\xe8\xf0\xff\xff\xff"s), 0x1000), 0xff0u);
  EXPECT_FALSE(call_target(kMachine, before("\xff\xd0"s), 0x1000));
}

TEST(IsaFrame, ReadsWhatASignalInterrupted) {
  EXPECT_TRUE(is_signal_trampoline(kMachine, "\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05"s));
  EXPECT_TRUE(is_signal_trampoline(kMachine, "\xb8\x0f\x00\x00\x00\x0f\x05\x90\x90"s));
  EXPECT_FALSE(is_signal_trampoline(kMachine, "\x48\xc7\xc0\x0e\x00\x00\x00\x0f\x05"s));
  // Each word of the context holds its own address.
  const auto own = [](std::uint64_t address, unsigned) { return std::optional(address); };
  const auto registers = interrupted_registers(kMachine, 0x7000, own);
  ASSERT_TRUE(registers);
  EXPECT_EQ(registers->get(8), 0x7000u + 40);            // r8 comes first
  EXPECT_EQ(registers->get(7), 0x7000u + 40 + 8 * 15);   // rsp
  EXPECT_EQ(registers->get(16), 0x7000u + 40 + 8 * 16);  // rip
  const auto none = [](std::uint64_t, unsigned) { return std::optional<std::uint64_t>(); };
  EXPECT_FALSE(interrupted_registers(kMachine, 0x7000, none));
}

#endif

}  // namespace
}  // namespace sysnare
