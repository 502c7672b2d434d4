#include "profile/oddities.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace sysnare {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// Whether Go takes `key` for `known`, which is ASCII: it compares without regard to case. Two
/// letters beyond ASCII fold to one of it: U+017F, the long s, and U+212A, the sign of Kelvin.
bool same_to_go(std::string_view key, std::string_view known) {
  constexpr std::string_view kLongS = "\u017f";
  constexpr std::string_view kKelvin = "\u212a";
  for (const char wanted : known) {
    if (key.empty()) return false;
    if (lower(key.front()) == lower(wanted)) {
      key.remove_prefix(1);
    } else if (lower(wanted) == 's' && key.starts_with(kLongS)) {
      key.remove_prefix(kLongS.size());
    } else if (lower(wanted) == 'k' && key.starts_with(kKelvin)) {
      key.remove_prefix(kKelvin.size());
    } else {
      return false;
    }
  }
  return key.empty();
}

}  // namespace

void OdditiesOf::add(const json::Cursor& at, Oddity::Kind kind, std::string_view text) {
  if (!has_room()) {
    ++unsaid_;
    return;
  }
  profile_.oddities.push_back({kind, at.path(), at.value().line, std::string(text)});
}

Result<void> OdditiesOf::add_unknown_keys(const json::Cursor& at,
                                          const std::vector<std::string_view>& known) {
  Result<std::vector<std::pair<std::string, json::Cursor>>> members = at.members();
  if (!members) return propagate(members);
  for (const auto& [key, value] : *members) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    for (const std::string_view each : known) {
      if (!same_to_go(key, each)) continue;
      return value.fail(
          "Docker, Podman and runc take this key for `{}`, crun for none; write it in these "
          "letters",
          each);
    }
    // Looking for the key that was meant is what costs.
    const std::string_view near = has_room() ? nearest(key, known) : std::string_view();
    add(value, Oddity::Kind::kUnknownKey,
        near.empty() ? std::string("unknown key, ignored")
                     : fmt::format("unknown key, ignored; did you mean {}?", near));
  }
  return {};
}

void OdditiesOf::add_word(const json::Cursor& at, Oddity::Kind kind, std::string_view word,
                          std::string_view (*meant)(std::string_view)) {
  // Looking for the word that was meant is what costs.
  const std::string_view near = has_room() ? meant(word) : std::string_view();
  add(at, kind,
      fmt::format("no engine knows {} \"{}\"{}",
                  kind == Oddity::Kind::kUnknownCapability ? "a capability" : "an architecture",
                  printable(word),
                  near.empty() ? std::string() : fmt::format(", did you mean {}?", near)));
}

void OdditiesOf::finish() {
  if (unsaid_ == 0) return;
  profile_.oddities.push_back(
      {Oddity::Kind::kUncounted, "", 0, fmt::format("and {} more warnings like these", unsaid_)});
}

std::vector<std::string> warnings_of(const Profile& profile) {
  std::vector<std::string> texts;
  for (const Oddity& each : profile.oddities) {
    const std::string where = each.path.empty()
                                  ? profile.source
                                  : fmt::format("{}:{}: {}", profile.source, each.line, each.path);
    texts.push_back(fmt::format("{}: {}", where, each.message));
  }
  return texts;
}

}  // namespace sysnare
