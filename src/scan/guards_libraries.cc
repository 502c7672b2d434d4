// Rows of single libraries, for the objects of their sonames alone.
//
// - LLVM's engines. Constructors of libLLVM put MCJIT::createJIT and Interpreter::create into two
//   variables, which EngineBuilder::create alone reads (LLVM 14,
//   lib/ExecutionEngine/ExecutionEngine.cpp).
// - Parsers of libxml2. What handles what a parser has read is called through the parser's context
//   alone, which is filled by xmlInitParserCtxt and its like for HTML (libxml2 2.9.14, parser.c,
//   HTMLparser.c, SAX2.c). Its destructor puts the addresses of the handlers into a table all the
//   same, by way of a message, and they can load files from other machines. Taken for granted:
//   nobody makes a context by himself, and calls parsers with that.
// - Topology in libblkid. Its probes that start dmsetup and lvdisplay are run for who asks for
//   topology (util-linux 2.38, libblkid/src/probe.c: chains that are not enabled are passed over;
//   topology/topology.c: this one is not from the start).

#include <algorithm>

#include "scan/guards.h"
#include "scan/parts.h"

namespace sysnare {

void Guards::find_engines() {
  Guard guard{.keys = {"_ZN4llvm13EngineBuilder6createEPNS_13TargetMachineE"}};
  const auto made = graph_.named(guard.keys.front());
  if (made.size() != 1 || objects_with(guard.keys.front(), "libLLVM-14.so.1").empty()) return;
  for (const Export& symbol : graph_.summary_of(made.front()).exports) {
    const std::string_view name = text_of(graph_.summary_of(made.front()), symbol.name);
    if (symbol.target.kind != Target::Kind::kFunction) continue;
    if (name.starts_with("_ZN4llvm11Interpreter6createE") ||
        name.starts_with("_ZN4llvm5MCJIT9createJITE")) {
      guard.asleep.push_back(
          graph_.node_of_function(graph_.object_of(made.front()), symbol.target.index));
    }
  }
  add(std::move(guard));
}

void Guards::find_parsers() {
  constexpr std::string_view kInit = "xmlInitParserCtxt";
  for (const std::uint32_t object : objects_with(kInit, "libxml2.so.2")) {
    const Summary& summary = graph_.objects()[object].summary;
    Guard guard;
    std::vector<std::uint32_t> tables;
    std::vector<std::uint32_t> handlers;
    for (const Export& symbol : summary.exports) {
      const std::string_view name = text_of(summary, symbol.name);
      const bool code = symbol.target.kind == Target::Kind::kFunction;
      const std::uint32_t node = code ? graph_.node_of_function(object, symbol.target.index)
                                      : graph_.node_of_chunk(object, symbol.target.index);
      if (node == kNone) continue;
      const bool makes = name.ends_with("ParserCtxt") || name.starts_with("htmlRead") ||
                         name.starts_with("htmlParse") || name.starts_with("htmlSAXParse") ||
                         name.starts_with("htmlCtxtRead");
      if (code && makes) {
        guard.key_nodes.push_back(node);
      } else if (name.starts_with("xmlSAXVersion") ||
                 name.find("DefaultSAXHandler") != std::string_view::npos) {
        tables.push_back(node);
      } else if (code && name.starts_with("xmlSAX2")) {
        handlers.push_back(node);
      }
    }
    if (add_steps(tables, handlers, guard)) add(std::move(guard));
  }
}

void Guards::find_topology() {
  constexpr std::string_view kEnable = "blkid_probe_enable_topology";
  for (const std::uint32_t object : objects_with(kEnable, "libblkid.so.1")) {
    const Summary& summary = graph_.objects()[object].summary;
    Guard guard{.keys = {kEnable, "blkid_probe_get_topology"}};
    for (std::uint32_t i = 0; i < summary.functions.size(); ++i) {
      for (const StringRef& string : cut(summary.strings, summary.functions[i].strings)) {
        const std::string_view text = text_of(summary, string.text);
        if (text.ends_with("/dmsetup") || text.ends_with("/lvdisplay"))
          guard.asleep.push_back(graph_.node_of_function(object, i));
      }
    }
    add(std::move(guard));
  }
}

}  // namespace sysnare
