#pragma once
// The dynamic string tokens in names and directories of libraries: $ORIGIN, $LIB, $PLATFORM.
//
// A token is "$NAME", where no letter, digit or '_' goes on, or "${NAME}"; other text stays as it
// is. Source: ld.so(8), "Dynamic string tokens"; elf/dl-load.c, glibc 2.36, of which "$ORIGINAL"
// was seen to be opened as it stands. musl takes any text that begins so (ldso/dynlink.c, 1.2.3):
// there the longer word is taken for a relative path.

#include <string>
#include <string_view>

namespace sysnare {

/// The length of the token NAME at the beginning of `text`, 0 where it does not begin with it.
std::size_t token_length(std::string_view text, std::string_view name);
/// `text` with `value` in place of each token NAME. What `value` brings is not looked at.
std::string with_token(std::string_view text, std::string_view name, std::string_view value);

}  // namespace sysnare
