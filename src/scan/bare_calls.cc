#include "scan/bare_calls.h"

#include <algorithm>

namespace sysnare {

std::vector<std::uint64_t> calls_of_bare(const FunctionTable& table, const ImageMemory& memory,
                                         const Decoder& decoder) {
  std::vector<std::uint64_t> places;
  for (const FunctionRange& function : table.functions) {
    if (function.covered_end > function.start) continue;
    std::uint64_t vaddr = function.start;
    for (int i = 0; i < kMaxBareInsns && vaddr < function.end; ++i) {
      const Insn insn = decoder.decode(memory.from(vaddr), vaddr);
      if (insn.length == 0) break;
      const bool leaves = insn.target < function.start || insn.target >= function.end;
      if ((insn.op == InsnOp::kCall || insn.op == InsnOp::kJump) && leaves)
        places.push_back(insn.target);
      vaddr = insn.next();
    }
  }
  return places;
}

}  // namespace sysnare
