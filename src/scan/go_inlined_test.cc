// From which function's source the code comes that names a word of a Go program's data.

#include "scan/go_inlined.h"

#include <gtest/gtest.h>

#include "elf/go_builder.h"
#include "scan/one_object.h"

namespace sysnare {
namespace {

constexpr std::uint64_t kWord = GoBuilder::kData;

std::string repeated(const std::string& what, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += what;
  return all;
}

// Each of 8 bytes.
const std::string kLoad = std::string("\x48\x8b\x04\x25", 4) + std::string("\0\0\x70\0", 4);
const std::string kTake = std::string("\x90\x90\x90\xb8", 4) + std::string("\0\0\x70\0", 4);
const std::string kOther(8, '\x90');
const std::string kNone8(8, '\x06');  // no instruction in 64-bit code

/// A Go program of which is asked who names the word at kWord.
struct Program {
  OneObject object;
  ObjectMap map;
  std::set<std::uint64_t> words = {kWord};
  GoInlined inlined{map, words};
  std::size_t looks = 0;

  explicit Program(const std::vector<GoBuilder::Function>& functions)
      : object(GoBuilder::program(functions)), map(filled(object, functions)) {}

  /// Whether function `function` names it by code of package os alone.
  bool by_os(std::uint32_t function, std::uint64_t word = kWord) {
    return inlined.is_named_by(function, word, [&](std::string_view name) {
      ++looks;
      return name.starts_with("os.");
    });
  }

 private:
  static ObjectMap filled(OneObject& object, const std::vector<GoBuilder::Function>& functions) {
    object.table.is_go = true;
    object.dynamic.position_independent = false;
    std::uint64_t at = GoBuilder::kText;
    for (const GoBuilder::Function& function : functions) {
      FunctionRange range;
      range.start = at;
      at += function.code.size();
      range.end = at;
      range.name = function.name;
      object.table.functions.push_back(range);
    }
    object.table.go_begin = GoBuilder::kText;
    object.table.go_end = at;
    return object.map();
  }
};

TEST(GoInlined, IsAskedOfEachInstructionThatNamesTheWord) {
  struct Case {
    const char* why;
    GoBuilder::Function function;
    bool by_os;
    std::uint64_t word = kWord;
  };
  const std::vector<GoBuilder::Inlined> os = {{"os.Open", 0}, {"main.f", 8}};
  const Case cases[] = {
      {"its own code", {"main.main", kLoad}, false},
      {"the own code of a function of os", {"os.Close", kLoad}, true},
      {"inlined", {"main.main", kOther + kLoad, os, {{8, -1}, {8, 0}}}, true},
      {"an address that is taken there", {"main.main", kTake, os, {{8, 0}}}, true},
      {"its own too", {"main.main", kLoad + kLoad, os, {{8, 0}, {8, -1}}}, false},
      {"of another that was inlined there",
       {"main.main", kOther + kLoad, os, {{8, 0}, {8, 1}}},
       false},
      {"nobody names it", {"os.Close", kOther}, false},
      {"it is not asked for", {"os.Close", kLoad}, false, kWord + 8},
      {"behind what is no instruction anything may stand", {"os.Close", kLoad + kNone8}, false},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    Program program({c.function});
    EXPECT_EQ(program.by_os(0, c.word), c.by_os);
    EXPECT_EQ(program.by_os(0, c.word), c.by_os) << "asked again";
  }
}

/// Each look may be a walk through a table of a million rows.
TEST(GoInlined, LooksAreLimitedOverAllFunctions) {
  struct Case {
    const char* why;
    std::vector<std::size_t> named;  ///< how often, by function
    std::vector<bool> by_os;
    std::size_t looks;
  };
  const Case cases[] = {
      {"as many as are looked at", {kMaxInlinedLooks}, {true}, kMaxInlinedLooks},
      {"one more", {kMaxInlinedLooks + 1}, {false}, 0},
      {"thousands", {5000}, {false}, 0},
      {"in two functions together",
       {kMaxInlinedLooks / 2, kMaxInlinedLooks / 2},
       {true, true},
       kMaxInlinedLooks},
      {"in two functions, one more",
       {kMaxInlinedLooks / 2, kMaxInlinedLooks / 2 + 1, 1},
       {true, false, false},
       kMaxInlinedLooks / 2},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    std::vector<GoBuilder::Function> functions;
    for (const std::size_t times : c.named) functions.push_back({"os.f", repeated(kLoad, times)});
    Program program(functions);
    for (std::uint32_t i = 0; i < c.named.size(); ++i) EXPECT_EQ(program.by_os(i), c.by_os[i]) << i;
    EXPECT_EQ(program.looks, c.looks);
  }
}

}  // namespace
}  // namespace sysnare
