#pragma once
// A program and a C library for tests of what is opened and looked up.

#include <vector>

#include "scan/built_summary.h"

namespace sysnare::testing {

using Role = LoadedObject::Role;

/// A program whose `_start` is there, and a C library with the functions that matter; exported
/// `secret` of libc makes call 77.
struct World {
  TestObject program, libc{"libc.so.6"}, other{"libother.so.1"};
  std::uint32_t start = program.function("_start");
  std::uint32_t secret = libc.global("secret");
  std::uint32_t used = other.global("used");
  World() {
    program.entry(start);
    libc.site(secret, {num(77)});
    for (const char* name :
         {"dlopen", "dlsym", "execve", "execl", "system", "posix_spawn", "fexecve"}) {
      libc.global(name);
    }
  }
  /// A call of a libc function with texts or other values.
  void call(std::uint32_t from, const char* name, const std::vector<Given>& given) {
    program.call(from, program.import(name), given);
  }
  Values text(const char* content) { return {address(program.string(start, content))}; }
  std::vector<LoadedObject> load() {
    return {program.load("/p", Role::kProgram), libc.load("/libc.so.6", Role::kLibrary),
            other.load("/libother.so.1", Role::kLibrary)};
  }
};

}  // namespace sysnare::testing
