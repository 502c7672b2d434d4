#pragma once
// What does C's part of a Go program load, by a name that Go hands it?
//
// cgo copies Go's texts to memory that C gets (C.CString), so that no code tells the name. For some
// packages their source says which names these are: they are told by their functions, whose names
// every Go program keeps. Nobody but these packages must come to the C function that loads.

#include <cstdint>

#include "scan/known_loads.h"
#include "scan/link_graph.h"

namespace sysnare {

/// That of C's function `node`, or null.
const KnownLoad* go_load_of(const LinkGraph& graph, std::uint32_t node);

}  // namespace sysnare
