#pragma once
// What does the running kernel's description of its types say that CO-RE does not ask?
//
// Source: /sys/kernel/btf/vmlinux by libbpf. Cost: each question reads all of it, some 10 ms.

#include <optional>
#include <string>

namespace sysnare {

/// The value of an enumerator; nullopt when there is none.
std::optional<int> kernel_enum_value(const std::string& type, const std::string& name);

/// Whether the first argument of a tracepoint is a pointer to `structure`.
bool tracepoint_takes(const std::string& tracepoint, const std::string& structure);

}  // namespace sysnare
