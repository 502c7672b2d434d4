#pragma once
// What is an operation of io_uring called? No system calls: no filter sees them.
//
// Source: include/uapi/linux/io_uring.h enum io_uring_op, Linux 6.18; numbers are never used again.

#include <cstdint>
#include <string>
#include <string_view>

namespace sysnare {

/// "IORING_OP_OPENAT"; empty for a number that 6.18 does not have.
std::string_view io_uring_name(std::uint32_t opcode);
/// The same, "io_uring_op_0x3f" for a number without a name.
std::string io_uring_label(std::uint32_t opcode);

}  // namespace sysnare
