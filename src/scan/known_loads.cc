#include "scan/known_loads.h"

#include <algorithm>

#include "base/text.h"
#include "scan/go_loads.h"
#include "scan/names.h"

namespace sysnare {
namespace {

constexpr KnownLoad kKnownLoads[] = {
    // shadow 4.13, lib/nss.c (nss_init): the first word behind "subid:" in nsswitch.conf. In
    // useradd and the like, and libsubid.so.4.
    {.text = "libsubid_%s.so", .opened = {kSubidRequest}},
    // e2fsprogs 1.47, lib/ss/get_readline.c (DEFAULT_LIBPATH).
    {.text = "libreadline.so.", .opened = {}, .is_list = true},
    // gcc 12, libgomp/target.c (gomp_target_init): each word of OFFLOAD_PLUGINS behind
    // "libgomp-plugin-", of those that libgomp/plugin/configfrag.ac of gcc 5 to 13 knows; and
    // oacc-profiling.c (goacc_profiling_initialize), by the environment alone.
    {.text = "GOMP_OFFLOAD_version",
     .opened = {"libgomp-plugin-nvptx.so.1", "libgomp-plugin-gcn.so.1", "libgomp-plugin-hsa.so.1",
                "libgomp-plugin-intelmic.so.1"}},
    {.text = "ACC_PROFLIB", .opened = {}},
    // libX11 1.8, src/CrGlCur.c (open_library): its name, then without what is behind the last '.'.
    {.text = "_XcursorNoticeCreateBitmap",
     .opened = {"libXcursor.so.1", "libXcursor.so", "libXcursor"}},
    {.text = "_XcursorNoticePutBitmap",
     .opened = {"libXcursor.so.1", "libXcursor.so", "libXcursor"}},
    {.text = "_XcursorTryShapeCursor",
     .opened = {"libXcursor.so.1", "libXcursor.so", "libXcursor"}},
    {.text = "_XcursorTryShapeBitmapCursor",
     .opened = {"libXcursor.so.1", "libXcursor.so", "libXcursor"}},
    // systemd 252, src/shared/dlfcn-util.c (dlsym_many_or_warnv): each name that callers hand on by
    // DLSYM_ARG(). Of programs that have it linked in; libsystemd-shared exports it to others, and
    // has a row in plug_ins.cc.
    {.text = kLookupFile, .opened = {}, .is_end = true, .by_texts = true},
    // iproute2 6.1, ip/iplink.c (get_link_kind): LIBDIR "/ip", and in the program itself.
    {.text = "%s/link_%s.so", .opened = {}, .directory = "/ip", .symbols = "_link_util"},
};

/// Calls `visit` with every text that the function refers to, until it says true.
template <typename Visit>
bool any_text(const LinkGraph& graph, std::uint32_t node, Visit visit) {
  const Function* function = graph.function(node);
  if (function == nullptr) return false;
  const Summary& summary = graph.summary_of(node);
  const std::span<const StringRef> all = cut(summary.strings, function->strings);
  return std::any_of(all.begin(), all.end(),
                     [&](const StringRef& string) { return visit(text_of(summary, string.text)); });
}

bool is_text_of(const KnownLoad& known, std::string_view text) {
  if (known.is_end) return text.ends_with(known.text);
  if (!known.is_list) return text == known.text;
  return text.starts_with(known.text) && text.find(':') != std::string_view::npos;
}

/// The directories that `known` may mean, each with '/' at its end.
std::vector<std::string> directories_of(const KnownLoad& known, const LinkGraph& graph,
                                        std::uint32_t node) {
  std::vector<std::string> found;
  const Summary& summary = graph.summary_of(node);
  for (const StringRef& string : summary.strings) {
    const std::string_view text = text_of(summary, string.text);
    if (text.starts_with('/') && text.ends_with(known.directory)) {
      found.push_back(std::string(text) + "/");
    }
  }
  return found;
}

}  // namespace

const KnownLoad* known_load_of(const LinkGraph& graph, std::uint32_t node) {
  for (const KnownLoad& known : kKnownLoads) {
    const bool refers =
        any_text(graph, node, [&](std::string_view text) { return is_text_of(known, text); });
    if (!refers || (known.by_texts && graph.object_of(node) != 0)) continue;
    const bool has_place = known.directory.empty() || !directories_of(known, graph, node).empty();
    return has_place ? &known : nullptr;
  }
  return go_load_of(graph, node);
}

std::vector<std::string> names_of(const KnownLoad& known, const LinkGraph& graph,
                                  std::uint32_t node) {
  std::vector<std::string> names;
  for (const std::string_view name : known.opened) {
    if (!name.empty()) names.emplace_back(name);
  }
  if (!known.directory.empty()) {
    for (std::string& directory : directories_of(known, graph, node)) {
      names.push_back(std::move(directory));
    }
  }
  if (known.is_list) {
    any_text(graph, node, [&](std::string_view text) {
      if (!is_text_of(known, text)) return false;
      for (const std::string_view name : split(text, ':')) names.emplace_back(name);
      return false;
    });
  }
  return names;
}

std::vector<std::uint32_t> looked_up(const KnownLoad& known, const LinkGraph& graph) {
  std::vector<std::uint32_t> found;
  if (known.symbols.empty() && known.prefix.empty()) return found;
  for (std::uint32_t object = 0; object < graph.objects().size(); ++object) {
    const Summary& summary = graph.objects()[object].summary;
    for (std::uint32_t i = 0; i < summary.exports.size(); ++i) {
      const std::string_view name = text_of(summary, summary.exports[i].name);
      if (!name.starts_with(known.prefix) || !name.ends_with(known.symbols)) continue;
      const std::uint32_t node = graph.node_of({object, i});
      if (node != kNone) found.push_back(node);
    }
  }
  return found;
}

}  // namespace sysnare
