// sysnare scan, as a user sees it, on programs of this machine: what a run does is in it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "harness.h"

namespace sysnare::live {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;
using Words = std::vector<std::string>;

Json parsed(const std::string& text) { return Json::parse(text, nullptr, false); }

/// One cache for all tests but those of the cache: an analysis by a build for debugging takes
/// seconds.
const std::string& cache() {
  static const TempDir dir;
  static const std::string path = dir / "cache";
  return path;
}

/// Each (site, number) of the recording that the scan does not have there.
std::vector<std::string> misses(const Json& scan, const Json& recording) {
  std::map<std::pair<std::string, std::string>, const Json*> sites;
  for (const Json& site : scan["sites"]) sites[{site["module_key"], site["offset"]}] = &site;
  std::vector<std::string> missing;
  for (const Json& call : recording["calls"]) {
    if (call["origin"] != "application" || !call.contains("sites")) continue;
    for (const Json& site : call["sites"]) {
      const std::string module = site["module"];
      if (module.starts_with('[')) continue;  // the vdso is no file
      const auto found = sites.find({site["module_key"], site["offset"]});
      const bool has =
          found != sites.end() &&
          ((*found->second)["any"] == true ||
           std::count((*found->second)["nrs"].begin(), (*found->second)["nrs"].end(), call["nr"]));
      if (!has) {
        missing.push_back(call["name"].get<std::string>() + " at " + module + "+" +
                          site["offset"].get<std::string>());
      }
    }
  }
  return missing;
}

TEST(ScanVerb, HasWhatARunDoesAndTheProfileOfBothHolds) {
  TempDir dir;
  const Outcome scan = sysnare({"scan", "--cache", cache(), "-o", dir / "s.json", "cat"});
  ASSERT_EQ(scan.status, 0) << scan.err;
  EXPECT_EQ(scan.out, "");
  EXPECT_THAT(scan.err, HasSubstr("saved to "));
  ASSERT_EQ(
      sysnare({"trace", "--sites", "-o", dir / "t.json", "--", "cat", "/etc/hostname"}).status, 0);
  const Json json = parsed(slurp(dir / "s.json"));
  EXPECT_EQ(json["recorder"], "scan");
  EXPECT_EQ(json["runs"], 0);
  EXPECT_THAT(misses(json, parsed(slurp(dir / "t.json"))), ::testing::ElementsAre());
  const Outcome profile =
      sysnare({"profile", dir / "s.json", dir / "t.json", "-o", dir / "p.json"});
  ASSERT_EQ(profile.status, 0) << profile.err;
  const Outcome run = sysnare({"run", "--profile", dir / "p.json", "--", "cat", "/etc/hostname"});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(run.out, slurp("/etc/hostname"));
}

TEST(ScanVerb, IsTheSameFromItsCacheAndWritesItAnewWhenItIsDamaged) {
  TempDir dir;
  const Words words = {"scan", "--json", "--cache", dir / "cache", "true"};
  const Outcome cold = sysnare(words);
  ASSERT_EQ(cold.status, 0) << cold.err;
  EXPECT_EQ(sysnare(words).out, cold.out);
  const Outcome list = run({"find", dir / "cache", "-type", "f"});
  std::size_t files = 0;
  for (std::size_t at = 0; at < list.out.size(); ++files) {
    const std::size_t end = list.out.find('\n', at);
    const std::string path = list.out.substr(at, end - at);
    at = end + 1;
    ASSERT_EQ(run({"sh", "-c", "printf junk | dd of=\"$1\" bs=1 seek=40 conv=notrunc", "sh", path})
                  .status,
              0);
  }
  EXPECT_GT(files, 3u);
  EXPECT_EQ(sysnare(words).out, cold.out);
  EXPECT_EQ(sysnare(words).out, cold.out);

  ASSERT_EQ(::chmod((dir / "cache").c_str(), 0777), 0);
  const Outcome refused = sysnare(words);
  EXPECT_EQ(refused.status, 3);
  EXPECT_THAT(refused.err, HasSubstr("others can write to the cache directory"));
}

TEST(ScanVerb, ShowsTableChainsSitesAndGraph) {
  const auto scan = [](Words words) {
    words.insert(words.begin(), {"scan", "--cache", cache()});
    const Outcome outcome = sysnare(words);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return outcome.out;
  };
  const std::string table = scan({"cat"});
  EXPECT_THAT(table, HasSubstr("nr  call"));
  EXPECT_THAT(table, HasSubstr("write"));
  EXPECT_TRUE(table.ends_with(" calls, closed\n") || table.ends_with(" place\n") ||
              table.ends_with(" places\n"))
      << table;
  EXPECT_THAT(scan({"--phase", "main", "cat"}), HasSubstr(" calls in main, "));
  EXPECT_THAT(scan({"--why", "write", "cat"}), HasSubstr("\n  by /"));
  EXPECT_THAT(scan({"--sites", "cat"}), HasSubstr("libc.so.6+0x"));
  EXPECT_THAT(scan({"--graph", "cat"}), HasSubstr("digraph scan {"));
  EXPECT_THAT(scan({"cat", "true"}), HasSubstr("/usr/bin/true\n"));
  EXPECT_EQ(parsed(scan({"--json", "cat", "true"})).size(), 2u);
}

TEST(ScanVerb, ALibraryIsScannedForWhoeverCallsWhatItExports) {
  for (const char* name : {"scan/libimports.so", "scan/libimports_entered.so"}) {
    SCOPED_TRACE(name);
    const Outcome scan = sysnare({"scan", "--json", "--cache", cache(), victim(name)});
    EXPECT_THAT(scan.out, HasSubstr("\"syncfs\"")) << scan.err;
  }
}

TEST(ScanVerb, ScansTheInterpreterOfAScript) {
  TempDir dir;
  const std::string script = dir.write("s.sh", "#!/bin/sh\nmkdir x\n");
  const Outcome outcome = sysnare({"scan", "--cache", cache(), script});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.err, HasSubstr("s.sh is a script: the scan is of /usr/bin/"));
}

TEST(ScanVerb, SaysWhatItCannotUse) {
  TempDir dir;
  const std::string text = dir.write("text", "no program");
  const std::string whole = slurp("/bin/cat");
  const std::string cut = dir.write("cut", whole.substr(0, whole.size() / 2));
  constexpr std::size_t kEntry = 24;  // Elf64_Ehdr::e_entry
  std::string moved = whole;
  moved.replace(kEntry, sizeof(std::uint64_t), std::string("\xff\xff\xff\x7f\0\0\0\0", 8));
  const std::string nowhere = dir.write("nowhere", moved);
  const struct {
    const char* why;
    Words words;
    const char* sentence;
  } cases[] = {
      {"starts nowhere", {nowhere}, "/nowhere: it starts at 0x7fffffff, where it has no code"},
      {"no ELF file", {text}, "offset 0x0: no ELF image"},
      {"cut in half", {cut}, "/cut: offset 0x"},
      {"nothing", {dir / "none"}, "none"},
      {"one of two", {"cat", text}, "offset 0x0: no ELF image"},
      {"a root that is not there", {"--root", dir / "none", "cat"}, "none"},
      {"no archive", {"--image", text, "cat"}, "text"},
      {"output nowhere", {"-o", "/nonexistent/x.json", "cat"}, "/nonexistent"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.why);
    Words words = {"scan", "--cache", cache()};
    words.insert(words.end(), c.words.begin(), c.words.end());
    const Outcome outcome = sysnare(words);
    EXPECT_EQ(outcome.status, 3) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(c.sentence));
  }
}

}  // namespace
}  // namespace sysnare::live
