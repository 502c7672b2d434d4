#pragma once
// What does a function load whose code puts the names together, and what does it look up?
//
// Loaders of plug-ins have rows of their own (scan/plug_ins.h). Here are functions that try a few
// libraries: each is told by a text that it refers to, C's part of a Go program by who calls it
// (scan/go_loads.h), and its source, which stands with its row, says which names can come of that.
// Not modelled: variables of the environment (SS_READLINE_PATH, ACC_PROFLIB, IP_LIB_DIR), and
// directories in which there are further ones.

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "scan/link_graph.h"

namespace sysnare {

/// The name of an OpenRequest for libsubid_*.so, which nsswitch.conf names behind "subid:".
inline constexpr std::string_view kSubidRequest = "subid:";

struct KnownLoad {
  std::string_view text;                   ///< to which the function refers that loads
  std::array<std::string_view, 6> opened;  ///< as OpenRequest::name
  /// How a directory ends of which it loads what is asked for: one of the object's texts, or none
  /// is known. Empty: there is no such directory.
  std::string_view directory = {};
  /// How the names end that it looks up, in all objects; empty: they are constants.
  std::string_view symbols = {};
  std::string_view prefix = {};  ///< likewise, how they begin
  bool is_list = false;          ///< the text goes on, and names all of them with ':' in between
  bool is_end = false;           ///< the text is the end of one
  /// What it looks up is exported by what its object opens, or stands in the texts of that object's
  /// live code but its own: lookups.cc follows both. What it loads is not known.
  bool by_texts = false;

  [[nodiscard]] bool looks_up() const { return by_texts || !symbols.empty() || !prefix.empty(); }
};

/// That of the function `node`, or null.
const KnownLoad* known_load_of(const LinkGraph& graph, std::uint32_t node);
/// What the function `node` asks for, as OpenRequest::name.
std::vector<std::string> names_of(const KnownLoad& known, const LinkGraph& graph,
                                  std::uint32_t node);
/// Every node with a symbol that `known` may look up.
std::vector<std::uint32_t> looked_up(const KnownLoad& known, const LinkGraph& graph);

}  // namespace sysnare
