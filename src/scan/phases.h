#pragma once
// When can a live function run: before main, from main on, or only on the way to an abort?
//
// load  What is reached from the dynamic linker's entry, the program's entry and the constructors,
//       main left out.
// main  What is reached from main, from what its return leads to, and from the destructors; and
// every
//       function whose address load-phase code or data takes, since main may call it: a callback
//       that was registered, a thread that was started, a handler that was set.
// error-only  What is not reached any more when the functions of kErrorExits are left out. It takes
//       the place of the other two.
//
// The dynamic linker apart from libc (glibc's ld.so) is the exception to the second rule, or else
// all that it does before main would be possible after: its own start is one big callback. Of the
// addresses that its *code* takes only those count that it does not pass on at once to a function
// of its own: what it passes (dl_main to _dl_sysdep_start, map_doit to _dl_catch_exception) it is
// done with when that call returns, what it stores or leaves in a register for the program
// (_dl_runtime_resolve in the GOT, _dl_fini in rdx) is called later. Its *data* with pointers
// (_rtld_global_ro) is reached from main by those who use it.
// Source: elf/rtld.c, elf/dl-reloc.c, sysdeps/x86_64/dl-machine.h of glibc 2.36.
//
// Where main is: what the entry function passes first to what it calls (crt1's _start passes main
// to
// __libc_start_main), else the only function whose address it takes; in Go main.main. What main's
// return leads to: the functions without return, calling through a pointer, that
// __libc_start_main refers to (__libc_start_call_main, musl's libc_start_main_stage2), else all of
// that function; in Go runtime.main. Where main is not found, everything is both.
//
// Opened objects belong to main, and to load as well where load-phase code opens something.
// Not modelled: a constructor that calls exit (its destructors count as main).

#include <cstdint>
#include <span>
#include <vector>

#include "scan/link_graph.h"
#include "scan/plug_ins.h"
#include "scan/reach.h"

namespace sysnare {

/// Every place where the kernel or the dynamic linker enters an object; entries come first. Behind
/// them exports of opened objects that somebody asks for by names that are not known.
std::vector<Root> find_roots(LinkGraph& graph, const UnknownNames& unknown);

/// Of each node, of ScanPhase, or-ed; 0 for dead ones. `reach` has run from all of `roots`;
/// `openers` are the live functions that load something at run time.
/// Cost: three more walks.
std::vector<std::uint8_t> find_phases(LinkGraph& graph, const Reach& reach,
                                      const std::vector<Root>& roots,
                                      std::span<const std::uint32_t> openers);

}  // namespace sysnare
