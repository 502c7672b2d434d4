// Hostile bytes as a program: what check_program accepts, simulate runs to an end and disassemble
// prints; what it refuses, they refuse. The first 64 bytes are the call, the rest the program.

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "filter/filter.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sysnare;
  seccomp_data call{};
  if (size < sizeof call) return 0;
  std::memcpy(&call, data, sizeof call);
  const std::size_t count = (size - sizeof call) / sizeof(sock_filter);
  std::vector<sock_filter> program(count);
  if (count != 0) std::memcpy(program.data(), data + sizeof call, count * sizeof(sock_filter));

  const bool accepted = check_program(program).has_value();
  const Result<Verdict> verdict = simulate(program, call);
  const Result<std::string> text = disassemble(program);
  require(verdict.has_value() == accepted);
  require(text.has_value() == accepted);
  if (!accepted) return 0;
  require(verdict->steps >= 1 && verdict->steps <= program.size());
  for (const char c : *text) require(c == '\n' || (c >= 0x20 && c < 0x7f));
  // Proving takes time with the square of the size; the short ones show what there is to see.
  if (count <= 64) {
    ResolvedProfile profile;
    profile.abis = {Abi::kX86_64};
    profile.default_action = {SECCOMP_RET_ALLOW};
    profile.rules[Call{Abi::kX86_64, 83}] = {{{{0, 7, 0, Op::kGe}}, {SECCOMP_RET_ERRNO | 1}, 0}};
    if (verify(program, profile)) require(verdict->action == evaluate(profile, call));
  }
  return 0;
}
