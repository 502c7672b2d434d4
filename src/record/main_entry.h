#pragma once
// Where in its file does a program's main begin, so that a probe can tell what comes before it?
//
// Source: System V gABI chapter 4 (e_entry, symbols); Go's runtime.main, which calls main.main.
// Not modelled: a main that no symbol names. There the entry point of the file stands for it: the
// loader is done then, and libc's own start has yet to come.

#include <cstdint>
#include <string>

#include "base/result.h"

namespace sysnare {

/// The file that an exec of `path` comes to: the interpreter of a script (#!), else `path`.
std::string executed_file(const std::string& path);

/// The file offset of main in the ELF file `path`: main.main of Go, else main, else the entry
/// point. Errors: as reading the file; kBadInput where no code stands there.
Result<std::uint64_t> offset_of_main(const std::string& path);

}  // namespace sysnare
