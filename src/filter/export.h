#pragma once
// How does a filter read in a C program?
//
// The bytes that seccomp(2) takes are filter_bytes() (raw.h).

#include <linux/filter.h>

#include <span>
#include <string>
#include <string_view>

namespace sysnare {

/// A C array of struct sock_filter and a struct sock_fprog over it; `title` is any text, and names
/// them. Needs <linux/filter.h> alone.
std::string filter_c_array(std::span<const sock_filter> program, std::string_view title);

}  // namespace sysnare
