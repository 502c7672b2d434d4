#pragma once
// What the analysis of an object has found, before it is laid flat (scan/lay_flat.h).

#include <cstdint>
#include <string_view>
#include <vector>

#include "scan/function_facts.h"
#include "scan/object_map.h"

namespace sysnare {

struct Findings {
  std::vector<FunctionFacts> functions;  ///< as in the object's FunctionTable
  std::vector<std::uint8_t> asking;      ///< what is found there depends on what callers pass
  std::vector<std::uint8_t> held;        ///< as Function has it
  bool has_held = false;
  std::vector<std::vector<Rewrite>> rewrites;  ///< by function
};

/// Whether what a function of that name is passed says what is loaded, executed or called.
bool is_telling(std::string_view name);
/// Whether it matters what callers pass to a function of that name, whatever it does with that.
bool is_asked(std::string_view name);
/// Whether some of `values` come from the caller.
bool depends_on_caller(const std::vector<Value>& values);
/// The function of this object that a call of `target` leads to, also by its exported name; kNone:
/// there is none.
std::uint32_t own_function(const ObjectMap& map, const Target& target);
/// Whether what the call passes can matter.
bool is_heard(const ObjectMap& map, const Findings& findings, const CallFact& call);
/// Whether only a call that is heard keeps `fact`: another object is not told what a caller passes.
bool is_for_heard_alone(const PassedFact& fact);
/// Of the dynamic linker it matters which functions it passes to others of its own: scan/phases.h.
bool is_linker(const ObjectMap& map);

}  // namespace sysnare
