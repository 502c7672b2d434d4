#include "scan/flow.h"

#include <gtest/gtest.h>

#include "scan/one_function.h"
#include "scan/x86_decoder.h"

namespace sysnare {
namespace {

TEST(FunctionFlow, FindsTheNumberOfEachCall) {
  struct Case {
    const char* why;
    const char* assembly;
    const char* bytes;  ///< what GNU as makes of it, at kText
    const char* numbers;
    const char* data = "";  ///< at kData
  };
  // clang-format off
  constexpr Case kCases[] = {
    {"two jumps by one table, of which one is bounded",
     "cmp edi,1; ja 1f; lea rcx,T; movsxd rax,[rcx+rdi*4]; add rax,rcx; jmp rax; 1: and edi,3; lea rcx,T; movsxd rax,[rcx+rdi*4]; add rax,rcx; jmp rax; 2: ret; 3: mov eax,39; syscall; ret; T: 2b-T, 2b-T, 3b-T",
     "83ff017710488d0df40f0000486304b94801c8ffe083e703488d0de10f0000486304b94801c8ffe0c3b8270000000f05c3", "c39", "28f0ffff28f0ffff29f0ffff"},
    {"a table that seems bounded until another one leads behind the comparison",
     "cmp esi,1; ja 1f; 5: lea rcx,T; movsxd rax,[rcx+rsi*4]; add rax,rcx; jmp rax; 1: cmp edi,1; ja 2f; lea rdx,U; movsxd rax,[rdx+rdi*4]; add rax,rdx; jmp rax; 4: and esi,3; jmp 5b; 2: ret; 3: mov eax,39; syscall; ret; T: 2b-T, 2b-T, 3b-T, 0; U: 2b-U, 4b-U",
     "83fe017710488d0df40f0000486304b14801c8ffe083ff017715488d15ef0f0000486304ba4801d0ffe083e603ebd6c3b8270000000f05c3", "c39", "2ff0ffff2ff0ffff30f0ffff000000001ff0ffff1af0ffff"},
    {"what was passed is kept above the return address over a call, and comes back in a loop",
     "2: test ecx,ecx; je 1f; mov [rsp+8],rdi; call [rdx]; mov rdi,[rsp+8]; jmp 2b; 1: mov eax,edi; syscall",
     "85c9740e48897c2408ff12488b7c2408ebee89f80f05", "p7"},
    {"a word there that is written on one way is not what was passed",
     "test ecx,ecx; je 1f; mov [rsp+8],rdi; 1: mov rax,[rsp+8]; syscall",
     "85c9740548897c2408488b4424080f05", "?"},
    {"its neighbour is",
     "test ecx,ecx; je 1f; mov dword [rsp+8],39; call [rdx]; 1: mov eax,[rsp+16]; syscall",
     "85c9740ac744240827000000ff128b4424100f05", "s16"},
    {"the rest of a word that is written in part is not what was passed",
     "mov [rsp+8],rdi; mov dword [rsp+8],39; mov eax,[rsp+12]; syscall",
     "48897c2408c7442408270000008b44240c0f05", "?"},
    {"nor is that of one that is written in part on one way",
     "test ecx,ecx; je 1f; mov [rsp+8],rdi; jmp 2f; 1: mov dword [rsp+8],39; 2: mov eax,[rsp+12]; syscall",
     "85c9740748897c2408eb08c7442408270000008b44240c0f05", "?"},
    {"an address of the stack meets what is not known",
     "sub rsp,24; mov dword [rsp+8],39; call 0x2000; mov rdi,rax; test ebp,ebp; je 1f; lea rdi,[rsp+8]; 1: call 0x2000; mov eax,[rsp+8]; syscall",
     "4883ec18c744240827000000e8ef0f00004889c785ed7405488d7c2408e8de0f00008b4424080f05", "?"},
    {"an immediate",
     "mov eax,39; syscall",
     "b8270000000f05", "c39"},
    {"zero by xor",
     "xor eax,eax; syscall",
     "31c00f05", "c0"},
    {"64 bits, of which 32 count",
     "mov rax,15; syscall",
     "48c7c00f0000000f05", "c15"},
    {"either way of a branch",
     "mov eax,1; test edi,edi; je 1f; mov eax,2; 1: syscall",
     "b80100000085ff7405b8020000000f05", "c1,c2"},
    {"cmov is both",
     "mov eax,1; mov edx,2; test edi,edi; cmove eax,edx; syscall",
     "b801000000ba0200000085ff0f44c20f05", "c1,c2"},
    {"copied through registers",
     "mov r9d,202; mov ebx,r9d; mov eax,ebx; syscall",
     "41b9ca0000004489cb89d80f05", "c202"},
    {"a parameter",
     "mov eax,edi; syscall",
     "89f80f05", "p7"},
    {"a parameter moved by a callee's caller",
     "mov rax,rdi; mov rdi,rsi; mov rsi,rdx; syscall",
     "4889f84889f74889d60f05", "p7"},
    {"rbx lives through a call",
     "push rbx; mov ebx,3; call 0x100000; mov eax,ebx; syscall",
     "53bb03000000e8f5ef0f0089d80f05", "c3"},
    {"rcx does not",
     "mov ecx,3; call 0x100000; mov eax,ecx; syscall",
     "b903000000e8f6ef0f0089c80f05", "?"},
    {"nor does rax",
     "mov eax,3; call 0x100000; syscall",
     "b803000000e8f6ef0f000f05", "?"},
    {"syscall itself changes rax and rcx, and keeps r8",
     "mov r8d,1; mov ecx,2; mov eax,3; syscall; mov eax,ecx; syscall; mov eax,r8d; syscall",
     "41b801000000b902000000b8030000000f0589c80f054489c00f05", "c3|?|c1"},
    {"-O0: a parameter through the stack",
     "push rbp; mov rbp,rsp; mov [rbp-0x14],edi; mov eax,[rbp-0x14]; syscall",
     "554889e5897dec8b45ec0f05", "p7"},
    {"-O0: its neighbour is stored later",
     "push rbp; mov rbp,rsp; mov [rbp-0x14],7; mov [rbp-0x18],edi; mov [rbp-0x10],1; mov eax,[rbp-0x14]; syscall",
     "554889e5c745ec07000000897de8c745f0010000008b45ec0f05", "c7"},
    {"an overlapping store",
     "push rbp; mov rbp,rsp; mov [rbp-0x14],7; mov [rbp-0x18],rdi; mov eax,[rbp-0x14]; syscall",
     "554889e5c745ec0700000048897de88b45ec0f05", "?"},
    {"above an address that a callee got",
     "push rbp; mov rbp,rsp; sub rsp,0x40; mov [rbp-0x14],7; lea rdi,[rbp-0x20]; call 0x100000; mov eax,[rbp-0x14]; syscall",
     "554889e54883ec40c745ec07000000488d7de0e8e8ef0f008b45ec0f05", "?"},
    {"below it: the callee goes back from a member to its struct",
     "push rbp; mov rbp,rsp; sub rsp,0x40; mov [rbp-0x24],7; lea rdi,[rbp-0x20]; call 0x100000; mov eax,[rbp-0x24]; syscall",
     "554889e54883ec40c745dc07000000488d7de0e8e8ef0f008b45dc0f05", "?"},
    {"with no address given away",
     "push rbp; mov rbp,rsp; sub rsp,0x40; mov [rbp-0x24],7; call 0x100000; mov eax,[rbp-0x24]; syscall",
     "554889e54883ec40c745dc07000000e8ecef0f008b45dc0f05", "c7"},
    {"one of two addresses of the stack, of which a callee got either",
     "push rbp; mov rbp,rsp; sub rsp,0x40; mov [rbp-0x14],7; lea rdi,[rbp-0x20]; lea rdx,[rbp-0x30]; test esi,esi; cmove rdi,rdx; call 0x100000; mov eax,[rbp-0x14]; syscall",
     "554889e54883ec40c745ec07000000488d7de0488d55d085f6480f44fae8deef0f008b45ec0f05", "?"},
    {"an address of it in a vector register",
     "push rbp; mov rbp,rsp; mov [rbp-0x14],7; lea rax,[rbp-0x20]; movq xmm0,rax; movups [rdi],xmm0; call 0x100000; mov eax,[rbp-0x14]; syscall",
     "554889e5c745ec07000000488d45e066480f6ec00f1107e8e4ef0f008b45ec0f05", "?"},
    {"an address of it in memory that a compare and exchange writes to",
     "push rbp; mov rbp,rsp; mov [rbp-0x14],7; lea rcx,[rbp-0x20]; lock cmpxchg [rdi],rcx; call 0x100000; mov eax,[rbp-0x14]; syscall",
     "554889e5c745ec07000000488d4de0f0480fb10fe8e7ef0f008b45ec0f05", "?"},
    {"an address of it in a variable of the thread",
     "push rbp; mov rbp,rsp; mov [rbp-0x14],7; lea rcx,[rbp-0x20]; mov fs:0x10,rcx; call 0x100000; mov eax,[rbp-0x14]; syscall",
     "554889e5c745ec07000000488d4de06448890c2510000000e8e3ef0f008b45ec0f05", "?"},
    {"an address of it whose lowest bits are set",
     "sub rsp,24; mov dword [rsp+8],39; mov rdi,rsp; or rdi,8; mov [rdi],esi; mov eax,[rsp+8]; syscall",
     "4883ec18c7442408270000004889e74883cf0889378b4424080f05", "?"},
    {"one that is turned around by bits",
     "sub rsp,24; mov dword [rsp+8],39; mov rdi,rsp; xor rdi,8; mov [rdi],esi; mov eax,[rsp+8]; syscall",
     "4883ec18c7442408270000004889e74883f70889378b4424080f05", "?"},
    {"one that is aligned with what a register has",
     "sub rsp,24; mov dword [rsp+8],39; lea rdi,[rsp+8]; andn rax,rsi,rdi; mov [rax],esi; mov eax,[rsp+8]; syscall",
     "4883ec18c744240827000000488d7c2408c4e2c8f2c789308b4424080f05", "?"},
    {"one of which a byte is cleared",
     "sub rsp,24; mov dword [rsp+8],39; lea rdi,[rsp+8]; xor dil,dil; mov [rdi],esi; mov eax,[rsp+8]; syscall",
     "4883ec18c744240827000000488d7c24084030ff89378b4424080f05", "?"},
    {"one of which a byte is set",
     "sub rsp,24; mov dword [rsp+8],39; lea rdi,[rsp+8]; mov dil,0; mov [rdi],esi; mov eax,[rsp+8]; syscall",
     "4883ec18c744240827000000488d7c240840b70089378b4424080f05", "?"},
    {"one that is compared, and whose register is cleared",
     "sub rsp,24; mov dword [rsp+8],39; lea rdi,[rsp+8]; test rdi,rdi; xor edi,edi; mov [rsi],edi; mov eax,[rsp+8]; syscall",
     "4883ec18c744240827000000488d7c24084885ff31ff893e8b4424080f05", "c39"},
    {"elements of a vector, anywhere on the stack",
     "push rbp; mov rbp,rsp; mov [rbp-0x14],7; vpscatterdd [rbp+xmm1*4-0x40]{k1},xmm0; mov eax,[rbp-0x14]; syscall",
     "554889e5c745ec0700000062f27d09a0448df08b45ec0f05", "?"},
    {"elements of a vector, anywhere behind a parameter",
     "vpscatterdd [rdi+xmm1*4+0x40]{k1},xmm0; mov eax,[rdi+8]; syscall",
     "62f27d09a0448f108b47080f05", "?"},
    {"above the own frame",
     "lea rsi,[rsp-0x20]; mov [rdi],rsi; call 0x100000; mov rax,[rsp+8]; syscall",
     "488d7424e0488937e8f3ef0f00488b4424080f05", "?"},
    {"popped into",
     "sub rsp,0x20; mov qword ptr [rsp+8],39; push 60; pop qword ptr [rsp+8]; mov rax,[rsp+8]; syscall",
     "4883ec2048c7442408270000006a3c8f442408488b4424080f05", "c60"},
    {"an array next to it, by an unknown index",
     "push rbp; mov rbp,rsp; mov [rbp-0x14],7; mov [rbp+rdi*4-0x30],1; mov eax,[rbp-0x14]; syscall",
     "554889e5c745ec07000000c744bdd0010000008b45ec0f05", "?"},
    {"what the caller left on the stack",
     "mov eax,[rsp+8]; syscall",
     "8b4424080f05", "s8"},
    {"the same behind a frame",
     "sub rsp,0x18; mov eax,[rsp+0x20]; syscall",
     "4883ec188b4424200f05", "s8"},
    {"overwritten there",
     "mov [rsp+8],4; mov eax,[rsp+8]; syscall",
     "c7442408040000008b4424080f05", "c4"},
    {"in what a parameter points to",
     "mov eax,[rdi+8]; syscall",
     "8b47080f05", "m7+8"},
    {"push and pop",
     "push 60; pop rax; syscall",
     "6a3c580f05", "c60"},
    {"leave",
     "push rbp; mov rbp,rsp; mov ebx,9; sub rsp,32; leave; mov eax,ebx; syscall",
     "554889e5bb090000004883ec20c989d80f05", "c9"},
    {"the lowest byte of what is 0",
     "xor eax,eax; mov al,56; syscall",
     "31c0b0380f05", "c56"},
    {"with a prefix",
     "xor r8d,r8d; mov r8b,3; mov eax,r8d; syscall",
     "4531c041b0034489c00f05", "c3"},
    {"the byte above it",
     "xor eax,eax; mov ah,56; syscall",
     "31c0b4380f05", "?"},
    {"the lowest byte of what is not known",
     "call 0x100000; mov al,56; syscall",
     "e8fbef0f00b0380f05", "?"},
    {"what is 0 because nothing jumped",
     "call 0x100000; test rax,rax; jne 1f; syscall; 1: ret",
     "e8fbef0f004885c075020f05c3", "c0"},
    {"what is 0 because something jumped",
     "call 0x100000; test rax,rax; je 1f; ret; 1: syscall",
     "e8fbef0f004885c07401c30f05", "c0"},
    {"what is anything but 0",
     "call 0x100000; test rax,rax; je 1f; syscall; 1: ret",
     "e8fbef0f004885c074020f05c3", "?"},
    {"half of it is 0",
     "call 0x100000; test eax,eax; je 1f; ret; 1: syscall",
     "e8fbef0f0085c07401c30f05", "?"},
    {"a counter",
     "xor ebx,ebx; 1: mov eax,ebx; syscall; add ebx,1; cmp ebx,100; jne 1b; ret",
     "31db89d80f0583c30183fb6475f4c3", "?"},
    {"a loop that does not change it",
     "mov r9d,7; 1: mov eax,r9d; syscall; test eax,eax; jne 1b; ret",
     "41b9070000004489c80f0585c075f7c3", "c7"},
    {"arithmetic on constants",
     "mov eax,2; shl eax,3; or eax,1; add eax,2; sub eax,1; xor eax,2; and eax,0x1f; syscall",
     "b802000000c1e00383c80183c00283e80183f00283e01f0f05", "c16"},
    {"the low byte alone",
     "mov eax,1; mov al,5; syscall",
     "b801000000b0050f05", "c5"},
    {"a string instruction changes rdi and rcx",
     "mov edi,7; rep stosb; mov eax,edi; syscall",
     "bf07000000f3aa89f80f05", "?"},
    {"bytes of an immediate are no instruction",
     "mov eax,0x050f; ret",
     "b80f050000c3", ""},
    {"behind a return nothing runs",
     "ret; mov eax,1; syscall",
     "c3b8010000000f05", ""},
    {"nor behind ud2",
     "ud2; mov eax,1; syscall",
     "0f0bb8010000000f05", ""},
    {"int 0x80",
     "mov eax,20; int 0x80",
     "b814000000cd80", "i386 c20"},
    {"sysenter",
     "mov eax,20; sysenter",
     "b8140000000f34", "i386 c20"},
    {"another interrupt",
     "mov eax,20; int 0x81; ret",
     "b814000000cd81c3", ""},
    {"a label whose address is taken",
     "lea rdx,1f[rip]; jmp rdx; 1: syscall",
     "488d1502000000ffe20f05", "?"},
    {"a switch: its table leads to two calls",
     "cmp edi,1; ja 9f; lea rdx,8f[rip]; movsxd rax,[rdx+rdi*4]; add rax,rdx; jmp rax; 1: mov eax,1; syscall; ret; 2: mov eax,2; syscall; 9: ret; .section .rodata; 8: .long 1b-8b; .long 2b-8b; .long 0x70000000",
     "83ff01771f488d15f40f0000486304ba4801d0ffe0b8010000000f05c3b8020000000f05c3", "c1|c2", "15f0ffff1df0ffff00000070"},
    {"rax from a thread's own data",
     "mov eax,fs:0x10; syscall",
     "648b0425100000000f05", "?"},
    {"sign-extended",
     "mov eax,edi; movsxd rdx,eax; mov rax,rdx; syscall",
     "89f84863d04889d00f05", "p7"},
  };
  // clang-format on
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    SCOPED_TRACE(c.assembly);
    EXPECT_EQ(numbers(X86Decoder(), c.bytes, c.data), c.numbers);
  }
}

TEST(FunctionFlow, KnowsNothingWhereItIsEnteredFromElsewhere) {
  // mov eax, 39; nop; syscall, entered at the nop too
  const OneFunction function("b827000000900f05", "");
  const X86Decoder decoder;
  FunctionFlow flow(function, decoder);
  const std::uint64_t entries[] = {kText + 5};
  unsigned sites = 0;
  flow.run({kText, function.end(), entries, false}, [&](const Insn& insn, const FlowState& state) {
    if (insn.op != InsnOp::kSyscall) return;
    ++sites;
    EXPECT_TRUE(state.regs[0].is(FlowValue::Kind::kAny));
  });
  EXPECT_EQ(sites, 1u);
}

TEST(FunctionFlow, GoesNoFurtherThanThereAreBytes) {
  const OneFunction function("b8270000000f05", "");
  const X86Decoder decoder;
  FunctionFlow flow(function, decoder);
  unsigned sites = 0;
  const auto count = [&](const Insn& insn, const FlowState&) {
    sites += insn.op == InsnOp::kSyscall;
  };
  // As an executable segment of a few bytes that takes 4 TB of memory says.
  flow.run({kText, kText + (1ull << 42), {}, false}, count);
  EXPECT_EQ(sites, 1u);
  flow.run({kData, kData + (1ull << 42), {}, false}, count);
  EXPECT_EQ(sites, 1u);
  EXPECT_TRUE(flow.returns());
}

TEST(FunctionFlow, NamesWhatIsNoInstruction) {
  struct Case {
    const char* why;
    const char* bytes;  ///< 06: push es, none in 64 bits
    std::uint64_t entry;
    bool compiled;
    std::uint64_t unknown_at;
  };
  constexpr Case kCases[] = {
      {"none", "b827000000c3", 0, true, 0},
      {"behind another one", "b82700000006", 0, true, kText + 5},
      {"jumped over", "eb0106c3", 0, true, 0},
      {"jumped to", "eb01c306", 0, true, kText + 3},
      {"behind a branch", "750106c3", 0, true, kText + 2},
      {"a compiler knows that what it calls never returns", "e8fbef0f006606", 0, true, 0},
      {"the same, with constants behind what fills up", "e8fbef0f00669055553306", 0, true, 0},
      {"a test of what it returns is no filling", "e8fbef0f0085c006", 0, true, kText + 7},
      {"nobody says that", "e8fbef0f0006", 0, false, kText + 5},
      {"called, where nothing tells functions apart", "e801000000c306", 0, false, kText + 6},
      {"a label or a table alone leads there", "c306", kText + 1, true, 0},
      {"cut by the end of the function", "90b8270000", 0, true, kText + 1},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const OneFunction function(c.bytes, "");
    const X86Decoder decoder;
    FunctionFlow flow(function, decoder);
    FunctionFlow::Request request;
    request.start = kText;
    request.end = function.end();
    request.entries = std::span(&c.entry, 1);
    request.compiled = c.compiled;
    flow.run(request, [](const Insn&, const FlowState&) {});
    EXPECT_EQ(flow.unknown_at(), c.unknown_at);
    EXPECT_FALSE(flow.too_large());
  }
}

TEST(FunctionFlow, ReturnsWhereAPointerMayLeadOut) {
  // lea rdx,[rip+kData]; movsxd rax,[rdx+rdi*4]; add rax,rdx; jmp rax; hlt; and the second case
  const std::string by_table = "488d15f90f0000486304ba4801d0ffe0f4";
  struct Case {
    const char* why;
    const char* second;
    bool returns;
  };
  constexpr Case kCases[] = {
      {"no case leads out: hlt", "f4", false},
      {"jmp [rsi+8]", "ff6608", true},
      {"mov rax,[rsi]; jmp rax", "488b06ffe0", true},
      {"one of an array that was passed: jmp [rsi+rdi*8]", "ff24fe", true},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const OneFunction function(by_table + c.second, "10f0ffff11f0ffff");
    const X86Decoder decoder;
    FunctionFlow flow(function, decoder);
    flow.run({kText, function.end(), {}, false}, [](const Insn&, const FlowState&) {});
    EXPECT_EQ(flow.returns(), c.returns);
  }
}

TEST(FunctionFlow, GivesUpOnATableLongerThanIsRead) {
  // lea rdx,[rip+kData]; movsxd rax,[rdx+rdi*4]; add rax,rdx; jmp rax; ret
  std::string table;
  for (std::size_t i = 0; i < kMaxTableEntries; ++i) table += "10f0ffff";
  const X86Decoder decoder;
  for (const bool longer : {false, true}) {
    const OneFunction function("488d15f90f0000486304ba4801d0ffe0c3",
                               longer ? table : table.substr(8));
    FunctionFlow flow(function, decoder);
    flow.run({kText, function.end(), {}, false}, [](const Insn&, const FlowState&) {});
    EXPECT_EQ(flow.gave_up(), longer);
  }
}

TEST(FunctionFlow, RunsOnIntoTheNextFunction) {
  struct Case {
    const char* why;
    const char* bytes;
    bool compiled;
    bool runs_on;
    std::uint64_t compiled_bytes = ~std::uint64_t{0} - kText;
  };
  constexpr Case kCases[] = {
      {"mov eax,39", "b827000000", true, true},
      {"mov eax,39; and what fills up", "b827000000660f1f440000", true, true},
      {"ret", "b827000000c3", true, false},
      {"a compiler knows that what it calls never returns", "e8fbef0f00", true, false},
      {"the same, and what fills up", "e8fbef0f006690", true, false},
      {"nobody says that", "e8fbef0f00", false, true},
      {"nor of what lies behind the compiler's part", "90e8fbef0f00", true, true, 1},
      {"its own part ends in the call", "90e8fbef0f0090", true, false, 6},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const OneFunction function(c.bytes, "");
    const X86Decoder decoder;
    FunctionFlow flow(function, decoder);
    bool runs_on = false;
    FunctionFlow::Request request;
    request.start = kText;
    request.end = function.end();
    request.compiled = c.compiled;
    request.compiled_end = kText + c.compiled_bytes;
    flow.run(request, [&](const Insn& insn, const FlowState&) {
      runs_on = runs_on || (insn.op == InsnOp::kJump && insn.target == function.end());
    });
    EXPECT_EQ(runs_on, c.runs_on);
  }
}

/// One whose last bytes are another function, which a compiler described or not.
class WithAnother : public OneFunction {
 public:
  WithAnother(std::string_view text, std::string_view data, std::uint64_t another, bool alike)
      : OneFunction(text, data), another_(another), alike_(alike) {}
  bool may_belong_to(std::uint64_t, std::uint64_t, std::uint64_t& begin) const override {
    begin = another_;
    return alike_;
  }

 private:
  std::uint64_t another_;
  bool alike_;
};

TEST(FunctionFlow, ATableLeadsToInstructionsOfItsColdPart) {
  constexpr std::uint64_t kAnother = 0x1014;
  struct Case {
    const char* why;
    const char* entry;  ///< the second of the table, from it
    bool alike;
    std::vector<std::uint64_t> outside;
  };
  const Case cases[] = {
      {"its first instruction", "14f0ffff", true, {0x1014}},
      {"its second", "19f0ffff", true, {0x1019}},
      {"in the midst of one: the comparison was another table's", "15f0ffff", true, {}},
      {"what has no frame is no part of what has one", "14f0ffff", false, {}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    // cmp edi,2; lea rcx,[kData]; movslq rax,[rcx+rdi*4]; add rax,rcx; jmp rax; ret; the other:
    // mov eax,0x50f; ret
    const WithAnother function("83ff02488d0df60f0000486304b94801c8ffe0c3b80f050000c3",
                               std::string("13f0ffff") + c.entry, kAnother, c.alike);
    const X86Decoder decoder;
    FunctionFlow flow(function, decoder);
    FunctionFlow::Request request;
    request.start = kText;
    request.end = kAnother;
    flow.run(request, [](const Insn&, const FlowState&) {});
    EXPECT_EQ(std::vector(flow.outside().begin(), flow.outside().end()), c.outside);
  }
}

TEST(FunctionFlow, ATableIsAsLongAsItsOwnComparisonAllows) {
  struct Case {
    const char* why;
    const char* bytes;
    const char* data;
    std::uint64_t another;
    std::vector<std::uint64_t> outside;
  };
  // cmp edi,1; ja case 0; lea rcx,[kData]; movslq rax,[rcx+rdi*4]; add rax,rcx; jmp rax;
  // case 0: cmp esi,0x20; jmp rsi; the other: ret; ret
  const Case cases[] = {
      {"another jump has a greater one",
       "83ff017710488d0df40f0000486304b94801c8ffe083fe20ffe6c3c3",
       "15f0ffff1af0ffff1bf0ffff",
       0x101a,
       {0x101a}},
      {"cmp edi,2; case 0: ret",
       "83ff027710488d0df40f0000486304b94801c8ffe0c390909090c3c3",
       "15f0ffff1af0ffff1bf0ffff",
       0x101a,
       {0x101a, 0x101b}},
      {"cmp edi,2; ja case 0; cmp edi,1; je case 0: the second bounds nothing",
       "83ff02771583ff017410488d0def0f0000486304b94801c8ffe0c3c3c3",
       "1af0ffff1bf0ffff1cf0ffff",
       0x101b,
       {0x101b, 0x101c}},
      {"cmp edi,2; ja case 0; cmp edi,1; sete al; cmp rsi,rdx; ja case 0: nor does what it asks",
       "83ff02771b83ff010f94c04839d67710488d0de90f0000486304b94801c8ffe0c3c3c3",
       "20f0ffff21f0ffff22f0ffff",
       0x1021,
       {0x1021, 0x1022}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const WithAnother function(c.bytes, c.data, c.another, true);
    const X86Decoder decoder;
    FunctionFlow flow(function, decoder);
    FunctionFlow::Request request;
    request.start = kText;
    request.end = c.another;
    flow.run(request, [](const Insn&, const FlowState&) {});
    EXPECT_EQ(std::vector(flow.outside().begin(), flow.outside().end()), c.outside);
  }
}

TEST(FunctionFlow, AJumpByAWholeTableGoesNowhereElse) {
  struct Case {
    const char* why;
    const char* bytes;
    const char* data;
    std::uint64_t jump;
    bool is_switch;
  };
  // cmp edi,1; ja 1f; lea rcx,[kData]; movslq rax,[rcx+rdi*4]; add rax,rcx; jmp rax; 1: ret
  const char* bounded = "83ff017710488d0df40f0000486304b94801c8ffe0c3";
  const Case cases[] = {
      {"as long as the comparison says", bounded, "15f0ffff15f0ffff", 0x1013, true},
      {"an entry leads elsewhere", bounded, "15f0ffff00000000", 0x1013, false},
      {"the table ends before", bounded, "15f0ffff", 0x1013, false},
      {"no comparison", "488d0df90f0000486304b94801c8ffe0c3", "10f0ffff10f0ffff", 0x100e, false},
      {"one more jump by it, without",
       "83ff017710488d0df40f0000486304b94801c8ffe0488d0de40f0000486304b94801c8ffe0",
       "15f0ffff15f0ffff", 0x1013, false},
      {"no table: jmp rax", "83ff017700ffe0c3", "", 0x1005, false},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const OneFunction function(c.bytes, c.data);
    const X86Decoder decoder;
    FunctionFlow flow(function, decoder);
    flow.run({kText, function.end(), {}, false}, [](const Insn&, const FlowState&) {});
    EXPECT_EQ(flow.is_switch(c.jump), c.is_switch);
  }
}

}  // namespace
}  // namespace sysnare
