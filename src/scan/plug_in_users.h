#pragma once
// Who uses a loader of plug-ins besides itself?

#include <cstdint>
#include <string_view>

#include "scan/link_graph.h"
#include "scan/numbers.h"
#include "scan/plug_ins.h"
#include "scan/reach.h"

namespace sysnare {

/// Whether the object of `node` is a part of the loader.
bool is_part_of(const LinkGraph& graph, const PlugIns& plug_ins, std::uint32_t node);
/// Whether anybody but the loader itself can call `function` with anything.
bool is_given_away(LinkGraph& graph, const Reach& reach, const PlugIns& plug_ins,
                   std::uint32_t function);
/// Whether anybody but the loader itself can call a function of that name.
bool is_called_from_outside(LinkGraph& graph, const Reach& reach, Numbers& numbers,
                            const PlugIns& plug_ins, std::string_view name);
/// Whether the loader can come to load something.
bool is_started(LinkGraph& graph, const Reach& reach, Numbers& numbers, const PlugIns& plug_ins);
/// The loader that the object of `node` is, if nobody else can tell it what to look up, or it never
/// does; or null.
const PlugIns* knowing_loader(LinkGraph& graph, const Reach& reach, Numbers& numbers,
                              std::uint32_t node);

}  // namespace sysnare
