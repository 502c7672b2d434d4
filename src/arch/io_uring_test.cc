#include "arch/io_uring.h"

#include <gtest/gtest.h>
#include <linux/io_uring.h>

namespace sysnare {
namespace {

TEST(IoUring, NamesWhatTheKernelsHeaderNames) {
  struct Case {
    std::uint32_t opcode;
    const char* name;
  };
  // The header of Debian 12 is that of Linux 6.1.
  constexpr Case kCases[] = {
      {IORING_OP_NOP, "IORING_OP_NOP"},
      {IORING_OP_OPENAT, "IORING_OP_OPENAT"},
      {IORING_OP_RECV, "IORING_OP_RECV"},
      {IORING_OP_SHUTDOWN, "IORING_OP_SHUTDOWN"},
      {IORING_OP_SOCKET, "IORING_OP_SOCKET"},
      {IORING_OP_SENDMSG_ZC, "IORING_OP_SENDMSG_ZC"},
      {62, "IORING_OP_PIPE"},
      {63, ""},
      {UINT32_MAX, ""},
  };
  for (const Case& c : kCases) EXPECT_EQ(io_uring_name(c.opcode), c.name);
  EXPECT_EQ(io_uring_label(22), "IORING_OP_READ");
  EXPECT_EQ(io_uring_label(255), "io_uring_op_0xff");
}

}  // namespace
}  // namespace sysnare
