#include "scan/scope.h"

#include <algorithm>
#include <bit>
#include <functional>

#include "scan/parts.h"

namespace sysnare {
namespace {

/// Where a search may look: in the objects that `inside` accepts, up to the first that has
/// something.
template <typename Inside>
void keep_first(const std::vector<Definition>& candidates, Inside inside,
                std::vector<Definition>& kept) {
  std::uint32_t found = kNone;
  for (const Definition& candidate : candidates) {
    if (!inside(candidate.object) || (found != kNone && candidate.object != found)) continue;
    found = candidate.object;
    if (std::find(kept.begin(), kept.end(), candidate) == kept.end()) kept.push_back(candidate);
  }
}

}  // namespace

Scope::Scope(const std::vector<LoadedObject>& objects) : objects_(objects) { fill_table(); }

void Scope::fill_table() {
  std::size_t count = 0;
  for (const LoadedObject& object : objects_) count += object.summary.exports.size();
  entries_.reserve(count);
  buckets_.assign(std::bit_ceil(count * 2 + 1), kNone);
  // The last first: each goes in at the head of its bucket, so that a walk meets the first first.
  for (std::size_t object = objects_.size(); object-- > 0;) {
    const Summary& summary = objects_[object].summary;
    for (std::size_t index = summary.exports.size(); index-- > 0;) {
      const std::string_view name = text_of(summary, summary.exports[index].name);
      if (name.empty()) continue;
      Entry entry;
      entry.hash = std::hash<std::string_view>()(name);
      entry.object = static_cast<std::uint32_t>(object);
      entry.index = static_cast<std::uint32_t>(index);
      std::uint32_t& head = buckets_[entry.hash & (buckets_.size() - 1)];
      entry.next = head;
      head = static_cast<std::uint32_t>(entries_.size());
      entries_.push_back(entry);
    }
  }
}

bool Scope::accepts(const Entry& entry, std::string_view version) const {
  if (version.empty()) return true;
  const Summary& summary = objects_[entry.object].summary;
  const std::string_view have = text_of(summary, summary.exports[entry.index].version);
  return have.empty() || have == version;
}

std::vector<Definition> Scope::all(std::string_view name) const {
  std::vector<Definition> found;
  const std::uint64_t hash = std::hash<std::string_view>()(name);
  for (std::uint32_t at = buckets_[hash & (buckets_.size() - 1)]; at != kNone;
       at = entries_[at].next) {
    const Entry& entry = entries_[at];
    if (entry.hash != hash) continue;
    const Summary& summary = objects_[entry.object].summary;
    if (text_of(summary, summary.exports[entry.index].name) != name) continue;
    found.push_back({entry.object, entry.index});
  }
  return found;
}

std::vector<Definition> Scope::lookup(std::uint32_t object, std::string_view name,
                                      std::string_view version) const {
  std::vector<Definition> candidates;
  const std::uint64_t hash = std::hash<std::string_view>()(name);
  for (std::uint32_t at = buckets_[hash & (buckets_.size() - 1)]; at != kNone;
       at = entries_[at].next) {
    const Entry& entry = entries_[at];
    if (entry.hash != hash || !accepts(entry, version)) continue;
    const Summary& summary = objects_[entry.object].summary;
    if (text_of(summary, summary.exports[entry.index].name) != name) continue;
    candidates.push_back({entry.object, entry.index});
  }
  std::vector<Definition> kept;
  if (candidates.empty()) return kept;
  if (objects_[object].summary.symbolic) {
    keep_first(
        candidates, [&](std::uint32_t other) { return other == object; }, kept);
    if (!kept.empty()) return kept;
  }
  const auto is_opened = [&](std::uint32_t other) {
    return objects_[other].role == LoadedObject::Role::kOpened;
  };
  keep_first(
      candidates, [&](std::uint32_t other) { return !is_opened(other); }, kept);
  // One that is opened finds names where it was opened first: in the list of whoever needs it, and
  // before that in all that was opened with RTLD_GLOBAL (dlopen(3)). Which came first nobody knows.
  if (is_opened(object)) {
    for (const Definition& each : candidates) {
      if (is_opened(each.object)) kept.push_back(each);
    }
  }
  if (kept.empty()) kept = candidates;
  return kept;
}

}  // namespace sysnare
