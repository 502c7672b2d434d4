// A result is used again only while everything that it came from is as it was.

#include "scan/cached_scan.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <functional>

#include "scan/fake_surroundings.h"
#include "scan/light_summary.h"
#include "scan/result_bytes.h"

namespace sysnare {
namespace {

Evidence full() {
  Evidence evidence;
  evidence.program = {"/bin/x", "00ff", "ab"};
  evidence.recorder = kScanRecorder;
  evidence.runs = 0;
  evidence.last_new_run = 0;
  evidence.notes = {"one"};
  CallEvidence& call = evidence.record({Abi::kX86_64, 1}, Origin::kScan);
  call.reachable = kReachableMain;
  call.why = {{"/bin/x", "main"}, {"/lib/libc.so.6", "write"}};
  call.args = {{0, {1, 2}}};
  call.args_many = {2};
  ExecutableEvidence executable;
  executable.program = evidence.program;
  executable.executed_by = {{"/bin/sh", 0}};
  executable.calls = evidence.calls;
  evidence.executables = {executable};
  StaticEvidence& scanned = evidence.scanned.emplace();
  scanned.objects = {{"/bin/x", "ab", "program", "why"}};
  scanned.sites = {{{"/bin/x", "ab", 16}, Abi::kI386, {1, 3}, true, "write", kReachableLoad}};
  scanned.open = {{"site", "/bin/x", "f", 32, "any", {{"/bin/x", "f"}}}};
  scanned.execs = {{std::nullopt, "/bin/x", "f"}, {"/bin/sh", "/bin/x", "g"}};
  return evidence;
}

TEST(ResultBytes, GiveBackTheEvidenceAndNothingOfACut) {
  ResultWriter writer;
  put_evidence(writer, full());
  const std::string& bytes = writer.bytes();
  ResultReader reader(bytes);
  const std::optional<Evidence> back = take_evidence(reader);
  ASSERT_TRUE(back.has_value());
  EXPECT_TRUE(reader.at_end());
  EXPECT_EQ(write_evidence(*back), write_evidence(full()));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ResultReader cut(std::string_view(bytes).substr(0, size));
    EXPECT_FALSE(take_evidence(cut).has_value()) << size;
  }
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ 0xff);
    ResultReader odd(flipped);
    take_evidence(odd);  // ends, and reads nothing that is not there
  }
}

struct Case {
  const char* why;
  std::function<void(FakeSurroundings&)> change;
  bool again;  ///< linked again
};

/// `looks`: the surroundings answer look() too.
void is_used_as(const Case& c, bool looks) {
  SCOPED_TRACE(c.why);
  FakeSurroundings around;
  if (looks) around.look_around();
  around.put("/bin/x", {.needed = {"liba.so", "libgone.so"}, .rpath = "/first"});
  around.put("/lib/liba.so", FakeObject{});
  around.put("/usr/lib/gconv/A.so", FakeObject{});
  around.put("/usr/lib/converters/A.so", FakeObject{});
  around.put_text("/etc/nsswitch.conf", "passwd: files\n");
  std::string pattern = ::testing::TempDir() + "cacheXXXXXX";
  const std::string directory = ::mkdtemp(pattern.data());
  int linked = 0;
  ScanOptions options;
  options.now_ns = 4'000'000'000'000'000'000;  // long after all files
  options.analyse = [](const ElfImage& image, const ElfImage*) -> Result<Summary> {
    return *light_summary(image);
  };
  options.link = [&](const std::vector<LoadedObject>&, std::vector<OpenRequest>& wanted,
                     const LinkOptions& asked) {
    ++linked;
    wanted = {{"nss:", "/lib/liba.so", "f"}, {"gconv:", "/lib/liba.so", "f"}};
    asked.load(wanted);
    return Result<ScanResult>(ScanResult{});
  };
  const auto scan = [&](bool follow, bool keep) {
    linked = 0;
    const auto cache = ScanCache::open(directory);
    const auto evidence = cached_scan(around, **cache, "/bin/x", follow, keep, options);
    (*cache)->flush();
    EXPECT_TRUE(evidence.has_value());
    return write_evidence(*evidence);
  };
  const std::string first = scan(false, true);
  EXPECT_GT(linked, 0);
  scan(true, true);
  EXPECT_GT(linked, 0) << "another question";
  scan(false, false);
  EXPECT_GT(linked, 0) << "nothing is kept of an image";
  c.change(around);
  const int opened = around.opened();
  const std::string second = scan(false, true);
  EXPECT_EQ(linked > 0, c.again);
  if (looks && !c.again) {
    EXPECT_LE(around.opened() - opened, 1)
        << "what is there is looked at; /etc/ld.so.preload is not";
  }
  EXPECT_TRUE(c.again || second == first);
  options.now_ns = 5;  // before all files: they have just changed
  around.put("/bin/x", {.needed = {"liba.so"}, .code = "\x90\x90\x90\x90\xc3"});
  scan(false, true);
  scan(false, true);
  EXPECT_GT(linked, 0) << "too fresh to be kept";
  std::filesystem::remove_all(directory);
}

TEST(CachedScan, IsUsedWhileNothingChanges) {
  const std::vector<Case> cases = {
      {"nothing changed", [](FakeSurroundings&) {}, false},
      {"the program", [](auto& f) { f.put("/bin/x", {.needed = {"liba.so"}, .code = "\xc3"}); },
       true},
      {"a library", [](auto& f) { f.put("/lib/liba.so", {.code = "\xc3"}); }, true},
      {"another library is found", [](auto& f) { f.put("/first/liba.so", FakeObject{}); }, true},
      {"the library is gone", [](auto& f) { f.remove("/lib/liba.so"); }, true},
      {"a missing one came", [](auto& f) { f.put("/lib/libgone.so", FakeObject{}); }, true},
      {"a converter came", [](auto& f) { f.put("/usr/lib/gconv/B.so", FakeObject{}); }, true},
      {"the name services", [](auto& f) { f.put_text("/etc/nsswitch.conf", "passwd: x\n"); }, true},
      {"another program", [](auto& f) { f.put("/bin/y", FakeObject{}); }, false},
      {"a converter", [](auto& f) { f.put("/usr/lib/gconv/A.so", {.code = "\xc3"}); }, true},
      {"a converter is gone", [](auto& f) { f.remove("/usr/lib/gconv/A.so"); }, true},
      {"a converter is a link to another one",
       [](auto& f) {
         f.put("/usr/lib/other.so", FakeObject{});
         f.link("/usr/lib/gconv/A.so", "/usr/lib/other.so");
       },
       true},
      {"the converters' directory is a link to another one",
       [](auto& f) { f.link("/usr/lib/gconv", "/usr/lib/converters"); }, true},
  };
  for (const bool looks : {false, true}) {
    for (const Case& c : cases) is_used_as(c, looks);
  }
}

}  // namespace
}  // namespace sysnare
