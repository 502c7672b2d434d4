#pragma once
// What does a small plug-in do that makes no system call of its own?
//
// glibc's gconv has some 250 modules, and any of them can be loaded. One without an instruction
// that enters the kernel, anywhere in its executable segments, at whatever offset, can make calls
// through its imports alone; so all of them count as called, from one function that is always live,
// and nothing is decoded. That is a superset of what a full analysis finds, at some 1 % of its
// cost.

#include <optional>

#include "elf/image.h"
#include "scan/summary.h"

namespace sysnare {

/// Nothing where the image does enter the kernel, where it imports a function whose arguments
/// decide what it does (syscall, dlopen, the exec family …), or where it cannot be read: those are
/// analysed in full.
std::optional<Summary> light_summary(const ElfImage& image);

}  // namespace sysnare
