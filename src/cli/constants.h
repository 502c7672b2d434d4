#pragma once
// What number does a word such as CLONE_NEWUSER or O_RDONLY|O_CREAT stand for?
//
// Source: the headers of this machine's libc and kernel; the words that rules on arguments are
// about. Numbers of x86_64, which differ on some ABIs (O_DIRECTORY on arm).

#include <cstdint>
#include <optional>
#include <string_view>

namespace sysnare::cli {

/// A number (decimal, 0x, with a minus sign: as 64 bits), a constant, or several joined by |.
std::optional<std::uint64_t> argument_value(std::string_view word);

}  // namespace sysnare::cli
