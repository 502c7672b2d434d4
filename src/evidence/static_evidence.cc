#include "evidence/static_evidence.h"

#include <algorithm>
#include <tuple>

namespace sysnare {
namespace {

auto key_of(const StaticSite& site) { return std::tie(site.site, site.abi); }
auto key_of(const StaticOpen& open) {
  return std::tie(open.kind, open.object, open.function, open.offset, open.reason);
}
const StaticExec& key_of(const StaticExec& exec) { return exec; }
const StaticObject& key_of(const StaticObject& object) { return object; }

void join(StaticSite& into, StaticSite& more) {
  into.nrs.insert(into.nrs.end(), more.nrs.begin(), more.nrs.end());
  into.any = into.any || more.any;
  into.reachable |= more.reachable;
  if (into.function.empty()) into.function = std::move(more.function);
}
void join(StaticOpen& into, StaticOpen& more) {
  Chain shorter = shorter_chain(into.why, more.why);
  into.why = std::move(shorter);
}
void join(StaticExec&, StaticExec&) {}
void join(StaticObject&, StaticObject&) {}

template <typename T>
void order(std::vector<T>& all) {
  std::stable_sort(all.begin(), all.end(),
                   [](const T& a, const T& b) { return key_of(a) < key_of(b); });
  std::size_t kept = 0;
  for (std::size_t i = 1; i < all.size(); ++i) {
    if (key_of(all[kept]) == key_of(all[i])) {
      join(all[kept], all[i]);
    } else if (++kept != i) {
      all[kept] = std::move(all[i]);
    }
  }
  if (!all.empty()) all.resize(kept + 1);
}

template <typename T>
void append(std::vector<T>& into, const std::vector<T>& more) {
  into.insert(into.end(), more.begin(), more.end());
}

}  // namespace

std::optional<std::uint8_t> reachable_by_name(std::string_view name) {
  for (const auto& [bit, known] : kReachableNames) {
    if (known == name) return bit;
  }
  return std::nullopt;
}

std::string reachable_text(std::uint8_t phases) {
  std::string text;
  for (const auto& [bit, name] : kReachableNames) {
    if ((phases & bit) == 0) continue;
    if (!text.empty()) text += ", ";
    text += name;
  }
  return text;
}

std::size_t StaticEvidence::execs_open() const {
  return static_cast<std::size_t>(
      std::count_if(execs.begin(), execs.end(), [](const auto& exec) { return !exec.path; }));
}

void put_in_order(StaticEvidence& evidence) {
  order(evidence.objects);
  order(evidence.sites);
  order(evidence.open);
  order(evidence.execs);
  for (StaticSite& site : evidence.sites) {
    std::sort(site.nrs.begin(), site.nrs.end());
    site.nrs.erase(std::unique(site.nrs.begin(), site.nrs.end()), site.nrs.end());
  }
}

void merge_static(StaticEvidence& into, const StaticEvidence& more) {
  append(into.objects, more.objects);
  append(into.sites, more.sites);
  append(into.open, more.open);
  append(into.execs, more.execs);
  put_in_order(into);
}

const Chain& shorter_chain(const Chain& a, const Chain& b) {
  if (a.empty()) return b;
  if (b.empty()) return a;
  if (a.size() != b.size()) return a.size() < b.size() ? a : b;
  return b < a ? b : a;
}

}  // namespace sysnare
