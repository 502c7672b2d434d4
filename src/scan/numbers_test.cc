// Numbers that cross functions.

#include "scan/numbers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "scan/built_summary.h"

namespace sysnare {
namespace {

using namespace testing;

constexpr std::uint64_t kWord = 0xa00000;

/// A program whose `_start` (0) and `wrapper` (1, makes the call that rdi says) are there; `build`
/// makes the rest.
LoadedObject program(const std::function<void(TestObject&)>& build) {
  TestObject object;
  object.function("_start");
  object.function("wrapper");
  object.entry(0);
  object.site(1, {passed(kRdi)});
  build(object);
  return object.load("/p", Role::kProgram);
}

TEST(Numbers, AreWhatLiveCallersPass) {
  struct Case {
    const char* why;
    std::function<void(TestObject&)> build;
    const char* calls;
    const char* open;  ///< in the reason of the open site; empty: closed
  };
  const Case kCases[] = {
      {"one constant",
       [](TestObject& o) {
         o.call(0, 1, {{kRdi, {num(39)}}});
       },
       "39", ""},
      {"several, from several calls",
       [](TestObject& o) {
         o.call(0, 1, {{kRdi, {num(39), num(40)}}});
         o.call(0, 1, {{kRdi, {num(60)}}});
       },
       "39 40 60", ""},
      {"cut to 32 bits",
       [](TestObject& o) {
         o.call(0, 1, {{kRdi, {num(0xffff00000027)}}});
       },
       "39", ""},
      {"a dead caller does not count",
       [](TestObject& o) {
         o.call(0, 1, {{kRdi, {num(39)}}});
         o.call(o.function("dead"), 1, {{kRdi, {any()}}});
       },
       "39", ""},
      {"a caller that does not know",
       [](TestObject& o) {
         o.call(0, 1, {{kRdi, {num(39), any()}}});
       },
       "39", "the code of _start in /p does not tell"},
      {"a caller that says nothing of the place",
       [](TestObject& o) {
         o.call(0, 1, {{kRdi, {num(39)}}});
         o.call(0, 1, {{kRsi, {num(40)}}});
       },
       "39", "_start in /p calls wrapper in /p with a value that is not known"},
      {"its address is taken by live code",
       [](TestObject& o) {
         o.call(0, 1, {{kRdi, {num(39)}}});
         o.take(0, 1);
       },
       "39", "_start in /p takes the address of wrapper"},
      {"its address is taken by live data",
       [](TestObject& o) {
         o.call(0, 1, {{kRdi, {num(39)}}});
         o.refer(0, chunk_target(o.chunk("table", {function_target(1, true)})));
       },
       "39", "data table in /p takes the address of wrapper"},
      {"its address is taken by dead code",
       [](TestObject& o) {
         o.call(0, 1, {{kRdi, {num(39)}}});
         o.take(o.function("dead"), 1);
       },
       "39", ""},
      {"it is jumped to from elsewhere",
       [](TestObject& o) {
         o.call(0, 1, {{kRdi, {num(39)}}});
         o.refer(0, function_target(1));
       },
       "39", "_start in /p jumps to wrapper"},
      {"it jumps to itself",
       [](TestObject& o) {
         o.call(0, 1, {{kRdi, {num(39)}}});
         o.refer(1, function_target(1));
       },
       "39", ""},
      {"a destructor is called by who knows whom",
       [](TestObject& o) { o.fini().push_back(function_target(1)); }, "",
       "is called from outside of the objects"},
      {"exported, but only called from inside",
       [](TestObject& o) {
         o.export_as("wrapper", function_target(1));
         o.call(0, 1, {{kRdi, {num(39)}}});
       },
       "39", ""},
      {"a wrapper of the wrapper, with another place",
       [](TestObject& o) {
         const std::uint32_t outer = o.function("outer");
         o.call(outer, 1, {{kRdi, {passed(kRsi)}}});
         o.call(0, outer, {{kRsi, {num(39)}}, {kRdi, {any()}}});
       },
       "39", ""},
      {"wrappers in a circle",
       [](TestObject& o) {
         const std::uint32_t a = o.function("a");
         const std::uint32_t b = o.function("b");
         o.call(a, b, {{kRdi, {passed(kRdi)}}});
         o.call(b, a, {{kRdi, {passed(kRdi), num(41)}}});
         o.call(b, 1, {{kRdi, {passed(kRdi)}}});
         o.call(0, a, {{kRdi, {num(39)}}});
       },
       "39 41", ""},
      {"a wrapper that calls itself",
       [](TestObject& o) {
         o.call(1, 1, {{kRdi, {passed(kRdi)}}});
         o.call(0, 1, {{kRdi, {num(39)}}});
       },
       "39", ""},
      {"doubt goes through wrappers, to who is to blame",
       [](TestObject& o) {
         const std::uint32_t outer = o.function("outer");
         o.call(outer, 1, {{kRdi, {passed(kRdi)}}});
         o.call(0, outer, {{kRdi, {num(39)}}});
         o.take(0, outer);
       },
       "39", "takes the address of outer"},
      {"an address is no number",
       [](TestObject& o) {
         o.call(0, 1, {{kRdi, {address(0x1000)}}});
       },
       "", "the code of _start in /p does not tell"},
      {"a word on the caller's stack",
       [](TestObject& o) {
         const std::uint32_t f = o.function("f");
         o.site(f, {pointee(kRdi, 8)});
         o.call(0, f, {{kRdi, {any()}, {{0, {num(7)}}, {8, {num(39)}}}}});
         o.call(0, 1, {{kRdi, {num(1)}}});
       },
       "1 39", ""},
      {"and the function that reads it writes to another word",
       [](TestObject& o) {
         const std::uint32_t f = o.function("f");
         o.site(f, {pointee(kRdi, 8)});
         o.rewrite(f, kRdi, 16, 24);
         o.rewrite(f, kRsi, 8, 16);
         o.call(0, f, {{kRdi, {any()}, {{8, {num(39)}}}}});
         o.call(0, 1, {{kRdi, {num(1)}}});
       },
       "1 39", ""},
      {"and it writes to a part of that",
       [](TestObject& o) {
         const std::uint32_t f = o.function("f");
         o.site(f, {pointee(kRdi, 8)});
         o.rewrite(f, kRdi, 12, 13);
         o.call(0, f, {{kRdi, {any()}, {{8, {num(39)}}}}});
         o.call(0, 1, {{kRdi, {num(1)}}});
       },
       "1 39", "the code of f in /p does not tell"},
      {"and who hands the pointer on writes to it",
       [](TestObject& o) {
         const std::uint32_t f = o.function("f");
         const std::uint32_t outer = o.function("outer");
         o.site(f, {pointee(kRdi, 8)});
         o.call(outer, f, {{kRdi, {passed(kRsi)}}});
         o.rewrite(outer, kRsi, 0, 16);
         o.call(0, outer, {{kRsi, {any()}, {{8, {num(39)}}}}});
         o.call(0, 1, {{kRdi, {num(1)}}});
       },
       "1 39", "the code of outer in /p does not tell"},
      {"another word of it, of which nothing is said",
       [](TestObject& o) {
         const std::uint32_t f = o.function("f");
         o.site(f, {pointee(kRdi, 16)});
         o.call(0, f, {{kRdi, {any()}, {{0, {num(7)}}}}});
         o.call(0, 1, {{kRdi, {num(1)}}});
       },
       "1", "_start in /p calls f in /p with a value that is not known"},
      {"a static word, with what it begins as",
       [](TestObject& o) {
         o.site(0, {cell(kWord)});
         o.store(kWord, kNone, {num(39)});
         o.store(kWord, 0, {num(40)});
         o.store(kWord, o.function("dead"), {num(41)});
         o.store(kWord + 8, 0, {num(42)});
       },
       "39 40", ""},
      {"a static word, and nobody says what it begins as",
       [](TestObject& o) {
         o.site(0, {cell(kWord)});
         o.store(kWord, 0, {num(40)});
       },
       "40", "a variable whose contents are not known"},
      {"a static word without a store", [](TestObject& o) { o.site(0, {cell(kWord)}); }, "",
       "a variable whose contents are not known"},
      {"a static word with an unknown store",
       [](TestObject& o) {
         o.site(0, {cell(kWord)});
         o.store(kWord, kNone, {num(39)});
         o.store(kWord, 0, {any()});
       },
       "39", "the code of _start in /p does not tell"},
      {"a static word that a store beside it reaches into",
       [](TestObject& o) {
         o.site(0, {cell(kWord)});
         o.store(kWord, kNone, {num(39)});
         o.store(kWord - 4, 0, {num(0)});
       },
       "39", "into which _start in /p stores"},
      {"a static word into which a function puts what it is passed",
       [](TestObject& o) {
         const std::uint32_t setter = o.function("setter");
         o.site(0, {cell(kWord)});
         o.store(kWord, kNone, {num(39)});
         o.store(kWord, setter, {passed(kRdi)});
         o.call(0, setter, {{kRdi, {num(40)}}});
       },
       "39 40", ""},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const ScanResult result = linked({program(c.build)});
    EXPECT_EQ(numbers_of(result), c.calls);
    if (*c.open == '\0') {
      EXPECT_TRUE(result.open.empty()) << result.open.front().reason;
      continue;
    }
    ASSERT_EQ(result.open.size(), 1u);
    EXPECT_EQ(result.open[0].kind, "site");
    EXPECT_THAT(result.open[0].reason, ::testing::HasSubstr(c.open));
    EXPECT_FALSE(result.open[0].why.empty());
  }
}

TEST(Numbers, CrossObjects) {
  TestObject libc("libc.so.6");
  const std::uint32_t wrapper = libc.global("syscall", "GLIBC_2.2.5");
  libc.site(wrapper, {passed(kRdi)});
  TestObject main;
  main.function("_start");
  main.entry(0);
  const std::uint32_t user = main.function("user");
  main.call(0, user);
  main.call(user, main.import("syscall", "GLIBC_2.2.5"), {{kRdi, {num(318)}}});
  const ScanResult result =
      linked({main.load("/p", Role::kProgram), libc.load("/libc.so.6", Role::kLibrary)});
  ASSERT_EQ(numbers_of(result), "318");
  EXPECT_TRUE(result.open.empty());
  EXPECT_EQ(chain_of(result.calls.back().why),
            "/p:(entry) > /p:_start > /p:user > /libc.so.6:syscall")
      << "the chain goes through whoever passes the number";
}

TEST(Numbers, ThatLibseccompLooksUpAreOne) {
  struct Case {
    const char* why;
    const char* soname;
    Values number;
    const char* calls;
    bool open;
  };
  const Case kCases[] = {
      {"looked up", "libseccomp.so.2", {any()}, "317", false},
      {"a constant", "libseccomp.so.2", {num(39)}, "39", false},
      {"by another library", "libother.so.2", {any()}, "", true},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    TestObject libc("libc.so.6");
    libc.site(libc.global("syscall"), {passed(kRdi)});
    TestObject library(c.soname);
    const std::uint32_t load = library.global("load");
    library.call(load, library.import("syscall"), {{kRdi, c.number}});
    TestObject main;
    main.entry(main.function("_start"));
    main.call(0, main.import("load"));
    const ScanResult result =
        linked({main.load("/p", Role::kProgram), libc.load("/libc.so.6", Role::kLibrary),
                library.load("/library", Role::kLibrary)});
    EXPECT_EQ(numbers_of(result), c.calls);
    EXPECT_EQ(!result.open.empty(), c.open);
  }
}

/// glibc's setxid: setuid() and setgid() put a number on their stack, __nptl_setxid reads it and
/// leaves the pointer in a static word for the handler in the other threads.
TEST(Numbers, OfSetxidAreThoseOfLiveCallers) {
  TestObject object;
  for (const char* name : {"_start", "setuid", "setgid", "__nptl_setxid", "sighandler_setxid"}) {
    object.function(name);
  }
  object.entry(0);
  object.call(0, 1);
  constexpr std::uint32_t kSetxid = 3, kHandler = 4;
  object.call(1, kSetxid, {{kRdi, {any()}, {{0, {num(105)}}}}});
  object.call(2, kSetxid, {{kRdi, {any()}, {{0, {num(106)}}}}});
  object.site(kSetxid, {pointee(kRdi, 0)});
  object.store(kWord, kSetxid, {passed(kRdi)});
  object.store(kWord, kSetxid, {num(0)});
  object.take(kSetxid, kHandler);
  object.site(kHandler, {cell_pointee(kWord, 0)});
  const ScanResult result = linked({object.load("/p", Role::kProgram)});
  EXPECT_EQ(numbers_of(result), "105") << "setgid is dead";
  EXPECT_TRUE(result.open.empty());
  ASSERT_EQ(result.sites.size(), 2u);
  for (const ScannedSite& site : result.sites) {
    EXPECT_THAT(site.nrs, ::testing::ElementsAre(105)) << site.function;
  }
}

TEST(Numbers, AreFollowedUpToABound) {
  const ScanResult result = linked({program([](TestObject& o) {
    for (std::uint64_t i = 0; i < kMaxKnown + 10; ++i) o.call(0, 1, {{kRdi, {num(i)}}});
  })});
  ASSERT_EQ(result.open.size(), 1u);
  EXPECT_THAT(result.open[0].reason, ::testing::HasSubstr("too many values"));
}

TEST(Arguments, AreKeptWhereAllSitesAgreeOnAClosedSet) {
  struct Case {
    const char* why;
    std::function<void(TestObject&)> build;
    std::map<unsigned, std::set<std::uint64_t>> args;
  };
  const Case kCases[] = {
      {"constants of one site",
       [](TestObject& o) {
         o.site(0, {num(16)}, {{any()}, {num(0x5401)}});
       },
       {{1, {0x5401}}}},
      {"the union over sites",
       [](TestObject& o) {
         o.site(0, {num(16)}, {{num(0)}, {num(0x5401)}});
         o.site(0, {num(16)}, {{num(1)}, {num(0x5402), num(0x5403)}});
       },
       {{0, {0, 1}}, {1, {0x5401, 0x5402, 0x5403}}}},
      {"one site leaves it open",
       [](TestObject& o) {
         o.site(0, {num(16)}, {{}, {num(0x5401)}});
         o.site(0, {num(16)}, {{}, {}});
       },
       {}},
      {"through a wrapper",
       [](TestObject& o) {
         const std::uint32_t ioctl = o.function("ioctl");
         o.site(ioctl, {num(16)}, {{passed(kRdi)}, {passed(kRsi)}});
         o.call(0, ioctl, {{kRdi, {any()}}, {kRsi, {num(0x5401)}}});
         o.call(0, ioctl, {{kRdi, {num(1)}}, {kRsi, {num(0x5413)}}});
       },
       {{1, {0x5401, 0x5413}}}},
      {"an address is none", [](TestObject& o) { o.site(0, {num(16)}, {{address(0x1000)}}); }, {}},
      {"more than 64 values",
       [](TestObject& o) {
         Values many;
         for (std::uint64_t i = 0; i < 65; ++i) many.push_back(num(i));
         o.site(0, {num(16)}, {many, {num(1)}});
       },
       {{1, {1}}}},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const ScanResult result = linked({program(c.build)});
    const auto call = std::find_if(result.calls.begin(), result.calls.end(),
                                   [](const ScannedCall& one) { return one.call.nr == 16; });
    ASSERT_NE(call, result.calls.end());
    EXPECT_EQ(call->args, c.args);
  }
}

}  // namespace
}  // namespace sysnare
