#pragma once
// What is odd about a profile that is read? Collects it, so many of a kind at most, and refuses the
// one kind of key that two readers would take for two things.
//
// Source: encoding/json of Go 1.19 to 1.25 (foldFunc, foldName), by which Docker, Podman, runc and
// containerd read; libocispec's parser, by which crun does.

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "profile/profile.h"

namespace sysnare {

class OdditiesOf {
 public:
  explicit OdditiesOf(Profile& profile) : profile_(profile) {}

  /// Notes `text`, which stands at `at`.
  void add(const json::Cursor& at, Oddity::Kind kind, std::string_view text);
  /// Notes each key of the object `at` that is none of `known`.
  ///
  /// Errors: kBadInput for one that is spelt as one of them but for its case.
  Result<void> add_unknown_keys(const json::Cursor& at, const std::vector<std::string_view>& known);
  /// Notes a word that no engine has: the entry waits for what never comes, or is never excluded.
  /// `meant` looks for the one that was meant.
  void add_word(const json::Cursor& at, Oddity::Kind kind, std::string_view word,
                std::string_view (*meant)(std::string_view));
  /// Says how many were too many.
  void finish();

 private:
  /// Most that are noted: nobody reads on, and a hostile file has millions.
  static constexpr std::size_t kMost = 64;
  [[nodiscard]] bool has_room() const { return profile_.oddities.size() < kMost; }

  Profile& profile_;
  std::size_t unsaid_ = 0;
};

}  // namespace sysnare
