#pragma once
// Which build of which program is this file? GNU build-id, Go's build id, interpreter.
//
// Source: System V gABI chapter 5 (notes); Go's cmd/internal/buildid (note type 4, name "Go").

#include <string>

#include "base/result.h"
#include "elf/image.h"

namespace sysnare {

struct ElfIdentity {
  std::string build_id;     ///< GNU build-id in hex, else "go:…", else empty
  std::string interpreter;  ///< PT_INTERP, empty for a static program
  bool is_go = false;
};

/// Errors: kNotFound, kNoPermission; kBadInput for a file that is no ELF image or a damaged one.
Result<ElfIdentity> elf_identity(const std::string& path);

/// The same for an image that is open already.
Result<ElfIdentity> elf_identity(const ElfImage& image);

}  // namespace sysnare
