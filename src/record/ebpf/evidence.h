#pragma once
// What do the tables of the eBPF programs say, as evidence?

#include <cstdint>
#include <map>

#include "evidence/evidence.h"
#include "record/ebpf/executable_files.h"
#include "record/ebpf/module_files.h"
#include "record/ebpf/programs.h"

namespace sysnare {

/// A call as the programs show it: number and SYSNARE_CALL_COMPAT.
Call call_of(std::uint64_t call);

/// Adds all that `tables` counted to `evidence`, and what was lost, in numbers and in notes.
void add_tables(const EbpfTables& tables, Evidence& evidence);

/// Adds the calling instructions.
void add_sites(const EbpfTables& tables, ModuleFiles& modules, Evidence& evidence);

/// Adds what each of several executables did, or each in a cgroup of its own. `programs` are those
/// of which something is known, by number.
void add_executables(const EbpfTables& tables,
                     const std::map<std::uint32_t, NumberedExecutable>& programs,
                     ModuleFiles& modules, Evidence& evidence);

/// The program that was seen first, a container's runtime not counted; empty when nothing ran.
ProgramIdentity first_program(const EbpfTables& tables,
                              const std::map<std::uint32_t, NumberedExecutable>& programs);

}  // namespace sysnare
