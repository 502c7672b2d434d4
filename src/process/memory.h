#pragma once
// What stands in another process's memory?
//
// Source: process_vm_readv(2), proc_pid_mem(5).

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace sysnare {

/// Reads up to `length` bytes at `address` of `pid` into `buffer`; how many were there before the
/// first unreadable page, 0 when none. Never fails otherwise. Needs the right to ptrace `pid`.
std::size_t read_memory(pid_t pid, std::uint64_t address, void* buffer, std::size_t length);

}  // namespace sysnare
