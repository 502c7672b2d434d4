#include "profile/oddities.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace sysnare {
namespace {

/// `key` as Go compares it. Two letters beyond ASCII fold to one of it: U+017F, the long s, and
/// U+212A, the sign of Kelvin.
std::string folded(std::string_view key) {
  constexpr std::string_view kLongS = "\u017f";
  constexpr std::string_view kKelvin = "\u212a";
  std::string text;
  for (std::size_t at = 0; at < key.size(); ++at) {
    const std::string_view rest = key.substr(at);
    if (rest.starts_with(kLongS)) {
      text += 's';
      at += kLongS.size() - 1;
    } else if (rest.starts_with(kKelvin)) {
      text += 'k';
      at += kKelvin.size() - 1;
    } else {
      const char c = rest.front();
      text += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
  }
  return text;
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
    const std::string small = folded(key);
    for (const std::string_view each : known) {
      if (folded(each) != small) continue;
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
