#pragma once
// Where does code go that no table describes?
//
// crtstuff.c of gcc has functions without FDEs (deregister_tm_clones and register_tm_clones), which
// the linker puts behind the last of the parts that are called cold; those that call them stand in
// .init_array and .fini_array. Without symbols they would be the end of whatever lies before them,
// and that would run in each program that loads the library.

#include <cstdint>
#include <vector>

#include "elf/functions.h"
#include "elf/memory.h"
#include "scan/insn.h"

namespace sysnare {

/// Most instructions that are looked at of one function; crtstuff.c has some twenty in each.
inline constexpr int kMaxBareInsns = 64;

/// Where functions that neither an FDE nor a symbol covers call or jump to outside of themselves:
/// of each the first instructions, one after the other, whatever they jump over. Places that are
/// wrong for that cost exactness alone.
std::vector<std::uint64_t> calls_of_bare(const FunctionTable& table, const ImageMemory& memory,
                                         const Decoder& decoder);

}  // namespace sysnare
