#include "scan/opens.h"

#include <fmt/core.h>

#include <algorithm>
#include <tuple>
#include <unordered_set>

#include "scan/known_loads.h"
#include "scan/names.h"
#include "scan/plug_in_users.h"
#include "scan/plug_ins.h"

namespace sysnare {
namespace {

/// "libgcc_s.so.1": no pattern for printf, no message.
bool is_library_name(std::string_view text) {
  const std::string_view name = file_name(text);
  const std::size_t mark = name.find(".so");
  if (!name.starts_with("lib") || mark == std::string_view::npos) return false;
  // Behind it nothing, or a version: "libc.so." is what a name begins with.
  const std::string_view behind = name.substr(mark + 3);
  const bool whole = behind.empty() || (behind.size() > 1 && behind[0] == '.' && behind[1] >= '0' &&
                                        behind[1] <= '9');
  return whole && text.find_first_of("% :\n") == std::string_view::npos;
}

/// Every name that an object is known by which is loaded from the start.
std::unordered_set<std::string_view> names_of(const std::vector<LoadedObject>& objects) {
  std::unordered_set<std::string_view> names;
  for (const LoadedObject& object : objects) {
    // An opened one may not have been opened yet when another is asked for by the same name.
    if (object.role == LoadedObject::Role::kOpened) continue;
    names.insert(object.path);
    names.insert(file_name(object.path));
    names.insert(text_of(object.summary, object.summary.soname));
  }
  return names;
}

class Finder {
 public:
  Finder(LinkGraph& graph, const Reach& reach, Numbers& numbers)
      : graph_(graph),
        reach_(reach),
        numbers_(numbers),
        texts_(graph.objects()),
        names_(names_of(graph.objects())) {}

  void find_dlopen();
  void find_nameless_dlopen();
  [[nodiscard]] bool is_hook(std::uint32_t node) const;
  void find_unknown_dlsym();
  void find_named_services();
  void find_converter_path();
  void find_own();
  void find_linker();
  Opens take();

 private:
  bool is_known_load(std::uint32_t node);
  bool is_plug_in(std::uint32_t node, const Doubt& doubt);
  std::string who_names(const PlugIns& plug_ins, std::uint32_t node);
  void want(std::string name, std::uint32_t node, Asker asker);
  void want(std::string name, std::uint32_t node) {
    want(std::move(name), node, asker_of(graph_.objects()[graph_.object_of(node)]));
  }
  void open_point(std::uint32_t node, std::string reason);

  LinkGraph& graph_;
  const Reach& reach_;
  Numbers& numbers_;
  Texts texts_;
  std::unordered_set<std::string_view> names_;
  Opens opens_;
};

void Finder::want(std::string name, std::uint32_t node, Asker asker) {
  opens_.openers.push_back(node);
  if (names_.contains(name)) return;
  const Reason by = graph_.reason(node);
  opens_.wanted.push_back({std::move(name), by.object, by.function, std::move(asker)});
}

void Finder::open_point(std::uint32_t node, std::string reason) {
  OpenPoint point;
  point.kind = "dlopen";
  const Reason by = graph_.reason(node);
  point.object = by.object;
  point.function = by.function;
  point.reason = std::move(reason);
  for (const std::uint32_t step : reach_.chain(node).nodes)
    point.why.push_back(graph_.reason(step));
  opens_.openers.push_back(node);
  opens_.open.push_back(std::move(point));
}

/// Who tells the loader a name that is not known; empty: nobody.
std::string Finder::who_names(const PlugIns& plug_ins, std::uint32_t node) {
  for (const PlugInName& name : plug_ins.names) {
    if (name.function.empty()) continue;
    for (const std::uint32_t function : graph_.named(name.function)) {
      if (!reach_.live(function)) continue;
      if (is_given_away(graph_, reach_, plug_ins, function)) {
        return fmt::format("anybody may call {}", name.function);
      }
      for (const Numbers::Caller& caller : numbers_.callers(function)) {
        if (is_part_of(graph_, plug_ins, caller.node)) continue;
        const std::string who =
            fmt::format("{} by {}", graph_.describe(caller.node), name.function);
        if (name.argument == PlugInName::kUntold) return who;
        const TextArgument text = text_argument(graph_, texts_, numbers_, caller.node, *caller.site,
                                                static_cast<unsigned>(name.argument));
        if (text.unknown()) return who;
        for (const std::string& each : text.texts) {
          // Without a directory it is one of those where plug-ins are.
          const bool is_path = each.find('/') != std::string::npos;
          want(is_path ? each : fmt::format("{}{}:{}", kPlugInRequest, plug_ins.object, each),
               node);
        }
      }
    }
  }
  return {};
}

/// Whether what `node` loads, by a name that its code does not tell, is known all the same.
bool Finder::is_plug_in(std::uint32_t node, const Doubt& doubt) {
  for (const std::uint32_t each : {node, doubt.node}) {
    if (each == kNone) continue;
    const PlugIns* plug_ins = plug_ins_of(graph_.objects()[graph_.object_of(each)]);
    if (plug_ins == nullptr) continue;
    if (!is_started(graph_, reach_, numbers_, *plug_ins)) return true;
    want(fmt::format("{}{}", kPlugInRequest, plug_ins->object), each);
    if (plug_ins->any_name) return false;
    const std::string who = who_names(*plug_ins, each);
    if (!who.empty()) {
      want(fmt::format("{}{}:{}", kPlugInRequest, plug_ins->object, kAllPlugIns), each);
      open_point(node, fmt::format("it loads what it is told: {}; naming the objects that it loads "
                                   "closes it",
                                   who));
    }
    return true;
  }
  return false;
}

/// Whether its source says what the function `node` loads by the names that it puts together.
bool Finder::is_known_load(std::uint32_t node) {
  const KnownLoad* known = known_load_of(graph_, node);
  if (known == nullptr || known->by_texts) return false;
  for (std::string& name : names_of(*known, graph_, node)) want(std::move(name), node);
  return true;
}

void Finder::find_dlopen() {
  std::vector<std::uint32_t> all;
  for (const Opener& opener : kOpeners) {
    for (const std::uint32_t function : graph_.library_functions(opener.name)) {
      all.push_back(function);
      for (const Numbers::Caller& caller : numbers_.callers(function)) {
        if (is_own_call(graph_, caller.node, opener.name)) continue;
        const Place place = argument_place(graph_.summary_of(caller.node).machine, opener.argument);
        const Answer& answer = numbers_.passed_at(caller.node, *caller.site, place);
        const TextArgument name = text_of_answer(texts_, answer);
        for (const std::string& text : name.texts) want(text, caller.node);
        if (!name.unknown() || is_known_load(caller.node) || is_plug_in(caller.node, name.doubt))
          continue;
        const std::string why = name.doubt.kind == Doubt::Kind::kNothing
                                    ? "the name is at an address where no text is known"
                                    : numbers_.explain(name.doubt);
        open_point(caller.node,
                   fmt::format("it loads an object by a name that is not constant: {}; naming the "
                               "objects that it loads closes it",
                               why));
      }
    }
  }
  for (const std::uint32_t node : takers(graph_, reach_, all)) {
    if (is_hook(node)) continue;
    open_point(node,
               "it takes the address of dlopen, so any object may be loaded; naming the objects "
               "that it loads closes it");
  }
}

/// Whether it is what a static program gives the dynamic linker of the libraries that it opens, to
/// do in their stead what they are asked for (_dlfcn_hook, elf/rtld_static_init.c of glibc 2.36):
/// who asks them is looked at by itself.
bool Finder::is_hook(std::uint32_t node) const {
  return graph_.is_static() && graph_.object_of(node) == 0 && graph_.function(node) == nullptr &&
         graph_.symbol(node) == "_dlfcn_hook";
}

/// In a static program without symbols dlopen is told by what it says of its arguments, and its
/// callers by a call: its address stands in _dlfcn_hook too.
void Finder::find_nameless_dlopen() {
  if (!graph_.is_static()) return;
  NodeSet is_dlopen(graph_.size(), 0);
  for (const std::uint32_t node : reach_.order()) {
    const Function* function = graph_.function(node);
    if (function == nullptr || graph_.object_of(node) != 0 || !graph_.symbol(node).empty())
      continue;
    const Summary& summary = graph_.objects()[0].summary;
    for (const StringRef& string : cut(summary.strings, function->strings)) {
      if (is_said_by_dlopen(text_of(summary, string.text))) is_dlopen[node] = 1;
    }
  }
  NodeSet leads(graph_.size(), 0);
  for (const std::uint32_t node : reach_.order()) {
    if (graph_.function(node) == nullptr) continue;
    graph_.for_each_edge(node, [&](std::uint32_t to, LinkGraph::Edge) {
      if (is_dlopen[to] != 0) leads[node] = 1;
    });
  }
  for (const std::uint32_t node : reach_.order()) {
    if (graph_.function(node) == nullptr) continue;
    bool opens = false;
    graph_.for_each_edge(node, [&](std::uint32_t to, LinkGraph::Edge) {
      opens |= leads[to] != 0 && leads[node] == 0;
    });
    if (!opens) continue;
    open_point(node,
               "it calls dlopen in a program without symbols, so any object may be loaded; naming "
               "the objects that it loads closes it");
  }
}

/// What is asked for by an unknown name can be another's than of an object that was opened: what
/// that needs, the C library above all, or everything.
void Finder::find_unknown_dlsym() {
  std::vector<std::uint32_t> all;
  for (const std::string_view finder : kFinders) {
    for (const std::uint32_t function : graph_.library_functions(finder)) {
      all.push_back(function);
      for (const Numbers::Caller& caller : numbers_.callers(function)) {
        if (is_own_call(graph_, caller.node, finder)) continue;
        // What a loader looks up is said in its row.
        if (knowing_loader(graph_, reach_, numbers_, caller.node) != nullptr) continue;
        const KnownLoad* known = known_load_of(graph_, caller.node);
        if (known != nullptr && known->looks_up()) continue;
        if (!text_argument(graph_, texts_, numbers_, caller.node, *caller.site, 1).unknown())
          continue;
        open_point(
            caller.node,
            "it looks up a symbol by a name that is not constant, in an object and all that it "
            "needs; a recording that covers it shows what it calls");
      }
    }
  }
  // A static program has symbols of what it opens alone, and that is an open point of its own.
  if (graph_.is_static()) return;
  for (const std::uint32_t node : takers(graph_, reach_, all)) {
    if (knowing_loader(graph_, reach_, numbers_, node) != nullptr) continue;
    open_point(node,
               "it takes the address of dlsym, so any symbol may be looked up; a recording that "
               "covers it shows what it calls");
  }
}

/// Who says itself which name services are asked, in place of nsswitch.conf (getent -s).
void Finder::find_named_services() {
  const std::vector<std::uint32_t> names = graph_.library_functions("__nss_configure_lookup");
  std::vector<std::uint32_t> who = takers(graph_, reach_, names);
  for (const std::uint32_t function : names) {
    for (const Numbers::Caller& caller : numbers_.callers(function)) {
      if (!is_own_call(graph_, caller.node, "__nss_configure_lookup")) who.push_back(caller.node);
    }
  }
  std::sort(who.begin(), who.end());
  who.erase(std::unique(who.begin(), who.end()), who.end());
  for (const std::uint32_t node : who) {
    open_point(node,
               "it names the name services that are loaded (__nss_configure_lookup); naming their "
               "libraries closes it");
  }
}

/// Who names the variable that says where converters of character sets are. One that is set by a
/// name that is not constant is taken to be another. The C library itself asks for it: in a static
/// program, where all is one object, it is told by who sets a variable.
void Finder::find_converter_path() {
  std::vector<std::uint32_t> setters = graph_.library_functions("setenv");
  const std::vector<std::uint32_t> others = graph_.library_functions("putenv");
  setters.insert(setters.end(), others.begin(), others.end());
  const auto sets = [&](std::uint32_t node) {
    bool found = false;
    graph_.for_each_edge(node, [&](std::uint32_t to, LinkGraph::Edge) {
      found = found || std::find(setters.begin(), setters.end(), to) != setters.end();
    });
    return found;
  };
  for (const std::uint32_t node : reach_.order()) {
    const Function* function = graph_.function(node);
    if (function == nullptr) continue;
    const bool own = graph_.is_c_library(graph_.object_of(node));
    if (own && !graph_.is_static()) continue;
    const Summary& summary = graph_.summary_of(node);
    const std::span<const StringRef> strings = cut(summary.strings, function->strings);
    const bool names = std::any_of(strings.begin(), strings.end(), [&](const StringRef& string) {
      return text_of(summary, string.text).starts_with(kConverterPath);
    });
    if (!names || (own && !sets(node))) continue;
    open_point(node,
               "it says where converters of character sets are loaded from (GCONV_PATH); naming "
               "them closes it");
  }
}

void Finder::find_own() {
  for (const std::uint32_t node : reach_.order()) {
    const Function* function = graph_.function(node);
    if (function == nullptr || function->strings.count == 0) continue;
    const std::uint32_t object = graph_.object_of(node);
    if (!graph_.is_c_library(object)) continue;
    const Summary& summary = graph_.objects()[object].summary;
    for (const StringRef& string : cut(summary.strings, function->strings)) {
      const std::string_view text = text_of(summary, string.text);
      if (text.find("libnss_") != std::string_view::npos) {
        want("nss:", node, {Asker::Kind::kNameService});
      } else if (text.find("gconv") != std::string_view::npos) {
        want("gconv:", node, {Asker::Kind::kConverter});
      } else if (is_library_name(text)) {
        want(std::string(text), node, {Asker::Kind::kCLibrary});
      }
    }
  }
}

/// The dynamic linker as a program runs the one that it is given (elf/rtld.c, glibc 2.36; musl's
/// ldso/dynlink.c).
void Finder::find_linker() {
  const LoadedObject& program = graph_.objects().front();
  const std::string_view name = file_name(program.path);
  if (!name.starts_with("ld-linux") && !name.starts_with("ld-musl")) return;
  const std::uint32_t entry = function_covering(program.summary, program.summary.entry);
  if (program.summary.entry == 0 || entry == kNone) return;
  open_point(graph_.node_of_function(0, entry),
             "it runs the program that it is told; scanning that one closes it");
}

Opens Finder::take() {
  // One name may be found at one place for this object, and at another for that one.
  const auto key = [](const OpenRequest& request) {
    return std::tie(request.name, request.object, request.asker);
  };
  std::stable_sort(opens_.wanted.begin(), opens_.wanted.end(),
                   [&](const OpenRequest& a, const OpenRequest& b) { return key(a) < key(b); });
  const auto same = [&](const OpenRequest& a, const OpenRequest& b) { return key(a) == key(b); };
  opens_.wanted.erase(std::unique(opens_.wanted.begin(), opens_.wanted.end(), same),
                      opens_.wanted.end());
  return std::move(opens_);
}

}  // namespace

Call call_of(const SyscallSite& site, std::uint64_t number) {
  const auto nr = static_cast<std::uint32_t>(number);
  return {abi_of(audit_arch(site.abi), nr).value_or(site.abi), nr};
}

Opens find_opens(LinkGraph& graph, const Reach& reach, Numbers& numbers,
                 const std::vector<LiveSite>& sites) {
  Finder finder(graph, reach, numbers);
  finder.find_dlopen();
  finder.find_nameless_dlopen();
  finder.find_unknown_dlsym();
  finder.find_named_services();
  finder.find_converter_path();
  finder.find_own();
  finder.find_linker();
  Opens opens = finder.take();
  opens.execs = find_execs(graph, reach, numbers, sites);
  return opens;
}

}  // namespace sysnare
