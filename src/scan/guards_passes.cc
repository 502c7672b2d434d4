// LLVM's passes are run by managers of passes.
//
// LLVM 14: a pass is run by legacy::PassManager::run and legacy::FunctionPassManager::run
// (lib/IR/LegacyPassManager.cpp), which programs and a few functions of the library call:
// code generators, link-time optimisation, lint. Whoever registers passes or makes a machine of the
// target has all of them in his tables of virtual functions, and most of LLVM's tools never run
// one. Two things are put to sleep until somebody calls a manager:
//
// - A pass that loads something. X86LoadValueInjectionLoadHardeningPass::runOnMachineFunction
//   (lib/Target/X86/X86LoadValueInjectionLoadHardening.cpp) loads what the option
//   -x86-lvi-load-opt-plugin names, and asks it for "optimize_cut".
// - A pass that runs others: its call of a manager is no first one. These are Polly's
//   PollyCanonicalize::runOnModule (polly/lib/Transform/Canonicalization.cpp) and
//   CodegenCleanup::runOnFunction (polly/lib/Transform/CodegenCleanup.cpp), PlaceSafepoints and
//   CoroCleanup of Scalar and Coroutines.
//
// That it is a method of a pass is told by this: no code refers to it, and nothing but tables of
// virtual functions that have those of llvm::Pass. Taken for granted: nobody calls such a method by
// hand. A machine's pass asks its manager for what it knows of the module before anything else
// (lib/CodeGen/MachineFunctionPass.cpp).

#include <algorithm>
#include <iterator>

#include "scan/guards.h"
#include "scan/parts.h"

namespace sysnare {
namespace {

/// The last two are called by the first two, where these are not inlined.
constexpr std::string_view kRuns[] = {
    "_ZN4llvm6legacy11PassManager3runERNS_6ModuleE",
    "_ZN4llvm6legacy19FunctionPassManager3runERNS_8FunctionE",
    "_ZN4llvm6legacy15PassManagerImpl3runERNS_6ModuleE",
    "_ZN4llvm6legacy23FunctionPassManagerImpl3runERNS_8FunctionE"};
/// Overridden by passes that are managers themselves, and by no other.
constexpr std::string_view kOfPasses = "_ZN4llvm4Pass18getAsPMDataManagerEv";
constexpr std::string_view kPlugInOfPass = "optimize_cut";

bool has(const std::vector<std::uint32_t>& sorted, std::uint32_t node) {
  return std::binary_search(sorted.begin(), sorted.end(), node);
}

}  // namespace

void Guards::find_passes() {
  for (const std::uint32_t object : objects_with(kRuns[0], "libLLVM-14.so.1")) {
    Guard guard;
    guard.keys.assign(std::begin(kRuns), std::end(kRuns));
    guard.asleep = methods_of_passes(object);
    add(std::move(guard));
  }
}

/// Those that load something or run a manager.
std::vector<std::uint32_t> Guards::methods_of_passes(std::uint32_t object) {
  const std::uint32_t of_passes = named_in(object, kOfPasses);
  if (of_passes == kNone) return {};
  std::vector<std::uint32_t> own;
  for (const std::string_view name : kRuns) {
    if (const std::uint32_t node = named_in(object, name); node != kNone) own.push_back(node);
  }
  const Summary& summary = graph_.objects()[object].summary;
  const auto runs = [&](const Target& target) {
    if (target.kind == Target::Kind::kImport) {
      const std::string_view name = text_of(summary, summary.imports[target.index].name);
      return std::find(std::begin(kRuns), std::end(kRuns), name) != std::end(kRuns);
    }
    const std::uint32_t node = graph_.node_of_function(object, target.index);
    return std::find(own.begin(), own.end(), node) != own.end();
  };
  std::vector<std::uint32_t> found;
  for (std::uint32_t i = 0; i < summary.functions.size(); ++i) {
    const auto strings = cut(summary.strings, summary.functions[i].strings);
    const auto calls = cut(summary.calls, summary.functions[i].calls);
    const bool loads = std::any_of(strings.begin(), strings.end(), [&](const StringRef& string) {
      return text_of(summary, string.text) == kPlugInOfPass;
    });
    const bool is_manager = std::any_of(calls.begin(), calls.end(),
                                        [&](const CallSite& call) { return runs(call.target); });
    if (loads || is_manager) found.push_back(graph_.node_of_function(object, i));
  }

  // Ruled out: what is exported, what code refers to, and what stands in other tables.
  std::vector<std::uint32_t> others;
  const auto add_targets = [&](std::uint32_t node) {
    graph_.for_each_target(node, [&](const Target& target) {
      if (target.kind != Target::Kind::kFunction) return;
      const std::uint32_t to = graph_.node_of_function(object, target.index);
      if (to != node && has(found, to)) others.push_back(to);
    });
  };
  for (std::uint32_t i = 0; i < summary.functions.size(); ++i)
    add_targets(graph_.node_of_function(object, i));
  for (std::uint32_t i = 0; i < summary.chunks.size(); ++i) {
    const std::uint32_t node = graph_.node_of_chunk(object, i);
    bool is_of_passes = false;
    graph_.for_each_target(node, [&](const Target& target) {
      is_of_passes |= target.kind == Target::Kind::kFunction &&
                      graph_.node_of_function(object, target.index) == of_passes;
    });
    if (!is_of_passes) add_targets(node);
  }
  for (const Export& symbol : summary.exports) {
    if (symbol.target.kind == Target::Kind::kFunction)
      others.push_back(graph_.node_of_function(object, symbol.target.index));
  }
  std::sort(others.begin(), others.end());
  std::erase_if(found, [&](std::uint32_t node) { return has(others, node); });
  return found;
}

}  // namespace sysnare
