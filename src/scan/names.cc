#include "scan/names.h"

#include <elf.h>

#include <algorithm>

namespace sysnare {

bool is_said_by_dlopen(std::string_view text) {
  return text == "invalid mode parameter" || text == "invalid namespace";
}

bool is_said_by_event_loop(std::string_view text) {
  return text.starts_with("sd_event_add_") || text.starts_with("event_add_inotify") ||
         text == "sd_event_set_watchdog" || text == kNotifySocket;
}

Abi native_abi(std::uint16_t machine) {
  return machine == EM_AARCH64 ? Abi::kAarch64 : Abi::kX86_64;
}

std::string_view file_name(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool is_own_call(const LinkGraph& graph, std::uint32_t caller, std::string_view function) {
  return graph.is_c_library(graph.object_of(caller)) &&
         (!graph.is_static() || function.starts_with("__"));
}

Place argument_place(std::uint16_t machine, unsigned index) {
  // rdi, rsi, rdx, rcx, r8, r9: System V ABI, AMD64 supplement 1.0, 3.2.3; x0 to x5: AAPCS64.
  constexpr std::uint8_t kX86[] = {7, 6, 2, 1, 8, 9};
  Place place;
  place.reg = machine == EM_AARCH64 ? static_cast<std::uint8_t>(index) : kX86[index % 6];
  return place;
}

std::optional<std::string_view> Texts::at(std::uint32_t object, std::uint64_t vaddr) {
  const Summary& summary = objects_[object].summary;
  const auto [found, is_new] = sorted_.try_emplace(object);
  std::vector<std::pair<std::uint64_t, std::uint32_t>>& sorted = found->second;
  if (is_new) {
    sorted.reserve(summary.strings.size());
    for (const StringRef& string : summary.strings) sorted.emplace_back(string.vaddr, string.text);
    std::sort(sorted.begin(), sorted.end());
  }
  const auto text = std::lower_bound(sorted.begin(), sorted.end(), std::pair(vaddr, 0u));
  if (text == sorted.end() || text->first != vaddr) return std::nullopt;
  return text_of(summary, text->second);
}

TextArgument text_of_answer(Texts& texts, const Answer& answer) {
  TextArgument argument;
  argument.doubt = answer.doubt;
  for (const Known& known : answer.known) {
    if (known.object == kNone) {
      argument.numbers.push_back(known.number);
      // In a program that is loaded where it was linked addresses are numbers.
      if (known.number == 0 || known.number == UINT64_MAX) continue;
      const auto text = texts.at(0, known.number);
      if (text) argument.texts.emplace_back(*text);
      argument.other = argument.other || !text;
    } else if (const auto text = texts.at(known.object, known.number)) {
      argument.texts.emplace_back(*text);
    } else {
      argument.other = true;
    }
  }
  return argument;
}

TextArgument text_argument(LinkGraph& graph, Texts& texts, Numbers& numbers, std::uint32_t caller,
                           const CallSite& site, unsigned index) {
  const Place place = argument_place(graph.summary_of(caller).machine, index);
  return text_of_answer(texts, numbers.passed_at(caller, site, place));
}

std::vector<std::uint32_t> takers(LinkGraph& graph, const Reach& reach,
                                  const std::vector<std::uint32_t>& functions) {
  std::vector<std::uint32_t> found;
  const bool any_taken = std::any_of(functions.begin(), functions.end(), [&](std::uint32_t node) {
    return reach.entry(node) == Reach::Entry::kTaken;
  });
  if (!any_taken) return found;
  NodeSet wanted(graph.size(), 0);
  for (const std::uint32_t node : functions) wanted[node] = 1;
  for (const std::uint32_t node : reach.order()) {
    if (graph.is_c_library(graph.object_of(node)) && !graph.is_static()) continue;
    bool takes = false;
    graph.for_each_edge(node, [&](std::uint32_t to, LinkGraph::Edge edge) {
      takes |= edge == LinkGraph::Edge::kTaken && wanted[to] != 0;
    });
    if (takes) found.push_back(node);
  }
  return found;
}

}  // namespace sysnare
