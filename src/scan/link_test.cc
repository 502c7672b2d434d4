// Liveness, chains, symbols: what is in the result at all, and why.

#include "scan/link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "scan/built_summary.h"

namespace sysnare {
namespace {

using namespace testing;

/// A static program: `_start` (function 0) with the call 1, and what `build` makes of it.
LoadedObject program(const std::function<void(TestObject&)>& build) {
  TestObject object;
  object.function("_start");
  object.site(0, {num(1)});
  object.entry(0);
  build(object);
  return object.load("/p", Role::kProgram);
}

TEST(Reachability, FollowsWhatLiveCodeAndLiveDataReferTo) {
  struct Case {
    const char* why;
    std::function<void(TestObject&)> build;
    const char* calls;
  };
  const Case kCases[] = {
      {"the entry alone", [](TestObject&) {}, "1"},
      {"a direct call",
       [](TestObject& o) {
         o.call(0, o.function("f"));
         o.site(1, {num(2)});
       },
       "1 2"},
      {"nobody refers to it",
       [](TestObject& o) {
         o.function("dead");
         o.site(1, {num(2)});
       },
       "1"},
      {"its address is taken",
       [](TestObject& o) {
         o.take(0, o.function("handler"));
         o.site(1, {num(2)});
       },
       "1 2"},
      {"a pointer in data that live code refers to",
       [](TestObject& o) {
         o.refer(0, chunk_target(o.chunk("table", {function_target(o.function("f"), true)})));
         o.site(1, {num(2)});
       },
       "1 2"},
      {"a pointer in data that nobody refers to",
       [](TestObject& o) {
         o.chunk("table", {function_target(o.function("f"), true)});
         o.site(1, {num(2)});
       },
       "1"},
      {"data refers to data refers to code",
       [](TestObject& o) {
         const std::uint32_t inner = o.chunk("in", {function_target(o.function("f"), true)});
         o.refer(0, chunk_target(o.chunk("out", {chunk_target(inner)})));
         o.site(1, {num(2)});
       },
       "1 2"},
      {"constructors, destructors and what is always live",
       [](TestObject& o) {
         o.init().push_back(function_target(o.function("ctor")));
         o.fini().push_back(function_target(o.function("dtor")));
         o.always().push_back(function_target(o.function("personality")));
         for (std::uint32_t i = 1; i <= 3; ++i) o.site(i, {num(10 + i)});
       },
       "1 11 12 13"},
      {"recursion ends",
       [](TestObject& o) {
         o.call(0, o.function("f"));
         o.call(1, o.function("g"));
         o.call(2, 1);
         o.site(2, {num(2)});
       },
       "1 2"},
      {"indices that point nowhere are left out",
       [](TestObject& o) {
         o.call(0, function_target(77));
         o.refer(0, chunk_target(77));
         Target import;
         import.kind = Target::Kind::kImport;
         import.index = 77;
         o.refer(0, import);
       },
       "1"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(numbers_of(linked({program(c.build)})), c.calls);
  }
}

TEST(Reachability, TellsAShortestChain) {
  TestObject object;
  for (const char* name : {"_start", "long", "longer", "_ZN3app4stopEv", "init"})
    object.function(name);
  object.entry(0);
  object.call(0, 1);
  object.call(1, 2);
  object.call(2, 3);
  object.refer(0, chunk_target(object.chunk("table", {function_target(3, true)})));
  object.site(3, {num(60)});
  object.init().push_back(function_target(4));
  object.site(4, {num(2)});
  const ScanResult result = linked({object.load("/p", Role::kProgram)});
  ASSERT_EQ(numbers_of(result), "2 60");
  EXPECT_EQ(chain_of(result.calls[0].why), "/p:(init) > /p:init");
  EXPECT_EQ(chain_of(result.calls[2].why),
            "/p:(entry) > /p:_start > /p:data table > /p:app::stop()");
  EXPECT_EQ(result.functions, 5u);
  EXPECT_EQ(result.functions_live, 5u);
  ASSERT_EQ(result.sites.size(), 2u);
  EXPECT_EQ(result.sites[0].module, "/p");
  EXPECT_EQ(result.sites[0].function, "app::stop()");
  EXPECT_EQ(result.sites[0].offset, TestObject::vaddr(3) + 0x10);
  EXPECT_THAT(result.sites[0].nrs, ::testing::ElementsAre(60));
}

TEST(Reachability, AddsTheCallsThatTheKernelAsksFor) {
  const ScanResult result = linked({program([](TestObject&) {})});
  ASSERT_EQ(result.calls.size(), 3u);
  EXPECT_EQ(result.calls[1].call, (Call{Abi::kX86_64, 15}));
  EXPECT_EQ(result.calls[2].call, (Call{Abi::kX86_64, 219}));
  EXPECT_EQ(result.calls[2].why.front().object, "kernel");
  const ScanResult arm = linked({program([](TestObject& o) { o.summary().machine = EM_AARCH64; })});
  ASSERT_EQ(arm.calls.size(), 3u);
  EXPECT_EQ(arm.calls.back().call, (Call{Abi::kAarch64, 139}));
}

TEST(Reachability, TellsTheAbiOfEverySite) {
  const ScanResult result = linked({program([](TestObject& o) {
    o.site(0, {num(0x40000001)});
    o.site(0, {num(4)}, {}, Abi::kI386);
    o.site(0, {num(0x700000002)});
  })});
  EXPECT_TRUE(std::any_of(result.calls.begin(), result.calls.end(), [](const ScannedCall& call) {
    return call.call == Call{Abi::kX32, 0x40000001};
  }));
  EXPECT_TRUE(std::any_of(result.calls.begin(), result.calls.end(), [](const ScannedCall& call) {
    return call.call == Call{Abi::kI386, 4};
  }));
  EXPECT_TRUE(std::any_of(result.calls.begin(), result.calls.end(), [](const ScannedCall& call) {
    return call.call == Call{Abi::kX86_64, 2};
  })) << "numbers are cut to 32 bits";
}

/// `lib` exports f with `nr`.
LoadedObject library(const std::string& path, std::uint64_t nr, const std::string& version = "",
                     Role role = Role::kLibrary) {
  TestObject object(path.substr(1));
  object.site(object.global("f", version), {num(nr)});
  return object.load(path, role);
}

TEST(Symbols, AreLookedUpAsTheDynamicLinkerDoes) {
  struct Case {
    const char* why;
    std::function<std::vector<LoadedObject>()> objects;
    const char* calls;
    std::size_t open;
  };
  const auto importing = [](const std::string& version, bool weak) {
    return program([=](TestObject& o) { o.call(0, o.import("f", version, weak)); });
  };
  const Case kCases[] = {
      {"the first object that defines it",
       [&] {
         return std::vector{importing("", false), library("/a", 11), library("/b", 12)};
       },
       "1 11", 0},
      {"another version does not count",
       [&] {
         return std::vector{importing("V2", false), library("/a", 11, "V1"),
                            library("/b", 12, "V2")};
       },
       "1 12", 0},
      {"an unversioned definition does for any version",
       [&] {
         return std::vector{importing("V2", false), library("/a", 11), library("/b", 12, "V2")};
       },
       "1 11", 0},
      {"an import without version may get each version of the first object that has it",
       [&] {
         TestObject both("a");
         both.site(both.global("f", "V1"), {num(11)});
         both.site(both.global("f", "V2"), {num(12)});
         return std::vector{importing("", false), both.load("/a", Role::kLibrary),
                            library("/b", 13)};
       },
       "1 11 12", 0},
      {"a library gets the program's definition",
       [&] {
         TestObject lib("a");
         const std::uint32_t g = lib.global("g");
         lib.site(lib.global("f"), {num(11)});
         lib.call(g, lib.import("f"));
         return std::vector{program([](TestObject& o) {
                              o.call(0, o.import("g"));
                              o.site(o.global("f"), {num(2)});
                            }),
                            lib.load("/a", Role::kLibrary)};
       },
       "1 2", 0},
      {"one with DF_SYMBOLIC has its own first",
       [&] {
         TestObject lib("a");
         const std::uint32_t g = lib.global("g");
         lib.site(lib.global("f"), {num(11)});
         lib.call(g, lib.import("f"));
         lib.summary().symbolic = true;
         return std::vector{program([](TestObject& o) {
                              o.call(0, o.import("g"));
                              o.site(o.global("f"), {num(2)});
                            }),
                            lib.load("/a", Role::kLibrary)};
       },
       "1 11", 0},
      {"the resolver of an IFUNC, and what it chooses from",
       [&] {
         TestObject lib("a");
         const std::uint32_t resolver = lib.function("f_resolver");
         lib.export_as("f", function_target(resolver)).indirect = 1;
         lib.take(resolver, lib.function("f_avx2"));
         lib.site(1, {num(11)});
         return std::vector{importing("", false), lib.load("/a", Role::kLibrary)};
       },
       "1 11", 0},
      {"data that the program has copied keeps its pointers",
       [&] {
         TestObject lib("a");
         const std::uint32_t f = lib.function("f");
         lib.site(f, {num(11)});
         lib.export_as("table", chunk_target(lib.chunk("table", {function_target(f, true)})), "V1");
         return std::vector{program([](TestObject& o) {
                              const std::uint32_t copy = o.chunk(".bss");
                              o.export_as("table", chunk_target(copy), "V1");
                              o.refer(0, chunk_target(copy));
                            }),
                            lib.load("/a", Role::kLibrary)};
       },
       "1 11", 0},
      {"a weak import may be undefined", [&] { return std::vector{importing("", true)}; }, "1", 0},
      {"a strong one leaves the result open", [&] { return std::vector{importing("", false)}; },
       "1", 1},
      {"but not where nothing live refers to it",
       [&] {
         return std::vector{
             program([](TestObject& o) { o.call(o.function("dead"), o.import("f")); })};
       },
       "1", 0},
      {"a library that is not there",
       [&] {
         LoadedObject object = program([](TestObject& o) { o.needs("libgone.so"); });
         object.resolved = {""};
         return std::vector{object};
       },
       "1", 1},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const ScanResult result = linked(c.objects());
    EXPECT_EQ(numbers_of(result), c.calls);
    ASSERT_EQ(result.open.size(), c.open);
    for (const OpenPoint& point : result.open) EXPECT_EQ(point.kind, "object");
  }
}

TEST(Symbols, OfOpenedObjectsAreRootsAndLookInTheirOwnClosure) {
  TestObject plugin("plugin.so");
  plugin.call(plugin.global("plugin_init"), plugin.import("f"));
  LoadedObject opened = plugin.load("/plugin.so", Role::kOpened);
  opened.why = "dlopen(\"plugin.so\") in main";
  opened.resolved = {"/dep"};
  const ScanResult result =
      linked({program([](TestObject&) {}), opened, library("/other", 13, "", Role::kOpened),
              library("/dep", 12, "", Role::kOpened)});
  EXPECT_EQ(numbers_of(result), "1 12 13") << "12 by its closure, 13 as an export of /other";
  for (const ScannedCall& call : result.calls) {
    if (call.call.nr != 12) continue;
    EXPECT_EQ(chain_of(call.why), "/dep:(opened) > /dep:f");
  }
}

TEST(Troubles, OfLiveCodeStayOpen) {
  const ScanResult result = linked({program([](TestObject& o) {
    o.function("dead");
    o.trouble(1, "a jump table of dead has no bound");
    o.trouble(0, "a jump table of _start has no bound");
  })});
  ASSERT_EQ(result.open.size(), 1u);
  EXPECT_EQ(result.open[0].reason, "a jump table of _start has no bound");
  EXPECT_EQ(result.open[0].function, "_start");
}

TEST(Link, RefusesNothing) {
  std::vector<OpenRequest> wanted;
  const Result<ScanResult> result = link_objects({}, wanted);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::kUsage);
}

TEST(Link, FindsOutNothingMoreOnceMoreIsLoaded) {
  for (const bool loads : {true, false}) {
    SCOPED_TRACE(loads ? "more was loaded" : "there is no more");
    LinkOptions options;
    int told = 0;
    options.load = [&](const std::vector<OpenRequest>& wanted) {
      EXPECT_TRUE(wanted.empty());
      ++told;
      return loads;
    };
    const ScanResult result =
        linked({program([](TestObject& o) { o.site(0, {num(2)}); })}, nullptr, options);
    EXPECT_EQ(told, 1);
    EXPECT_EQ(result.calls.empty(), loads);
    EXPECT_EQ(result.sites.empty(), loads);
  }
}

TEST(Link, GivesWhyAndGraphWhereAskedFor) {
  LinkOptions options;
  options.why = Call{Abi::kX86_64, 2};
  options.graph = true;
  const ScanResult result = linked({program([](TestObject& o) {
                                     o.call(0, o.function("f"));
                                     o.call(1, 0);
                                     o.site(1, {num(2)});
                                   })},
                                   nullptr, options);
  ASSERT_EQ(result.sites.size(), 2u);
  EXPECT_TRUE(result.sites[0].why.empty()) << "it makes another call";
  EXPECT_EQ(chain_of(result.sites[1].why), "/p:(entry) > /p:_start > /p:f");
  ASSERT_TRUE(result.graph);
  ASSERT_EQ(result.graph->nodes.size(), 2u);
  ASSERT_EQ(result.graph->edges.size(), 2u);
  EXPECT_TRUE(result.graph->edges[0].on_chain);
  EXPECT_FALSE(result.graph->edges[1].on_chain) << "back from f to _start";
}

}  // namespace
}  // namespace sysnare
