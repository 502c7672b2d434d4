#pragma once
// Which words of static data does an object ask for, and which of them does nobody write to but by
// their own address?
//
// A word is left out, and so not known, where something else may write to it: others that know its
// symbol, or whoever holds a pointer into the object that it belongs to. Which object that is says
// its symbol; without one, everything that lies before it in its section may be it. A pointer into
// an object may be used for all of it, also for what lies before (container_of()).
//
// Taken for granted: a word that holds a pointer, which code stores to by the word's own address,
// is no part of a larger object that begins more than 64 bytes before it.

#include <cstdint>
#include <functional>
#include <set>
#include <vector>

#include "scan/findings.h"

namespace sysnare {

std::set<std::uint64_t> known_static_words(const ObjectMap& map, const Findings& findings);
/// Tells of any word that holds a pointer whether nobody comes to it but by its own address. Both
/// must outlive it.
std::function<bool(std::uint64_t word)> lone_words(const ObjectMap& map, const Findings& findings);

}  // namespace sysnare
