// Load, main, error-only.

#include "scan/phases.h"

#include <gtest/gtest.h>

#include <functional>

#include "scan/built_summary.h"

namespace sysnare {
namespace {

using namespace testing;

/// "1:load 2:load+main 3:error", without what the kernel adds.
std::string phases_of(const ScanResult& result) {
  std::string all;
  for (const ScannedCall& call : result.calls) {
    if (call.why.front().object == "kernel") continue;
    if (!all.empty()) all += ' ';
    all += std::to_string(call.call.nr) + ':';
    std::string phases;
    if ((call.phases & 1) != 0) phases += "load";
    if ((call.phases & 2) != 0) phases += phases.empty() ? "main" : "+main";
    if ((call.phases & 4) != 0) phases += phases.empty() ? "error" : "+error";
    all += phases;
  }
  return all;
}

/// A dynamic program of main, libc's start and an ld.so, each function with a call of its own.
struct World {
  TestObject program, libc{"libc.so.6"}, linker{"ld-linux-x86-64.so.2"};
  std::uint32_t start = program.function("_start");
  std::uint32_t main = program.function("main");
  std::uint32_t libc_start = libc.global("__libc_start_main");
  std::uint32_t call_main = libc.function("");
  std::uint32_t exit = libc.global("exit");
  std::uint32_t abort = libc.global("abort");
  std::uint32_t rtld = linker.function("_start");
  std::uint32_t dl_main = linker.function("");
  std::uint32_t dl_run = linker.function("");
  std::uint32_t resolve = linker.function("");

  World() {
    program.entry(start);
    program.site(start, {num(1)});
    program.site(main, {num(2)});
    program.call(start, program.import("__libc_start_main"),
                 {{kRdi, {address(TestObject::vaddr(main))}}});
    program.take(start, main);
    libc.site(libc_start, {num(11)});
    libc.site(call_main, {num(12)});
    libc.site(exit, {num(13)});
    libc.site(abort, {num(14)});
    libc.call(libc_start, call_main);
    libc.no_return(call_main, true);
    libc.call(call_main, exit);
    linker.entry(rtld);
    linker.site(rtld, {num(21)});
    linker.site(dl_main, {num(22)});
    linker.site(resolve, {num(23)});
    linker.call(rtld, dl_run, {{kRdi, {address(TestObject::vaddr(dl_main))}}});
    linker.take(rtld, dl_main);
    linker.take(dl_main, resolve);
  }
  std::string phases() {
    return phases_of(
        linked({program.load("/p", Role::kProgram), libc.load("/libc.so.6", Role::kLibrary),
                linker.load("/ld-linux-x86-64.so.2", Role::kInterpreter)}));
  }
};

TEST(Phases, ComeFromMain) {
  struct Case {
    const char* why;
    std::function<void(World&)> change;
    const char* phases;
  };
  const Case kCases[] = {
      {"before main, and from main on; what ld.so stores the address of is called later, what it "
       "passes to itself is not",
       [](World&) {},
       "1:load 2:main 11:load 12:load+main 13:load+main 21:load 22:load 23:load+main"},
      {"a callback that a constructor leaves behind",
       [](World& w) {
         w.program.init().push_back(function_target(w.program.function("ctor")));
         w.program.take(2, w.program.function("handler"));
         w.program.site(2, {num(3)});
         w.program.site(3, {num(4)});
       },
       "1:load 2:main 3:load 4:load+main 11:load 12:load+main 13:load+main 21:load 22:load "
       "23:load+main"},
      {"a destructor, and what is always live",
       [](World& w) {
         w.program.fini().push_back(function_target(w.program.function("dtor")));
         w.program.always().push_back(function_target(w.program.function("tls")));
         w.program.site(2, {num(3)});
         w.program.site(3, {num(4)});
       },
       "1:load 2:main 3:main 4:load+main 11:load 12:load+main 13:load+main 21:load 22:load "
       "23:load+main"},
      {"only on the way to abort, in libc and in callers of it",
       [](World& w) {
         w.program.call(w.main, w.program.import("abort"));
         w.libc.call(w.abort, w.libc.function("raise"));
         w.libc.site(4, {num(15)});
       },
       "1:load 2:main 11:load 12:load+main 13:load+main 14:error 15:error 21:load 22:load "
       "23:load+main"},
      {"on the way to abort, and otherwise too",
       [](World& w) {
         w.program.call(w.main, w.program.import("abort"));
         w.libc.call(w.abort, w.exit);
       },
       "1:load 2:main 11:load 12:load+main 13:load+main 14:error 21:load 22:load 23:load+main"},
      {"no return of main can be told: all of __libc_start_main may follow it",
       [](World& w) { w.libc.no_return(w.call_main, false); },
       "1:load 2:main 11:load+main 12:load+main 13:load+main 21:load 22:load 23:load+main"},
      {"libc's early start is called by name",
       [](World& w) { w.libc.site(w.libc.global("__libc_early_init"), {num(16)}); },
       "1:load 2:main 11:load 12:load+main 13:load+main 16:load 21:load 22:load 23:load+main"},
      {"ld.so looks malloc up by name, and calls it then and later",
       [](World& w) {
         w.libc.site(w.libc.global("malloc"), {num(17)});
         w.linker.string(w.dl_main, "malloc");
       },
       "1:load 2:main 11:load 12:load+main 13:load+main 17:load+main 21:load 22:load "
       "23:load+main"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    World world;
    c.change(world);
    EXPECT_EQ(world.phases(), c.phases);
  }
}

TEST(Phases, AreBothWhereMainIsNotFound) {
  TestObject object;
  object.entry(object.function("_start"));
  object.site(0, {num(1)});
  object.fini().push_back(function_target(object.function("dtor")));
  object.site(1, {num(2)});
  EXPECT_EQ(phases_of(linked({object.load("/p", Role::kProgram)})), "1:load+main 2:load+main");
}

TEST(Phases, FindMainAsTheOnlyAddressTaken) {
  TestObject object;
  object.entry(object.function("_start"));
  object.site(object.function("main"), {num(2)});
  object.site(object.function("__libc_start_main"), {num(3)});
  object.take(0, 1);
  object.call(0, 2);
  EXPECT_EQ(phases_of(linked({object.load("/p", Role::kProgram)})), "2:main 3:load+main");
}

TEST(Phases, OfGoKnowItsMainByName) {
  TestObject object;
  for (const char* name :
       {"_rt0_amd64", "runtime.main", "main.main", "runtime.schedinit", "runtime.throw"}) {
    object.function(name);
  }
  object.summary().is_go = true;
  object.entry(0);
  object.call(0, 3);
  object.refer(0, chunk_target(object.chunk("runtime.mainPC", {function_target(1, true)})));
  object.call(1, 2);
  object.call(2, 4);
  for (std::uint32_t i = 0; i < 5; ++i) object.site(i, {num(i + 1)});
  EXPECT_EQ(phases_of(linked({object.load("/p", Role::kProgram)})),
            "1:load 2:load+main 3:main 4:load 5:error");
}

TEST(Phases, OfOpenedObjectsAreMainUnlessLoadOpensThem) {
  for (const bool early : {false, true}) {
    SCOPED_TRACE(early ? "a constructor opens it" : "main opens it");
    World world;
    const std::uint32_t opener = early ? world.program.function("ctor") : world.main;
    if (early) world.program.init().push_back(function_target(opener));
    world.libc.site(world.libc.global("dlopen"), {num(18)});
    world.program.call(opener, world.program.import("dlopen"),
                       {{kRdi, {address(world.program.string(opener, "libx.so"))}}});
    TestObject plugin("libx.so");
    plugin.init().push_back(function_target(plugin.function("plugin_ctor")));
    plugin.site(0, {num(31)});
    const std::string phases = phases_of(linked(
        {world.program.load("/p", Role::kProgram), world.libc.load("/libc.so.6", Role::kLibrary),
         world.linker.load("/ld-linux-x86-64.so.2", Role::kInterpreter),
         plugin.load("/libx.so", Role::kOpened)}));
    EXPECT_NE(phases.find(early ? "31:load+main" : "31:main"), std::string::npos) << phases;
  }
}

}  // namespace
}  // namespace sysnare
