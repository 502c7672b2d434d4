#pragma once
// What do engines call an architecture? The words of includes.arches and excludes.arches.
//
// Source: Docker 20.10 to 28 (profiles/seccomp/seccomp_linux.go: goToNative), containers/common
// 0.50 (libseccomp-golang's names). They are not quite Go's own: GOARCH 386 is "x86" there.

#include <string_view>

#include "arch/abi.h"

namespace sysnare {

/// "amd64", "arm64", "x86" …
std::string_view engine_arch(Abi abi);

/// Whether any engine has this name for an architecture, one without an Abi too. "x32" is one that
/// Docker's own file lists, though no engine runs there.
bool is_engine_arch(std::string_view word);

/// The name that was meant by a word that is none: "amd64" for x86_64, "x86" for 386; empty when
/// none is near.
std::string_view nearest_engine_arch(std::string_view word);

}  // namespace sysnare
