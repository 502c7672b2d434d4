#pragma once
// How do the parts of an evidence file become evidence? For the .cc files of this room.
//
// Each reader takes the cursor of the object that the part stands in, fills `out` and gives the
// first mistake (kBadInput naming file, line, JSON path, value and what is allowed).

#include <cstdint>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "evidence/evidence.h"

namespace sysnare {

/// `calls` of `object`, sorted; of a file of `runs` runs.
Result<std::vector<CallEvidence>> read_calls(const json::Cursor& object, std::uint64_t runs);

/// The keys of a scan beside its calls; `out` stays empty where `open` is missing.
Result<void> read_scanned(const json::Cursor& top, std::optional<StaticEvidence>& out);

/// `key` of `object`, a list of steps.
Result<void> read_chain(const json::Cursor& object, std::string_view key, Chain& out);
/// `reachable` of `object`, a list of names.
Result<void> read_reachable(const json::Cursor& object, std::uint8_t& out);

}  // namespace sysnare
