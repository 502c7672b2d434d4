#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>

#include "base/file.h"
#include "base/json.h"
#include "profile/plain.h"
#include "profile/profile.h"

namespace sysnare {
namespace {

const std::string kSource = SYSNARE_SOURCE_DIR;

std::string test_data(const std::string& name) {
  const char* folder = std::getenv("SYSNARE_TEST_DATA");
  return (folder != nullptr ? std::string(folder) : kSource + "/../shared/data") + "/" + name;
}

std::vector<std::string> real_profiles() {
  std::vector<std::string> paths = {test_data("docker-default.json"),
                                    "/usr/share/containers/seccomp.json"};
  for (const char* name : {"deny", "deny-dir", "allow-helloworld"}) {
    paths.push_back(kSource + "/tests/profiles/" + name + ".json");
    paths.push_back(kSource + "/tests/profiles/" + name + ".name.json");
  }
  return paths;
}

TEST(WriteProfile, WhatIsWrittenIsReadBackTheSame) {
  for (const std::string& path : real_profiles()) {
    SCOPED_TRACE(path);
    if (!std::filesystem::exists(path)) {
      std::printf("not here, not tried: %s\n", path.c_str());
      continue;
    }
    const Result<Profile> profile = load_profile(path);
    ASSERT_TRUE(profile.has_value()) << profile.error().message;
    EXPECT_TRUE(profile->oddities.empty()) << profile->oddities.front().message;
    const std::string text = write_profile(*profile);
    const Result<Profile> again = parse_profile(text, "again");
    ASSERT_TRUE(again.has_value()) << again.error().message;
    EXPECT_TRUE(again->oddities.empty());
    EXPECT_EQ(write_profile(*again), text);
    ASSERT_EQ(again->entries.size(), profile->entries.size());
    for (std::size_t i = 0; i < again->entries.size(); ++i) {
      const Entry& before = profile->entries[i];
      const Entry& after = again->entries[i];
      EXPECT_EQ(after.names, before.names);
      EXPECT_EQ(after.singular_name, before.singular_name);
      EXPECT_EQ(after.action, before.action);
      EXPECT_EQ(after.errno_ret, before.errno_ret);
      EXPECT_EQ(after.args, before.args);
      EXPECT_EQ(after.comment, before.comment);
      EXPECT_EQ(after.includes.caps, before.includes.caps);
      EXPECT_EQ(after.excludes.arches, before.excludes.arches);
      EXPECT_EQ(after.includes.min_kernel, before.includes.min_kernel);
    }
  }
}

TEST(WriteProfile, LooksLikeThis) {
  Profile profile;
  profile.default_errno_ret = 1;
  profile.architectures = {"SCMP_ARCH_X86_64"};
  Entry entry;
  entry.names = {"read", "write"};
  entry.args = {{0, 0x7e020000, 1, Op::kMaskedEq}, {5, UINT64_MAX, 0, Op::kNe}};
  entry.comment = "why";
  profile.entries = {entry};
  EXPECT_EQ(write_profile(profile), R"({
  "defaultAction": "SCMP_ACT_ERRNO",
  "defaultErrnoRet": 1,
  "architectures": [
    "SCMP_ARCH_X86_64"
  ],
  "syscalls": [
    {
      "names": [
        "read",
        "write"
      ],
      "action": "SCMP_ACT_ALLOW",
      "args": [
        {
          "index": 0,
          "value": 2114060288,
          "valueTwo": 1,
          "op": "SCMP_CMP_MASKED_EQ"
        },
        {
          "index": 5,
          "value": 18446744073709551615,
          "op": "SCMP_CMP_NE"
        }
      ],
      "comment": "why"
    }
  ]
}
)");
}

/// As much of JSON schema as OCI's seccomp part uses: $ref, type, enum, required, properties,
/// items, minItems, minimum, maximum.
class Schema {
 public:
  explicit Schema(std::string folder) : folder_(std::move(folder)) {}

  void check(const json::Cursor& value, const json::Cursor& schema, const std::string& file) {
    if (schema.has("$ref")) {
      std::string target = schema.at("$ref")->string().value();
      const std::size_t hash = target.find('#');
      std::string other = target.substr(0, hash);
      other = other.empty() ? file : "oci-" + other.substr(0, other.find('.')) + ".schema.json";
      json::Cursor at = load(other);
      std::size_t start = hash + 2;
      while (start < target.size()) {
        const std::size_t end = std::min(target.find('/', start), target.size());
        at = at.at(target.substr(start, end - start)).value();
        start = end + 1;
      }
      check(value, at, other);
    }
    if (schema.has("type")) {
      const std::string type = schema.at("type")->string().value();
      EXPECT_EQ(value.is_object(), type == "object") << value.where();
      EXPECT_EQ(value.is_array(), type == "array") << value.where();
      EXPECT_EQ(value.is_string(), type == "string") << value.where();
      EXPECT_EQ(value.is_number(), type == "integer") << value.where();
    }
    if (schema.has("enum")) {
      const auto allowed = schema.at("enum")->strings().value();
      EXPECT_NE(std::find(allowed.begin(), allowed.end(), value.string().value()), allowed.end())
          << value.where();
    }
    if (schema.has("maximum")) {
      EXPECT_LE(value.number().value(), schema.at("maximum")->number().value()) << value.where();
    }
    if (schema.has("minimum")) {
      EXPECT_GE(value.number().value(), schema.at("minimum")->number().value()) << value.where();
    }
    if (schema.has("minItems")) {
      EXPECT_GE(value.items()->size(), schema.at("minItems")->u64().value()) << value.where();
    }
    if (schema.has("required")) {
      const auto keys = schema.at("required")->strings().value();
      for (const std::string& key : keys) {
        EXPECT_TRUE(value.has(key)) << value.where() << ": " << key;
      }
    }
    if (schema.has("properties") && value.is_object()) {
      const json::Cursor properties = schema.at("properties").value();
      const auto members = value.members().value();
      for (const auto& [key, member] : members) {
        if (!properties.has(key)) {
          unknown_.insert(key);
          continue;
        }
        ++checked_;
        check(member, properties.at(key).value(), file);
      }
    }
    if (schema.has("items") && value.is_array()) {
      const auto items = value.items().value();
      for (const json::Cursor& item : items) {
        check(item, schema.at("items").value(), file);
      }
    }
  }

  json::Cursor load(const std::string& file) {
    auto found = files_.find(file);
    if (found == files_.end()) {
      const std::string path = folder_ + file;
      const Result<std::string> text = read_all(path);
      found = files_.emplace(file, json::parse(text.value(), file).value()).first;
    }
    return {found->second, found->first};
  }

  [[nodiscard]] std::size_t checked() const { return checked_; }
  [[nodiscard]] const std::set<std::string>& unknown() const { return unknown_; }

 private:
  static Result<std::string> read_all(const std::string& path);

  std::string folder_;
  std::map<std::string, json::Value> files_;
  std::size_t checked_ = 0;
  std::set<std::string> unknown_;
};

Result<std::string> Schema::read_all(const std::string& path) { return read_file(path); }

TEST(PlainProfile, FitsTheOciSchema) {
  if (!std::filesystem::exists(test_data("oci-config-linux.schema.json"))) {
    GTEST_SKIP() << "no OCI schema in SYSNARE_TEST_DATA";
  }
  for (const std::string& path : real_profiles()) {
    SCOPED_TRACE(path);
    if (!std::filesystem::exists(path)) continue;
    const Result<PlainProfile> plain = plain_profile(load_profile(path).value(), {});
    ASSERT_TRUE(plain.has_value()) << plain.error().message;
    const std::string text = write_profile(plain->profile);
    const json::Value value = json::parse(text, "plain").value();
    Schema schema(test_data(""));
    const json::Cursor linux_part = schema.load("oci-config-linux.schema.json")
                                        .at("linux")
                                        ->at("properties")
                                        ->at("seccomp")
                                        .value();
    schema.check({value, "plain"}, linux_part, "oci-config-linux.schema.json");
    EXPECT_GT(schema.checked(), 2u);
    std::set<std::string> unknown = schema.unknown();
    unknown.erase("comment");  // no runtime minds it, and it says why a call is there
    EXPECT_TRUE(unknown.empty()) << *unknown.begin();
  }
}

TEST(PlainProfile, DecidesAsItsSourceAndSaysWhatItLeftOut) {
  const Result<Profile> profile = parse_profile(R"({
    "defaultAction": "SCMP_ACT_ERRNO",
    "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
    "syscalls": [
      {"name": "mkdir", "action": "SCMP_ACT_ERRNO", "errno": "ENOSYS"},
      {"names": [], "action": "SCMP_ACT_ALLOW"},
      {"names": ["bpf", "chroot"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_BPF"]}},
      {"names": ["acct"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_SYS_PACCT"]}},
      {"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "9.0"}},
      {"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [
        {"index": 0, "value": 1, "op": "SCMP_CMP_GE"}, {"index": 0, "value": 5, "op": "SCMP_CMP_LE"}]},
      {"names": ["sync_file_range2"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["ppc64le"]}}
    ]})",
                                                "p.json");
  ASSERT_TRUE(profile.has_value()) << profile.error().message;
  ResolveOptions options;
  options.caps = {"CAP_SYS_PACCT"};
  const Result<PlainProfile> plain = plain_profile(*profile, options);
  ASSERT_TRUE(plain.has_value()) << plain.error().message;
  EXPECT_EQ(plain->notes,
            (std::vector<std::string>{
                "p.json:6: syscalls[1]: left out: it names no call",
                "p.json:7: syscalls[2]: left out (needs CAP_BPF): bpf, chroot",
                "p.json:8: syscalls[3]: left out (not with CAP_SYS_PACCT): acct",
                "p.json:9: syscalls[4]: left out (needs Linux 9.0): ptrace",
                "p.json:10: syscalls[5]: one argument index stands twice: runc and crun take such "
                "conditions "
                "as \"or\"",
                "p.json:12: syscalls[6]: left out (not for x86_64): sync_file_range2"}));
  const std::string text = write_profile(plain->profile);
  for (const char* gone : {"\"name\"", "archMap", "includes", "excludes", "\"errno\""}) {
    EXPECT_EQ(text.find(gone), std::string::npos) << gone;
  }
  EXPECT_EQ(plain->profile.architectures,
            (std::vector<std::string>{"SCMP_ARCH_X86_64", "SCMP_ARCH_X86"}));
  ASSERT_EQ(plain->profile.entries.size(), 2u);
  EXPECT_EQ(plain->profile.entries[0].errno_ret, 38u);

  const Result<ResolvedProfile> before = resolve(*profile, options);
  const Result<ResolvedProfile> after = resolve(plain->profile, options);
  EXPECT_EQ(after->abis, before->abis);
  EXPECT_EQ(after->rules.size(), before->rules.size());
}

TEST(TestProfiles, BothSpellingsMeanTheSame) {
  for (const char* name : {"deny", "deny-dir", "allow-helloworld"}) {
    SCOPED_TRACE(name);
    const std::string base = kSource + "/tests/profiles/" + name;
    const Result<ResolvedProfile> plural = resolve(load_profile(base + ".json").value(), {});
    const Result<ResolvedProfile> singular = resolve(load_profile(base + ".name.json").value(), {});
    ASSERT_TRUE(plural.has_value() && singular.has_value());
    EXPECT_TRUE(plural->unknown_names.empty());
    EXPECT_EQ(plural->default_action, singular->default_action);
    EXPECT_EQ(plural->abis, singular->abis);
    ASSERT_EQ(plural->rules.size(), singular->rules.size());
    for (const auto& [call, rules] : plural->rules) {
      ASSERT_EQ(singular->rules.count(call), 1u);
      EXPECT_EQ(singular->rules.at(call).front().action, rules.front().action);
    }
  }
}

}  // namespace
}  // namespace sysnare
