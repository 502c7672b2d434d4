// Reads what an evidence file has of a scan.

#include "base/text.h"
#include "evidence/evidence_read.h"

namespace sysnare {
namespace {

using json::Cursor;

Result<void> read_site(const Cursor& item, StaticSite& site) {
  Result<Cursor> module = item.at("module");
  if (!module) return propagate(module);
  Result<void> read = item.read("module", site.site.module);
  if (read) read = item.read("module_key", site.site.module_key);
  if (read) read = item.read("offset", site.site.offset);
  if (read) read = item.read("function", site.function);
  if (read) read = read_reachable(item, site.reachable);
  if (!read) return read;
  std::string abi;
  if (read = item.read("abi", abi); !read) return read;
  if (!abi.empty()) {
    const std::optional<Abi> known = abi_by_name(abi);
    if (!known) return item.at("abi")->fail("\"{}\" is no ABI", printable(abi));
    site.abi = *known;
  }
  // Without either the site would pass for one that makes no call.
  Result<Cursor> nrs_at = item.at("nrs");
  if (!nrs_at) return propagate(nrs_at);
  Result<std::vector<Cursor>> nrs = nrs_at->items();
  if (!nrs) return propagate(nrs);
  for (const Cursor& each : *nrs) {
    Result<std::uint64_t> nr = each.u64(0, UINT32_MAX);
    if (!nr) return propagate(nr);
    site.nrs.push_back(static_cast<std::uint32_t>(*nr));
  }
  Result<Cursor> any_at = item.at("any");
  if (!any_at) return propagate(any_at);
  Result<bool> any = any_at->boolean();
  if (!any) return propagate(any);
  site.any = *any;
  return {};
}

Result<void> read_open(const Cursor& item, StaticOpen& open) {
  if (!item.is_object()) return item.fail("an object is needed here");
  Result<void> read = item.read("kind", open.kind);
  if (read) read = item.read("object", open.object);
  if (read) read = item.read("function", open.function);
  if (read) read = item.read("offset", open.offset);
  if (read) read = item.read("reason", open.reason);
  if (read) read = read_chain(item, "why", open.why);
  return read;
}

Result<void> read_exec(const Cursor& item, StaticExec& exec) {
  if (!item.is_object()) return item.fail("an object is needed here");
  Result<void> read;
  if (item.has("path")) read = item.read("path", exec.path.emplace());
  if (read) read = item.read("object", exec.object);
  if (read) read = item.read("function", exec.function);
  return read;
}

Result<void> read_object(const Cursor& item, StaticObject& object) {
  Result<Cursor> path = item.at("path");
  if (!path) return propagate(path);
  Result<void> read = item.read("path", object.path);
  if (read) read = item.read("module_key", object.module_key);
  if (read) read = item.read("role", object.role);
  if (read) read = item.read("why", object.why);
  return read;
}

template <typename T>
Result<void> read_list(const Cursor& top, std::string_view key, std::vector<T>& out,
                       Result<void> (*read_one)(const Cursor&, T&)) {
  Result<std::vector<Cursor>> items = top.items_of(key);
  if (!items) return propagate(items);
  out.reserve(items->size());
  for (const Cursor& item : *items) {
    T one;
    if (Result<void> read = read_one(item, one); !read) return read;
    out.push_back(std::move(one));
  }
  return {};
}

}  // namespace

Result<void> read_chain(const Cursor& object, std::string_view key, Chain& out) {
  Result<std::vector<Cursor>> items = object.items_of(key);
  if (!items) return propagate(items);
  for (const Cursor& item : *items) {
    if (!item.is_object()) return item.fail("an object is needed here");
    ChainStep step;
    Result<void> read = item.read("object", step.object);
    if (read) read = item.read("function", step.function);
    if (!read) return read;
    out.push_back(std::move(step));
  }
  return {};
}

Result<void> read_reachable(const Cursor& object, std::uint8_t& out) {
  Result<std::vector<Cursor>> items = object.items_of("reachable");
  if (!items) return propagate(items);
  for (const Cursor& item : *items) {
    Result<std::string> name = item.string();
    if (!name) return propagate(name);
    const std::optional<std::uint8_t> bit = reachable_by_name(*name);
    if (!bit) {
      return item.fail("\"{}\" is no phase of a scan: there are load, main, error-only",
                       printable(*name));
    }
    out |= *bit;
  }
  return {};
}

Result<void> read_scanned(const Cursor& top, std::optional<StaticEvidence>& out) {
  if (!top.has("open")) {
    for (const char* key : {"execs", "objects", "sites"}) {
      if (!top.has(key)) continue;
      return top.at(key)->fail("a scan that does not say what stays `open`");
    }
    return {};
  }
  StaticEvidence scanned;
  Result<void> read = read_list(top, "open", scanned.open, read_open);
  if (read) read = read_list(top, "execs", scanned.execs, read_exec);
  if (read) read = read_list(top, "objects", scanned.objects, read_object);
  if (read) read = read_list(top, "sites", scanned.sites, read_site);
  if (!read) return read;
  put_in_order(scanned);
  out = std::move(scanned);
  return {};
}

}  // namespace sysnare
