// Reads the three dialects of seccomp JSON. Each reader below takes one object of the file; a key
// that none of them knows becomes a warning, so that nothing that was written is dropped silently.

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "arch/capabilities.h"
#include "arch/syscalls.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "profile/engine_arches.h"
#include "profile/import_readers.h"
#include "profile/oddities.h"
#include "profile/profile.h"

namespace sysnare {
namespace {

using json::Cursor;
using enum Oddity::Kind;

/// Largest text that is read as a profile. Docker's default has 18 kB and 10,000 entries have 1.5
/// MB; a filter of all that the kernel loads comes from far less. Reading 4 MiB of the dearest JSON
/// ("[0,0,0,...") takes about a second and 600 MB.
constexpr std::size_t kMaxProfileText = 4U << 20;

/// Most that Docker takes for each number of minKernel, which it reads as a byte.
constexpr std::uint64_t kMaxKernelNumber = UINT8_MAX;

// OCI runtime specification 1.2, config-linux.md, "flags".
constexpr std::string_view kFlags[] = {
    "SECCOMP_FILTER_FLAG_TSYNC",
    "SECCOMP_FILTER_FLAG_LOG",
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
};

/// "; allowed: a, b", with "; did you mean x?" in front where one is near.
std::string allowed_text(std::string_view word, const std::vector<std::string_view>& allowed) {
  const std::string_view near = nearest(word, allowed);
  const std::string hint = near.empty() ? "" : fmt::format(", did you mean {}?", near);
  return fmt::format("{} (allowed: {})", hint, fmt::join(allowed, ", "));
}

Failure unknown(const Cursor& at, std::string_view what, std::string_view word,
                const std::vector<std::string_view>& allowed) {
  return at.fail("unknown {} \"{}\"{}", what, printable(word), allowed_text(word, allowed));
}

class Reader {
 public:
  explicit Reader(Profile& profile) : profile_(profile), odd_(profile) {}

  void finish() { odd_.finish(); }

  Result<void> top(const Cursor& at) {
    if (Result<void> part = refuse_config(at); !part) return part;
    if (Result<void> known = odd_.add_unknown_keys(
            at, {"defaultAction", "defaultErrnoRet", "defaultErrno", "architectures", "archMap",
                 "flags", "listenerPath", "listenerMetadata", "syscalls"});
        !known) {
      return known;
    }
    Result<Cursor> default_action = at.at("defaultAction");
    if (!default_action) return propagate(default_action);
    Result<Action> action = read_action(*default_action);
    if (!action) return propagate(action);
    profile_.default_action = *action;
    profile_.default_action_line = default_action->value().line;
    Result<std::optional<std::uint32_t>> errno_ret =
        read_errno(at, "defaultErrnoRet", "defaultErrno", *action);
    if (!errno_ret) return propagate(errno_ret);
    profile_.default_errno_ret = *errno_ret;
    profile_.default_errno_by_name = *errno_ret && !at.has("defaultErrnoRet");

    if (Result<void> done = read_architectures(at); !done) return done;
    if (Result<void> done = read_arch_map(at); !done) return done;
    if (Result<void> done = read_flags(at); !done) return done;
    if (Result<void> done = read_text(at, "listenerPath", profile_.listener_path); !done) {
      return done;
    }
    if (Result<void> done = read_text(at, "listenerMetadata", profile_.listener_metadata); !done) {
      return done;
    }
    if (!at.has("syscalls")) return {};
    Result<Cursor> syscalls = at.at("syscalls");
    if (!syscalls) return propagate(syscalls);
    Result<std::vector<Cursor>> items = syscalls->items();
    if (!items) return propagate(items);
    for (const Cursor& item : *items) {
      Result<Entry> entry = read_entry(item);
      if (!entry) return propagate(entry);
      profile_.entries.push_back(std::move(*entry));
    }
    return {};
  }

 private:
  /// A whole config.json of a bundle is no profile. It is not read as one either: what is written
  /// back (lint --fix) would have lost the rest.
  static Result<void> refuse_config(const Cursor& at) {
    if (at.has("defaultAction") || !(at.has("ociVersion") || at.has("linux"))) return {};
    const Result<Cursor> linux = at.at("linux");
    if (linux && linux->has("seccomp")) {
      return at.at("linux")->at("seccomp")->fail(
          "this is a bundle's config.json, whose profile is this part alone; `jq .linux.seccomp` "
          "takes it out");
    }
    return at.fail(
        "this is a bundle's config.json, and it has no profile: there is no linux.seccomp");
  }

  static Result<void> read_text(const Cursor& at, std::string_view key, std::string& to) {
    if (!at.has(key)) return {};
    Result<Cursor> value = at.at(key);
    if (!value) return propagate(value);
    Result<std::string> text = value->string();
    if (!text) return propagate(text);
    to = std::move(*text);
    return {};
  }

  static Result<std::vector<Cursor>> items_of(const Cursor& at, std::string_view key) {
    if (!at.has(key)) return std::vector<Cursor>();
    Result<Cursor> value = at.at(key);
    if (!value) return propagate(value);
    return value->items();
  }

  static Result<Action> read_action(const Cursor& at) {
    Result<std::string> name = at.string();
    if (!name) return propagate(name);
    const std::optional<Action> action = action_by_name(*name);
    if (!action) return unknown(at, "action", *name, action_names());
    return *action;
  }

  /// errnoRet and Podman's name for the same; the two must agree.
  static Result<std::optional<std::uint32_t>> read_errno(const Cursor& at, std::string_view key,
                                                         std::string_view name_key, Action action) {
    const bool is_trace = action == Action::kTrace;
    const std::uint32_t limit = is_trace ? kMaxTraceMessage : kMaxErrno;
    std::optional<std::uint32_t> given;
    if (at.has(key)) {
      Result<Cursor> value = at.at(key);
      if (!value) return propagate(value);
      Result<std::uint64_t> number = value->u64(0, limit);
      if (!number) return propagate(number);
      given = static_cast<std::uint32_t>(*number);
    }
    if (at.has(name_key)) {
      Result<Cursor> value = at.at(name_key);
      if (!value) return propagate(value);
      Result<std::string> name = value->string();
      if (!name) return propagate(name);
      // Go writes the empty string where nothing was set.
      if (!name->empty()) {
        Result<std::uint32_t> named = errno_of_name(*value, *name);
        if (!named) return propagate(named);
        if (given && *given != *named) {
          return value->fail("\"{}\" is {}, but {} says {}", printable(*name), *named, key, *given);
        }
        given = named.value();
      }
    }
    if (given && action != Action::kErrno && !is_trace) {
      // config-linux.md: "When the action doesn't support an errno, the runtime MUST print and
      // error and fail."
      return at.fail("{} goes with SCMP_ACT_ERRNO and SCMP_ACT_TRACE only, not with {}", key,
                     action_name(action));
    }
    return given;
  }

  static Result<std::uint32_t> errno_of_name(const Cursor& at, const std::string& name) {
    // Kernel-internal numbers have names in our table, but no program may see them.
    constexpr int kFirstInternal = 512;
    if (const auto number = errno_by_name(name); number && *number < kFirstInternal) {
      return static_cast<std::uint32_t>(*number);
    }
    if (const auto number = parse_u64(name); number && *number <= kMaxErrno) {
      return static_cast<std::uint32_t>(*number);
    }
    return at.fail("unknown errno \"{}\" (allowed: a name such as EPERM or ENOSYS, or 0 to {})",
                   printable(name), kMaxErrno);
  }

  static Result<std::string> read_architecture(const Cursor& at) {
    Result<std::string> name = at.string();
    if (!name) return propagate(name);
    if (is_oci_arch(*name)) return *name;
    std::vector<std::string_view> allowed;
    for (const Abi abi : all_abis()) allowed.push_back(abi_oci_name(abi));
    if (const auto abi = abi_by_name(*name)) {
      return at.fail("unknown architecture \"{}\", did you mean {}?", printable(*name),
                     abi_oci_name(*abi));
    }
    return unknown(at, "architecture", *name, allowed);
  }

  void note_line(const Cursor& at, std::string_view key) {
    if (!at.has(key)) return;
    if (const Result<Cursor> value = at.at(key)) profile_.architectures_line = value->value().line;
  }

  Result<void> read_architectures(const Cursor& at) {
    note_line(at, "architectures");
    Result<std::vector<Cursor>> items = items_of(at, "architectures");
    if (!items) return propagate(items);
    std::set<std::string> seen;
    for (const Cursor& item : *items) {
      Result<std::string> name = read_architecture(item);
      if (!name) return propagate(name);
      if (!seen.insert(*name).second) {
        odd_.add(item, kListedTwice, fmt::format("{} is listed twice", *name));
        continue;
      }
      profile_.architectures.push_back(std::move(*name));
    }
    return {};
  }

  Result<void> read_arch_map(const Cursor& at) {
    note_line(at, "archMap");
    Result<std::vector<Cursor>> items = items_of(at, "archMap");
    if (!items) return propagate(items);
    if (!items->empty() && !profile_.architectures.empty()) {
      // Docker and Podman refuse it as well.
      return at.at("archMap")->fail(
          "both `architectures` and `archMap` are given, use one of them");
    }
    std::set<std::string> seen;
    for (const Cursor& item : *items) {
      if (Result<void> known = odd_.add_unknown_keys(item, {"architecture", "subArchitectures"});
          !known) {
        return known;
      }
      Result<Cursor> architecture = item.at("architecture");
      if (!architecture) return propagate(architecture);
      Result<std::string> name = read_architecture(*architecture);
      if (!name) return propagate(name);
      ArchMapEntry entry;
      entry.architecture = std::move(*name);
      Result<std::vector<Cursor>> subs = items_of(item, "subArchitectures");
      if (!subs) return propagate(subs);
      for (const Cursor& sub : *subs) {
        Result<std::string> sub_name = read_architecture(sub);
        if (!sub_name) return propagate(sub_name);
        entry.sub_architectures.push_back(std::move(*sub_name));
      }
      // Docker and Podman stop at the first that fits.
      if (!seen.insert(entry.architecture).second) {
        odd_.add(*architecture, kListedTwice,
                 fmt::format("{} is listed twice, the first counts", entry.architecture));
        continue;
      }
      profile_.arch_map.push_back(std::move(entry));
    }
    return {};
  }

  Result<void> read_flags(const Cursor& at) {
    Result<std::vector<Cursor>> items = items_of(at, "flags");
    if (!items) return propagate(items);
    for (const Cursor& item : *items) {
      Result<std::string> flag = item.string();
      if (!flag) return propagate(flag);
      if (std::find(std::begin(kFlags), std::end(kFlags), *flag) == std::end(kFlags)) {
        return unknown(item, "flag", *flag, {std::begin(kFlags), std::end(kFlags)});
      }
      auto& flags = profile_.flags;
      if (std::find(flags.begin(), flags.end(), *flag) != flags.end()) {
        odd_.add(item, kListedTwice, fmt::format("{} is listed twice", *flag));
        continue;
      }
      flags.push_back(std::move(*flag));
    }
    return {};
  }

  Result<Entry> read_entry(const Cursor& at) {
    if (Result<void> known =
            odd_.add_unknown_keys(at, {"names", "name", "action", "errnoRet", "errno", "args",
                                       "comment", "includes", "excludes"});
        !known) {
      return propagate(known);
    }
    Entry entry;
    entry.path = at.path();
    entry.line = at.value().line;
    if (Result<void> done = read_names(at, entry); !done) return propagate(done);
    Result<Cursor> action_at = at.at("action");
    if (!action_at) return propagate(action_at);
    Result<Action> action = read_action(*action_at);
    if (!action) return propagate(action);
    entry.action = *action;
    entry.action_line = action_at->value().line;
    Result<std::optional<std::uint32_t>> errno_ret = read_errno(at, "errnoRet", "errno", *action);
    if (!errno_ret) return propagate(errno_ret);
    entry.errno_ret = *errno_ret;
    entry.errno_by_name = *errno_ret && !at.has("errnoRet");
    Result<std::vector<Cursor>> args = items_of(at, "args");
    if (!args) return propagate(args);
    for (const Cursor& arg : *args) {
      Result<ArgCondition> condition = read_condition(arg);
      if (!condition) return propagate(condition);
      entry.args.push_back(*condition);
      entry.arg_lines.push_back(arg.value().line);
    }
    if (Result<void> done = read_text(at, "comment", entry.comment); !done) return propagate(done);
    if (Result<void> done = read_entry_condition(at, "includes", entry.includes); !done) {
      return propagate(done);
    }
    if (Result<void> done = read_entry_condition(at, "excludes", entry.excludes); !done) {
      return propagate(done);
    }
    return entry;
  }

  Result<void> read_names(const Cursor& at, Entry& entry) {
    std::string single;
    if (Result<void> done = read_text(at, "name", single); !done) return done;
    if (at.has("names")) {
      Result<Cursor> names_at = at.at("names");
      if (!names_at) return propagate(names_at);
      Result<std::vector<std::string>> names = names_at->strings();
      if (!names) return propagate(names);
      // Docker refuses both, too; Go writes an empty `name` beside `names`.
      if (!single.empty() && !names->empty()) {
        return at.fail("both `name` and `names` are given, use one of them");
      }
      entry.names = std::move(*names);
      if (const auto* items = std::get_if<json::Array>(&names_at->value().data)) {
        for (const json::Value& item : *items) entry.name_lines.push_back(item.line);
      }
    }
    if (!single.empty()) {
      entry.name_lines = {at.at("name")->value().line};
      entry.names = {std::move(single)};
      entry.singular_name = true;
    } else if (!at.has("names")) {
      return at.fail("\"names\" is missing");
    } else if (entry.names.empty()) {
      odd_.add(at, kNoNames, "`names` is empty, the entry says nothing");
    }
    return {};
  }

  Result<ArgCondition> read_condition(const Cursor& at) {
    if (Result<void> known = odd_.add_unknown_keys(at, {"index", "value", "valueTwo", "op"});
        !known) {
      return propagate(known);
    }
    ArgCondition condition;
    Result<Cursor> index_at = at.at("index");
    if (!index_at) return propagate(index_at);
    Result<std::uint64_t> index = index_at->u64(0, kArgCount - 1);
    if (!index) return propagate(index);
    condition.index = static_cast<unsigned>(*index);
    Result<Cursor> value_at = at.at("value");
    if (!value_at) return propagate(value_at);
    Result<std::uint64_t> value = value_at->u64();
    if (!value) return propagate(value);
    condition.value = *value;
    Result<Cursor> op_at = at.at("op");
    if (!op_at) return propagate(op_at);
    Result<std::string> name = op_at->string();
    if (!name) return propagate(name);
    const std::optional<Op> op = op_by_name(*name);
    if (!op) return unknown(*op_at, "op", *name, op_names());
    condition.op = *op;
    if (!at.has("valueTwo")) return condition;
    Result<Cursor> two_at = at.at("valueTwo");
    if (!two_at) return propagate(two_at);
    Result<std::uint64_t> two = two_at->u64();
    if (!two) return propagate(two);
    condition.value_two = *two;
    if (*op != Op::kMaskedEq && *two != 0) {
      odd_.add(
          *two_at, kUnreadValue,
          fmt::format("valueTwo means something with SCMP_CMP_MASKED_EQ only, not with {}", *name));
    }
    if (*op == Op::kMaskedEq && (*two & ~condition.value) != 0) {
      odd_.add(*two_at, kBitsOutsideMask,
               fmt::format(
                   "{} has bits outside the mask {}: the condition never holds, but runc and crun "
                   "drop those bits",
                   hex(*two), hex(condition.value)));
    }
    return condition;
  }

  Result<void> read_entry_condition(const Cursor& parent, std::string_view key,
                                    EntryCondition& condition) {
    if (!parent.has(key)) return {};
    Result<Cursor> at = parent.at(key);
    if (!at) return propagate(at);
    if (Result<void> known = odd_.add_unknown_keys(*at, {"caps", "arches", "minKernel"}); !known) {
      return known;
    }
    Result<std::vector<Cursor>> caps = items_of(*at, "caps");
    if (!caps) return propagate(caps);
    for (const Cursor& item : *caps) {
      Result<std::string> cap = item.string();
      if (!cap) return propagate(cap);
      if (!is_capability(*cap)) odd_.add_word(item, kUnknownCapability, *cap, nearest_capability);
      condition.caps.push_back(std::move(*cap));
    }
    Result<std::vector<Cursor>> arches = items_of(*at, "arches");
    if (!arches) return propagate(arches);
    for (const Cursor& item : *arches) {
      Result<std::string> arch = item.string();
      if (!arch) return propagate(arch);
      if (!is_engine_arch(*arch))
        odd_.add_word(item, kUnknownArchitecture, *arch, nearest_engine_arch);
      condition.arches.push_back(std::move(*arch));
    }
    if (!at->has("minKernel")) return {};
    Result<Cursor> kernel_at = at->at("minKernel");
    if (!kernel_at) return propagate(kernel_at);
    Result<std::string> text = kernel_at->string();
    if (!text) return propagate(text);
    // Go writes the empty string where nothing was set.
    if (text->empty()) return {};
    condition.min_kernel = kernel_version(*text);
    // Docker refuses 0.0, too.
    if (!condition.min_kernel || *condition.min_kernel == KernelVersion()) {
      return kernel_at->fail("\"{}\" is no kernel version (allowed: MAJOR.MINOR, such as 5.4)",
                             printable(*text));
    }
    return {};
  }

  Profile& profile_;
  OdditiesOf odd_;
};

}  // namespace

std::optional<KernelVersion> kernel_version(std::string_view text) {
  const std::vector<std::string_view> parts = split(text, '.');
  if (parts.size() != 2) return std::nullopt;
  const auto is_number = [](std::string_view part) {
    return !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
  };
  if (!is_number(parts[0]) || !is_number(parts[1])) return std::nullopt;
  const auto major = parse_u64(parts[0]);
  const auto minor = parse_u64(parts[1]);
  if (!major || !minor || *major > kMaxKernelNumber || *minor > kMaxKernelNumber) {
    return std::nullopt;
  }
  return KernelVersion{static_cast<unsigned>(*major), static_cast<unsigned>(*minor)};
}

Result<Profile> parse_profile(std::string_view text, std::string_view file_name) {
  if (text.size() > kMaxProfileText) {
    return fail(Errc::kBadInput, "{}: {} bytes of profile, at most {} are read", file_name,
                text.size(), kMaxProfileText);
  }
  Result<json::Value> value = json::parse(text, file_name);
  if (!value) return propagate(value);
  return profile_from_json(*value, file_name);
}

Result<Profile> profile_from_json(const json::Value& value, std::string_view file_name) {
  Profile profile;
  profile.source = std::string(file_name);
  Reader reader(profile);
  if (Result<void> done = reader.top(Cursor(value, file_name)); !done) return propagate(done);
  reader.finish();
  return profile;
}

Result<Profile> load_profile(const std::string& path) {
  Result<std::string> text = read_file(path);
  if (!text) return propagate(text);
  return parse_profile(*text, path == "-" ? "standard input" : path);
}

}  // namespace sysnare
