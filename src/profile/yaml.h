#pragma once
// How is YAML read and written here? As the tree that JSON gives (base/json.h), by libyaml.
//
// Source: YAML 1.2 core schema, libyaml 0.2.5. Not modelled, and refused when read: anchors and
// aliases (a few lines of them unfold to gigabytes), tags, several documents in one file.

#include <cstddef>
#include <string>
#include <string_view>

#include "base/json.h"

namespace sysnare {

/// Largest YAML text that is read: Kubernetes keeps no object above 1.5 MiB (etcd's request limit).
inline constexpr std::size_t kMaxYaml = 2u << 20;

/// Parses one document. `name` stands in messages.
/// Errors: kBadInput for what is no YAML or not modelled, a key that stands twice, and past
/// kMaxYaml, json::kMaxDepth or json::kMaxValues.
Result<json::Value> parse_yaml(std::string_view text, std::string_view name);

/// The tree in block style; strings that would read as something else are quoted.
Result<std::string> write_yaml(const json::Value& value);

}  // namespace sysnare
