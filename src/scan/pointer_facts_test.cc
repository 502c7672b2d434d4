// What a function does with the pointers that it gets.

#include "scan/pointer_facts.h"

#include <gtest/gtest.h>

#include "scan/one_object.h"

namespace sysnare {
namespace {

/// "8..12": bytes that are written, "+8 f1 r7": it and 8 go to function 1 in register 7, "kept
/// 2000": in the word there; "[2000] " stands before what a pointer that is read from there does.
std::string text_of(const PointerFact& fact) {
  const std::string from =
      fact.source.is_cell ? fmt::format("[{:x}] ", fact.source.number) : std::string();
  switch (fact.kind) {
    case PointerFact::Kind::kHanded:
      return from + (fact.begin == 0 ? "" : fmt::format("{:+} ", fact.begin)) +
             fmt::format("f{} r{}", fact.callee, fact.reg);
    case PointerFact::Kind::kKept:
      return from + fmt::format("kept {:x}", fact.cell);
    default:
      if (fact.begin == kFirstByte && fact.end == kLastByte) return from + "all";
      return from + fmt::format("{}..", fact.begin) +
             (fact.end == kLastByte ? "end" : std::to_string(fact.end));
  }
}

TEST(PointerFacts, SayWhereAFunctionWritesAndWhoElseGetsThePointer) {
  struct Case {
    const char* why;
    const char* assembly;
    const char* bytes;
    const char* facts;  ///< of what rdi held, and of words of static data
    bool go = false;
    std::uint64_t entry = 0;  ///< a landing pad; 0: none
  };
  constexpr const char* kReturn = "c3";
  /// jmp [slot], of a symbol that is the function f1 here.
  constexpr const char* kStub = "ff25420f0000";
  // clang-format off
  constexpr Case kCases[] = {
    {"bytes behind it",
     "mov dword [rdi+8],1; ret",
     "c7470801000000c3", "8..12"},
    {"bytes before it, by a copy",
     "lea rax,[rdi-8]; mov byte [rax],1; xor eax,eax; ret",
     "488d47f8c6000131c0c3", "-8..-7"},
    {"at an index any may be meant",
     "mov byte [rdi+rsi],1; ret",
     "c6043701c3", "all"},
    {"as parts of vectors too",
     "vpscatterdd [rdi+xmm1*4+0x40]{k1},xmm0; ret",
     "62f27d09a0448f10c3", "all"},
    {"a repeated store goes on",
     "cld; rep stosb; ret",
     "fcf3aac3", "all"},
    {"what is only read",
     "mov eax,[rdi+8]; ret",
     "8b4708c3", ""},
    {"half of a register is no pointer",
     "mov eax,edi; ret",
     "89f8c3", ""},
    {"an argument of a function of this object",
     "add rdi,8; call f1; xor eax,eax; ret",
     "4883c708e87700000031c0c3", "+8 f1 r7"},
    {"what passes no argument stays here",
     "mov rbx,rdi; xor edi,edi; call f1; xor eax,eax; ret",
     "4889fb31ffe87600000031c0c3", ""},
    {"Go passes it in others",
     "mov rbx,rdi; xor edi,edi; call f1; xor eax,eax; ret",
     "4889fb31ffe87600000031c0c3", "f1 r3", true},
    {"a jump hands on every register",
     "mov rbx,rdi; xor edi,edi; jmp f1",
     "4889fb31ffe976000000", "f1 r3"},
    {"a branch out of it too",
     "mov rbx,rdi; xor edi,edi; test eax,eax; je f1; ret",
     "4889fb31ff85c00f8473000000c3", "f1 r3"},
    {"a jump inside of it hands on nothing",
     "jmp 1f; 1: xor edi,edi; ret",
     "eb0031ffc3", ""},
    {"who is called by a pointer that is known",
     "lea rax,[f1]; call rax; xor eax,eax; ret",
     "488d0579000000ffd031c0c3", "f1 r7"},
    {"who is called by one that is not may write anywhere",
     "mov rbx,rsi; call rbx; xor eax,eax; ret",
     "4889f3ffd331c0c3", "all"},
    {"so may a function of another object",
     "call qword [slot]; xor eax,eax; ret",
     "ff153a10000031c0c3", "all"},
    {"and one through a stub, for which another object may have its own",
     "call stub; xor eax,eax; ret",
     "e8fb00000031c0c3", "all"},
    {"an argument on the stack",
     "sub rsp,8; push rdi; xor edi,edi; call f1; add rsp,16; xor eax,eax; ret",
     "4883ec085731ffe8740000004883c41031c0c3", "all"},
    {"a word of the own frame",
     "sub rsp,0x68; mov [rsp+0x60],rdi; xor edi,edi; call f1; mov rdi,[rsp+0x60]; mov byte [rdi],1; add rsp,0x68; xor eax,eax; ret",
     "4883ec6848897c246031ffe870000000488b7c2460c607014883c46831c0c3", "0..1"},
    {"one that somebody has an address of",
     "sub rsp,0x68; mov [rsp+0x60],rdi; lea rdi,[rsp+0x60]; call f1; add rsp,0x68; xor eax,eax; ret",
     "4883ec6848897c2460488d7c2460e86d0000004883c46831c0c3", "all"},
    {"one that an index may lead to",
     "sub rsp,0x68; mov [rsp+0x60],rdi; mov rax,[rsp+rsi*8]; mov byte [rax],1; add rsp,0x68; xor eax,eax; ret",
     "4883ec6848897c2460488b04f4c600014883c46831c0c3", "all"},
    {"kept in static data",
     "mov [cell],rdi; ret",
     "48893df90f0000c3", "kept 2000"},
    {"kept there with a constant",
     "lea rax,[rdi+8]; mov [cell],rax; xor eax,eax; ret",
     "488d4708488905f50f000031c0c3", "all"},
    {"kept behind another pointer",
     "mov [rsi],rdi; ret",
     "48893ec3", "all"},
    {"the result",
     "mov rax,rdi; ret",
     "4889f8c3", "all"},
    {"what is left in the second register of it",
     "mov rdx,rdi; xor eax,eax; ret",
     "4889fa31c0c3", ""},
    {"in a sum with what is not known",
     "add rdi,rsi; ret",
     "4801f7c3", "all"},
    {"the same as an address",
     "lea rdi,[rdi+rsi]; ret",
     "488d3c37c3", "all"},
    {"cleared",
     "xor edi,edi; ret",
     "31ffc3", ""},
    {"cleared by a difference",
     "sub rdi,rdi; ret",
     "4829ffc3", ""},
    {"of which a byte is cleared",
     "xor dil,dil; ret",
     "4030ffc3", "all"},
    {"in two registers that change places",
     "xchg rdi,rcx; ret",
     "4887cfc3", "all"},
    {"aligned with what is in another register",
     "andn rax,rsi,rdi; xor eax,eax; ret",
     "c4e2c8f2c731c0c3", "all"},
    {"rotated",
     "rorx rax,rdi,3; xor eax,eax; ret",
     "c4e3fbf0c70331c0c3", "all"},
    {"its register gets something else",
     "movzx edi,sil; ret",
     "400fb6fec3", ""},
    {"tested",
     "test rdi,rdi; sete al; xor eax,eax; ret",
     "4885ff0f94c031c0c3", ""},
    {"a copy that is advanced",
     "mov rsi,rdi; lodsb; ret",
     "4889feacc3", "all"},
    {"in bits",
     "and rdi,-8; ret",
     "4883e7f8c3", "all"},
    {"chosen",
     "test esi,esi; cmove rcx,rdi; xor eax,eax; ret",
     "85f6480f44cf31c0c3", "all"},
    {"in a register of vectors",
     "movq xmm0,rdi; ret",
     "66480f6ec7c3", "all"},
    {"the kernel writes forwards",
     "add rdi,8; xor eax,eax; syscall; ret",
     "4883c70831c00f05c3", "8..end"},
    {"but not by what it is not given",
     "mov rbx,rdi; xor edi,edi; xor eax,eax; syscall; ret",
     "4889fb31ff31c00f05c3", ""},
    {"futex writes to its word",
     "add rdi,8; mov eax,202; syscall; ret",
     "4883c708b8ca0000000f05c3", "8..12"},
    {"i386's calls have other arguments",
     "mov rbx,rdi; xor edi,edi; mov eax,202; int 0x80; xor eax,eax; ret",
     "4889fb31ffb8ca000000cd8031c0c3", "0..end"},
    {"a register that is left over from where the number was read",
     "mov r8,rdi; mov eax,[rdi]; xor edi,edi; syscall; ret",
     "4989f88b0731ff0f05c3", ""},
    {"a first argument is none that is left over",
     "mov eax,[rdi]; syscall; ret",
     "8b070f05c3", "0..end"},
    {"the kernel follows what stands on the stack",
     "sub rsp,0x18; mov [rsp],rdi; mov rsi,rsp; xor edi,edi; mov eax,20; syscall; add rsp,0x18; ret",
     "4883ec1848893c244889e631ffb8140000000f054883c418c3", "all"},
    {"a pointer from static data",
     "mov rax,[cell]; mov byte [rax+4],1; xor eax,eax; ret",
     "488b05f90f0000c640040131c0c3", "[2000] 4..5"},
    {"at an index",
     "mov rax,[cell]; mov byte [rax+rsi],1; xor eax,eax; ret",
     "488b05f90f0000c604300131c0c3", "[2000] all"},
    {"handed on",
     "mov rdi,[cell]; call f1; xor eax,eax; ret",
     "488b3df90f0000e87400000031c0c3", "[2000] f1 r7"},
    {"kept in another word",
     "mov rax,[cell]; mov [other],rax; xor eax,eax; ret",
     "488b05f90f0000488905fa0f000031c0c3", "[2000] kept 2008"},
    {"entered elsewhere, where nothing is known",
     "mov rax,[cell]; xor eax,eax; ret; pad: ret",
     "488b05f90f000031c0c3c3", "all | [2000] all", false, 0x100a},
  };
  // clang-format on
  constexpr std::uint8_t kRdi = 7;
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    OneObject object({c.bytes, kReturn, kStub});
    object.symbol("elsewhere", kData + 0x40);
    DynamicSymbol& own = object.dynamic.symbols[object.symbol("f1", kData + 0x48)];
    own.defined = true;
    own.vaddr = OneObject::vaddr(1);
    const ObjectMap map = object.map();
    FunctionFlow flow(map, object.decoder());
    const std::uint64_t entries[] = {c.entry};
    std::string all;
    for (const PointerFact& fact :
         pointer_facts_of(map, flow, object.table.functions[0],
                          std::span(entries).first(c.entry != 0 ? 1 : 0), c.go)) {
      if (!fact.source.is_cell && fact.source.number != kRdi) continue;
      all += (all.empty() ? "" : " | ") + text_of(fact);
    }
    EXPECT_EQ(all, c.facts) << c.assembly;
  }
}

}  // namespace
}  // namespace sysnare
