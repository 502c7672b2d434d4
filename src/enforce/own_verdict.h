#pragma once
// What do our filters say to this call? As the kernel joins them: the highest precedence wins.
//
// Source: kernel/seccomp.c seccomp_run_filters(), Linux 6.18.

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstdint>
#include <vector>

namespace sysnare {

/// SECCOMP_RET_* with its data; ALLOW without filters.
std::uint32_t own_verdict(const std::vector<std::vector<sock_filter>>& filters,
                          const seccomp_data& data);

}  // namespace sysnare
