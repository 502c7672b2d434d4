// Whether a function does more with addresses of code than to call them.

#include <gtest/gtest.h>

#include "scan/one_function.h"
#include "scan/x86_decoder.h"

namespace sysnare {
namespace {

/// The word at kData is the slot of an import.
class WithImport final : public OneFunction {
 public:
  explicit WithImport(std::string_view text) : OneFunction(text, "") {}
  FlowValue load(std::uint64_t vaddr, unsigned width) const override {
    if (vaddr != kData) return OneFunction::load(vaddr, width);
    FlowValue value;
    value.kind = FlowValue::Kind::kImport;
    return value;
  }
};

TEST(FunctionFlow, TellsWhetherAddressesOfCodeAreOnlyCalled) {
  struct Case {
    const char* why;
    const char* assembly;  ///< behind mov r14,[kData]
    const char* bytes;
    bool only_calls;
    std::uint64_t entry = 0;  ///< a landing pad; 0: none
  };
  // clang-format off
  constexpr Case kCases[] = {
    {"called", "call r14; ret", "41ffd6c3", true},
    {"copied, compared and called",
     "mov rax,r14; test rax,rax; je 1f; call rax; 1: xor eax,eax; ret", "4c89f04885c07402ffd031c0c3", true},
    {"jumped to", "jmp r14", "41ffe6", true},
    {"cleared before it is stored",
     "call r14; xor r14d,r14d; mov [rdi],r14; ret", "41ffd64531f64c8937c3", true},
    {"compared, and then stored",
     "cmp r14,1; mov [rdi],r14; call r14; ret", "4983fe014c893741ffd6c3", false},
    {"called by nobody who is seen: a thunk does it", "call 0x100000; ret", "e8f4ef0f00c3", false},
    {"an argument of a pointer that is jumped to, beside a switch",
     "lea rdx,T; movsxd rax,[rdx+rcx*4]; add rax,rdx; jmp rax; 1: call r14; ret; 2: mov rdi,r14; jmp rsi; T: 1b-T, 2b-T",
     "488d15120000004863048a4801d0ffe041ffd6c34c89f7ffe6f7fffffffbffffff", false},
    {"stored", "mov [rdi],r14; ret", "4c8937c3", false},
    {"an argument", "mov rdi,r14; call r14; ret", "4c89f741ffd6c3", false},
    {"the result", "mov rax,r14; ret", "4c89f0c3", false},
    {"pushed", "push r14; pop r8; ret", "41564158c3", false},
    {"in a register of vectors", "movq xmm0,r14; ret", "66490f6ec6c3", false},
    {"where the kernel writes",
     "call r14; mov rcx,r14; syscall; ret", "41ffd64c89f10f05c3", true},
    {"an argument of the kernel", "mov rdi,r14; syscall; ret", "4c89f70f05c3", false},
    {"in arithmetic", "add r14,1; call r14; ret", "4983c60141ffd6c3", false},
    {"chosen", "cmove rbx,r14; ret", "490f44dec3", false},
    {"kept where control leaves the function", "jmp 0x100000", "e9f4ef0f00", false},
    {"a landing pad stores it",
     "call r14; ret; pad: mov [rdi],r14; ret", "41ffd6c34c8937c3", false, 0x100b},
    {"a landing pad lets it be", "call r14; ret; pad: ret", "41ffd6c3c3", true, 0x100b},
  };
  // clang-format on
  const X86Decoder decoder;
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const WithImport function("4c8b35f90f0000" + std::string(c.bytes));
    FunctionFlow flow(function, decoder);
    const std::uint64_t entries[] = {c.entry};
    flow.run({kText, function.end(), std::span(entries).first(c.entry != 0 ? 1 : 0), false},
             [](const Insn&, const FlowState&) {});
    EXPECT_EQ(flow.is_only_called(kData), c.only_calls) << c.assembly;
  }
}

}  // namespace
}  // namespace sysnare
