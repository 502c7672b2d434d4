// Reads what an evidence file says of one call.

#include <map>
#include <set>

#include "arch/syscalls.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "evidence/evidence_read.h"

namespace sysnare {
namespace {

using json::Cursor;

constexpr unsigned kArgCount = 6;

bool is_errno_label(std::string_view name) {
  constexpr std::string_view kNameless = "errno_";
  if (name.starts_with(kNameless)) return parse_u64(name.substr(kNameless.size())).has_value();
  return errno_by_name(name).has_value();
}

Result<void> read_errors(const Cursor& object, CallEvidence& out) {
  auto members = object.members_of("errors");
  if (!members) return propagate(members);
  for (const auto& [name, at] : *members) {
    if (!is_errno_label(name)) return at.fail("\"{}\" is no errno", printable(name));
    Result<std::uint64_t> count = at.u64_or_hex();
    if (!count) return propagate(count);
    out.errors[name] = *count;
  }
  return {};
}

Result<void> read_sites(const Cursor& object, CallEvidence& out) {
  Result<std::vector<Cursor>> items = object.items_of("sites");
  if (!items) return propagate(items);
  for (const Cursor& item : *items) {
    Result<Cursor> module = item.at("module");
    if (!module) return propagate(module);
    Site site;
    std::uint64_t count = 0;
    Result<void> read = item.read("module", site.module);
    if (read) read = item.read("module_key", site.module_key);
    if (read) read = item.read("offset", site.offset);
    if (read) read = item.read("count", count);
    if (!read) return propagate(read);
    if (!out.sites.emplace(site, count).second) return item.fail("the site stands twice");
  }
  return {};
}

Result<void> read_stacks(const Cursor& object, CallEvidence& out) {
  Result<std::vector<Cursor>> items = object.items_of("stacks");
  if (!items) return propagate(items);
  if (items->size() > kMaxStacks) {
    return object.fail("{} stacks, at most {} are kept", items->size(), kMaxStacks);
  }
  for (const Cursor& item : *items) {
    Stack stack;
    Result<void> read = item.read("frames", stack.frames);
    if (read) read = item.read("count", stack.count);
    if (!read) return propagate(read);
    if (item.has("truncated")) {
      Result<bool> truncated = item.at("truncated")->boolean();
      if (!truncated) return propagate(truncated);
      stack.truncated = *truncated;
    }
    out.stacks.push_back(std::move(stack));
  }
  sort_stacks(out.stacks);
  return {};
}

Result<void> read_args(const Cursor& object, CallEvidence& out) {
  auto members = object.members_of("args");
  if (!members) return propagate(members);
  for (const auto& [key, at] : *members) {
    const auto index = parse_u64(key);
    if (!index || *index >= kArgCount) {
      return at.fail("argument \"{}\" is not within 0 to {}", printable(key), kArgCount - 1);
    }
    Result<std::vector<Cursor>> items = at.items();
    if (!items) return propagate(items);
    std::set<std::uint64_t> values;
    for (const Cursor& item : *items) {
      Result<std::uint64_t> value = item.u64_or_hex();
      if (!value) return propagate(value);
      values.insert(*value);
    }
    if (values.size() > kMaxArgValues) {
      return at.fail("{} values, a set has at most {}", values.size(), kMaxArgValues);
    }
    const auto place =
        out.args.try_emplace(static_cast<unsigned>(*index), values.begin(), values.end());
    if (!place.second) return at.fail("argument {} stands twice", *index);
  }
  return {};
}

Result<void> read_args_many(const Cursor& object, CallEvidence& out) {
  Result<std::vector<Cursor>> items = object.items_of("args_many");
  if (!items) return propagate(items);
  for (const Cursor& item : *items) {
    Result<std::uint64_t> index = item.u64(0, kArgCount - 1);
    if (!index) return propagate(index);
    if (out.args.contains(static_cast<unsigned>(*index))) {
      return item.fail("argument {} has a set in \"args\" too", *index);
    }
    out.args_many.insert(static_cast<unsigned>(*index));
  }
  return {};
}

Result<void> read_phases(const Cursor& object, CallEvidence& out) {
  if (!object.has("phases")) return {};
  const Cursor at = *object.at("phases");
  if (!at.is_object()) return at.fail("an object is needed here");
  PhaseCounts& phases = out.phases.emplace();
  Result<void> read = at.read("start", phases.start);
  if (read) read = at.read("steady", phases.steady);
  if (read && at.has("load")) read = at.read("load", phases.load.emplace());
  if (!read) return read;
  std::uint64_t sum = phases.start;
  if (__builtin_add_overflow(sum, phases.steady, &sum) ||
      __builtin_add_overflow(sum, phases.load.value_or(0), &sum) || sum > out.count) {
    return at.fail("more than the {} there were", plural(out.count, "call"));
  }
  return {};
}

Result<void> read_seen(const Cursor& object, CallEvidence& out) {
  for (const auto& [key, moment] :
       {std::pair("first_seen", &out.first_seen_ns), std::pair("last_seen", &out.last_seen_ns)}) {
    if (!object.has(key)) continue;
    std::string text;
    if (Result<void> read = object.read(key, text); !read) return read;
    *moment = timestamp_of(text);
    if (!*moment) {
      return object.at(key)->fail("\"{}\" is no time such as 2026-11-27T20:30:12.345Z",
                                  printable(text));
    }
  }
  if (out.first_seen_ns && out.last_seen_ns && *out.first_seen_ns > *out.last_seen_ns) {
    return object.fail("last_seen is before first_seen");
  }
  return {};
}

Result<void> read_time(const Cursor& object, CallEvidence& out) {
  if (!object.has("time")) return {};
  std::string text;
  if (Result<void> read = object.read("time", text); !read) return read;
  if (text != kTimeSampled && text != kTimeExact) {
    return object.at("time")->fail("\"{}\" is neither {} nor {}", printable(text), kTimeSampled,
                                   kTimeExact);
  }
  out.sampled = text == kTimeSampled;
  return {};
}

/// ABI and number, held against the name where there is one: a file that contradicts itself would
/// otherwise allow a call that its reader never saw in it.
Result<Call> read_call(const Cursor& object) {
  Result<Cursor> abi_at = object.at("abi");
  if (!abi_at) return propagate(abi_at);
  Result<std::string> abi_text = abi_at->string();
  if (!abi_text) return propagate(abi_text);
  const auto abi = abi_by_name(*abi_text);
  if (!abi) return abi_at->fail("\"{}\" is no ABI", printable(*abi_text));
  Result<Cursor> nr_at = object.at("nr");
  if (!nr_at) return propagate(nr_at);
  Result<std::uint64_t> nr = nr_at->u64(0, UINT32_MAX);
  if (!nr) return propagate(nr);
  const Call call{*abi, static_cast<std::uint32_t>(*nr)};
  const bool x32_bit = (call.nr & kX32Bit) != 0;
  if ((*abi == Abi::kX32 && !x32_bit) || (*abi == Abi::kX86_64 && x32_bit)) {
    return nr_at->fail("{} is no {} number: the bit {:#x} is set for x32 and only there", *nr,
                       abi_name(*abi), kX32Bit);
  }
  if (object.has("name")) {
    std::string name;
    Result<void> read = object.read("name", name);
    if (!read) return propagate(read);
    const std::string_view known = syscall_name(call);
    if (!known.empty() && known != name) {
      return object.at("name")->fail("{} number {} is {}, not \"{}\"", abi_name(*abi), *nr, known,
                                     printable(name));
    }
  }
  return call;
}

Result<CallEvidence> read_entry(const Cursor& object, std::uint64_t runs) {
  Result<Call> call = read_call(object);
  if (!call) return propagate(call);
  CallEvidence entry;
  entry.call = *call;
  if (object.has("origin")) {
    const Result<Cursor> at = object.at("origin");
    Result<std::string> text = at->string();
    if (!text) return propagate(text);
    const auto known = origin_by_name(*text);
    if (!known) {
      return at->fail("\"{}\" is no origin: there are launch, application, runtime, scan, io_uring",
                      printable(*text));
    }
    entry.origin = *known;
  }
  Result<void> read = object.read("count", entry.count);
  if (read) read = read_errors(object, entry);
  if (read) read = object.read("total_ns", entry.total_ns);
  if (read) read = object.read("max_ns", entry.max_ns);
  if (read && object.has("min_ns")) read = object.read("min_ns", entry.min_ns.emplace());
  if (read) read = read_time(object, entry);
  if (read) read = object.read("runs_seen", entry.runs_seen, runs);
  if (read) read = object.read("first_run", entry.first_run, runs);
  if (read) read = read_sites(object, entry);
  if (read) read = read_stacks(object, entry);
  if (read) read = read_args(object, entry);
  if (read) read = read_args_many(object, entry);
  if (read) read = read_phases(object, entry);
  if (read) read = read_seen(object, entry);
  if (read) read = read_reachable(object, entry.reachable);
  if (read) read = read_chain(object, "why", entry.why);
  if (!read) return propagate(read);
  for (const char* key : {"reachable", "why"}) {
    if (entry.origin == Origin::kScan || !object.has(key)) continue;
    return object.at(key)->fail("only a call of origin scan has this, not one of origin {}",
                                origin_name(entry.origin));
  }
  if (entry.error_count() > entry.count) {
    return object.fail("errors: {} of {}, more than there were", entry.error_count(),
                       plural(entry.count, "call"));
  }
  return entry;
}

}  // namespace

/// In a map first: a file may hold millions of calls in any order, and each one that is put into
/// its place in a vector moves all behind it.
Result<std::vector<CallEvidence>> read_calls(const Cursor& object, std::uint64_t runs) {
  Result<Cursor> at = object.at("calls");
  if (!at) return propagate(at);
  Result<std::vector<Cursor>> objects = at->items();
  if (!objects) return propagate(objects);
  std::map<std::pair<Call, Origin>, CallEvidence> calls;
  for (const Cursor& each : *objects) {
    Result<CallEvidence> entry = read_entry(each, runs);
    if (!entry) return propagate(entry);
    const Call call = entry->call;
    const Origin origin = entry->origin;
    if (!calls.try_emplace({call, origin}, std::move(*entry)).second) {
      return each.fail("{} of {} with origin {} stands twice", call_label(call), abi_name(call.abi),
                       origin_name(origin));
    }
  }
  std::vector<CallEvidence> sorted;
  sorted.reserve(calls.size());
  for (auto& [key, entry] : calls) sorted.push_back(std::move(entry));
  return sorted;
}

}  // namespace sysnare
