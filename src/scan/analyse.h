#pragma once
// The summary of an image: decode every function, follow values through it, and write down what it
// can reach.

#include <string>

#include "base/result.h"
#include "base/workers.h"
#include "elf/image.h"
#include "scan/summary.h"

namespace sysnare {

/// `debug`: its separate debug file, or null. Errors: kBadInput naming file and offset for an image
/// that cannot be read; kUnsupported for a machine that is not x86_64 or aarch64.
/// What is found does not depend on the number of threads. Cost: some 10 MB of text a second and
/// thread; memory some 8 times the text.
Result<Summary> analyse_object(const ElfImage& image, const ElfImage* debug, Workers& workers);
/// The same on one thread.
Result<Summary> analyse_object(const ElfImage& image, const ElfImage* debug);

}  // namespace sysnare
