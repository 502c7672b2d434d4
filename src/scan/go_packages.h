#pragma once
// Is this a function of Go itself?
//
// Told by its name as Go's linker writes it: the path of its package, a dot, and what is declared
// there (cmd/internal/objabi of Go 1.19).

#include <string_view>

namespace sysnare {

/// Whether the function is of one of Go's own packages, whose variables are of one word each.
bool is_of_go(std::string_view name);

/// Whether it is one of Go's own that reads a number of a call from a variable of Go's, and nothing
/// that it is handed.
bool reads_own_number(std::string_view name);

}  // namespace sysnare
