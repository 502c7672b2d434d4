// A summary comes back from its file as it was, and nothing that is unsound does.

#include "scan/summary_file.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "scan/test_summary.h"

namespace sysnare {
namespace {

std::optional<Summary> unpacked(const std::string& bytes) {
  const auto copy = std::make_shared<std::string>(bytes);  // long enough for the heap: aligned
  return unpack_summary({std::as_bytes(std::span(*copy)), copy});
}

TEST(SummaryFile, ComesBackAsItWas) {
  const TestSummary test;
  const Summary before = test.summary();
  ASSERT_TRUE(is_sound(before));
  const std::string bytes = pack_summary(before);
  const std::optional<Summary> after = unpacked(bytes);
  ASSERT_TRUE(after.has_value());
  EXPECT_EQ(after->machine, 62);
  EXPECT_TRUE(after->position_independent);
  EXPECT_TRUE(after->symbolic);
  EXPECT_FALSE(after->is_go);
  EXPECT_EQ(after->entry, 0x1000u);
  EXPECT_EQ(after->at(after->soname), "libc.so.6");
  EXPECT_EQ(after->at(after->module_key), "key");
  ASSERT_EQ(after->functions.size(), 2u);
  EXPECT_EQ(after->at(after->functions[1].name), "write");
  ASSERT_EQ(after->sites.size(), 1u);
  EXPECT_EQ(after->sites[0].nr.count, 2u);
  EXPECT_EQ(pack_summary(*after), bytes) << "every array";
}

TEST(SummaryFile, EveryCutIsRefused) {
  const std::string bytes = pack_summary(TestSummary().summary());
  const std::size_t text = TestSummary().text.size();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const bool only_padding = size >= (bytes.size() - 16) / 16 * 16 + text % 16 && text % 16 != 0;
    if (only_padding) continue;
    EXPECT_FALSE(unpacked(bytes.substr(0, size)).has_value()) << size;
  }
}

TEST(SummaryFile, NoFlippedByteGivesWhatIsUnsound) {
  const std::string bytes = pack_summary(TestSummary().summary());
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const int flip : {0x01, 0x80, 0xff}) {
      std::string flipped = bytes;
      flipped[at] = static_cast<char>(flipped[at] ^ flip);
      const std::optional<Summary> summary = unpacked(flipped);
      EXPECT_TRUE(!summary || is_sound(*summary)) << at;
    }
  }
}

TEST(SummaryFile, RefusesWhatPointsOutOrStandsInNoOrder) {
  struct Case {
    const char* why;
    std::function<void(TestSummary&)> damage;
  };
  const std::vector<Case> cases = {
      {"a name behind the texts", [](auto& s) { s.functions[0].name = 27; }},
      {"texts without an end", [](auto& s) { s.text.back() = 'x'; }},
      {"texts without the empty one", [](auto& s) { s.text.front() = 'x'; }},
      {"no texts", [](auto& s) { s.text.clear(); }},
      {"a library without a name", [](auto& s) { s.needed[0] = 99; }},
      {"targets behind the last",
       [](auto& s) {
         s.functions[0].targets = {1, 3};
       }},
      {"a slice that wraps",
       [](auto& s) {
         s.functions[0].calls = {0xffffffff, 2};
       }},
      {"a function that ends before it starts", [](auto& s) { s.functions[0].end = 1; }},
      {"functions in no order", [](auto& s) { std::swap(s.functions[0], s.functions[1]); }},
      {"a target of no kind", [](auto& s) { s.targets[0].kind = static_cast<Target::Kind>(3); }},
      {"a function that is not there", [](auto& s) { s.targets[0].index = 2; }},
      {"a chunk that is not there", [](auto& s) { s.targets[1].index = 1; }},
      {"an import that is not there", [](auto& s) { s.targets[2].index = kNone; }},
      {"neither true nor false", [](auto& s) { std::memset(&s.targets[0].taken, 2, 1); }},
      {"a call of data", [](auto& s) { s.calls[0].target = s.targets[1]; }},
      {"no register", [](auto& s) { s.passed[0].place.reg = 32; }},
      {"a value of no kind", [](auto& s) { s.values[0].kind = static_cast<Value::Kind>(7); }},
      {"a site of no ABI", [](auto& s) { s.sites[0].abi = static_cast<Abi>(10); }},
      {"a number without values",
       [](auto& s) {
         s.sites[0].nr = {2, 1};
       }},
      {"an argument without values",
       [](auto& s) {
         s.sites[0].args[5] = {3, 0};
       }},
      {"a store by no function", [](auto& s) { s.cells[0].function = 2; }},
      {"stores in no order",
       [](auto& s) {
         s.cells.push_back({1, 0, {0, 1}, 0});
       }},
      {"a chunk that ends before it starts", [](auto& s) { s.chunks[0].end = 1; }},
      {"exports in no order", [](auto& s) { std::swap(s.exports[0], s.exports[1]); }},
      {"an export of nothing", [](auto& s) { s.exports[0].target.index = 7; }},
      {"a trouble of no function", [](auto& s) { s.troubles[0].function = 9; }},
      {"an entry of init that is not there", [](auto& s) { s.init[0].index = 2; }},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    TestSummary test;
    c.damage(test);
    EXPECT_FALSE(is_sound(test.summary()));
    EXPECT_FALSE(unpacked(pack_summary(test.summary())).has_value());
  }
}

TEST(SummaryFile, NamesThatOverlapAreReadInLinearTime) {
  TestSummary test;
  constexpr std::uint32_t kNames = 100'000;
  test.text = std::string(1, '\0') + std::string(kNames, 'a') + '\0';
  test.functions.clear();
  test.exports.clear();
  for (std::uint32_t i = 0; i < kNames; ++i) {  // each the tail of the one before it
    test.exports.push_back({kNames - i, 0, 1, 0, 0, 0, {Target::Kind::kFunction, true, 0, kNone}});
  }
  Summary summary;
  summary.text = test.text;
  summary.exports = test.exports;
  EXPECT_FALSE(is_sound(summary));
}

}  // namespace
}  // namespace sysnare
