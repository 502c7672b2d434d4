// Which functions of an opened object are live, because somebody asks for them by name?

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "scan/built_summary.h"
#include "scan/phases.h"
#include "scan/scan_fixture.h"

namespace sysnare {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;
using Kind = Asker::Kind;

/// A program, a library, and an opened object. Of that, functions make the call of their own.
struct World {
  explicit World(const char* soname) : library(soname) {
    program.entry(start);
    for (const char* name : {"dlopen", "dlsym"}) libc.global(name);
    std::uint64_t number = 1;
    for (const char* name :
         {"other", "pam_sm_open_session", "_nss_x_init", "gconv_end", "pwqual_x_initvt"}) {
      opened.site(opened.global(name), {num(number++)});
    }
    library.global("use");
    program.call(start, program.import("use"));
  }
  void ask(TestObject& who, const Values& name) {
    who.call(0, who.import("dlsym"), {{kRdi, {any()}}, {kRsi, name}});
  }
  Values text(TestObject& who, const char* content) { return {address(who.string(0, content))}; }
  std::string calls(const std::vector<Asker>& askers) {
    LoadedObject plug_in = opened.load("/plug-in.so", Role::kOpened);
    plug_in.askers = askers;
    return numbers_of(
        linked({program.load("/p", Role::kProgram), libc.load("/libc.so.6", Role::kLibrary),
                library.load("/library", Role::kLibrary), plug_in}));
  }
  TestObject program, libc{"libc.so.6"}, library, opened;
  std::uint32_t start = program.function("_start");
};

TEST(Asked, FunctionsOfAnOpenedObjectAreThoseThatAreLookedUp) {
  const Asker anybody, pam{Kind::kLoader, "libpam.so.0"},
      krb5{Kind::kLoader, "libkrb5support.so.0"};
  const auto nothing = [](World&) {};
  const auto known = [](World& w) { w.ask(w.program, w.text(w.program, "other")); };
  const auto unknown = [](World& w) { w.ask(w.program, {any()}); };
  const auto unknown_in_library = [](World& w) { w.ask(w.library, {any()}); };
  struct Case {
    const char* why;
    const char* library;  ///< its soname
    std::function<void(World&)> build;
    std::vector<Asker> askers;
    const char* calls;
  };
  const Case cases[] = {
      {"nobody looks up anything", "x", nothing, {anybody}, ""},
      {"a name that is known", "x", known, {anybody}, "1"},
      {"one that is not", "x", unknown, {anybody}, "1 2 3 4 5"},
      {"a library's", "x", unknown_in_library, {anybody}, "1 2 3 4 5"},
      {"the address of dlsym is taken: anything",
       "x",
       [](World& w) { w.program.refer(0, w.program.import("dlsym", "", false, true)); },
       {anybody},
       "1 2 3 4 5"},
      {"a plug-in of PAM, which asks for pam_sm_*", "libpam.so.0", unknown_in_library, {pam}, "2"},
      {"PAM asks for nothing as long as no such code is live", "libpam.so.0", nothing, {pam}, ""},
      {"Kerberos, by what a name ends with",
       "libkrb5support.so.0",
       unknown_in_library,
       {krb5},
       "5"},
      {"PAM does not ask what it did not open", "libpam.so.0", unknown_in_library, {anybody}, ""},
      {"asked by two", "libpam.so.0", unknown_in_library, {{Kind::kNameService}, pam}, "2 3"},
      {"beside PAM somebody asks for anything",
       "libpam.so.0",
       [](World& w) {
         w.ask(w.library, {any()});
         w.ask(w.program, {any()});
       },
       {pam},
       "1 2 3 4 5"},
      {"systemd asks for what stands in its texts",
       "libsystemd-shared-252.so",
       [](World& w) {
         w.library.string(0, "other");
         w.ask(w.library, {any()});
       },
       {{Kind::kLoader, "libsystemd-shared-"}},
       "1"},
      {"but not where others tell it what to look up",
       "libsystemd-shared-252.so",
       [](World& w) {
         w.ask(w.library, {any()});
         w.library.global("dlsym_many_or_warn_sentinel");
         w.program.call(0, w.program.import("dlsym_many_or_warn_sentinel"));
       },
       {{Kind::kLoader, "libsystemd-shared-"}},
       "1 2 3 4 5"},
      {"the C library asks for names of its own", "x", nothing, {{Kind::kCLibrary}}, "1 2 3 4 5"},
      {"a name service", "x", unknown, {{Kind::kNameService}}, "3"},
      {"a converter", "x", unknown, {{Kind::kConverter}}, "4"},
      {"it opened itself: others have no handle",
       "x",
       unknown,
       {{Kind::kItself, "/plug-in.so"}},
       ""},
      {"it opened itself, and asks for anything",
       "x",
       [](World& w) {
         w.ask(w.opened, {any()});
         w.ask(w.program, w.text(w.program, "other"));
       },
       {{Kind::kItself, "/plug-in.so"}},
       "1 2 3 4 5"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    World world(c.library);
    c.build(world);
    EXPECT_EQ(world.calls(c.askers), c.calls);
  }
}

TEST(Asked, WhatOpenedObjectsCallMayBeAnotherOnesOfThatName) {
  struct Case {
    const char* why;
    bool needed;    ///< by the object that interposes
    bool symbolic;  ///< DF_SYMBOLIC: its own first
    const char* calls;
  };
  const Case cases[] = {
      {"opened before, with RTLD_GLOBAL", false, false, "1 2"},
      {"in the list of who needs it, it comes first", true, false, "1 2"},
      {"its own come first", false, true, "2"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    TestObject program, libc{"libc.so.6"}, first{"first.so"}, second{"second.so"};
    const std::uint32_t start = program.function("_start");
    program.entry(start);
    libc.global("dlsym");
    program.call(start, program.import("dlsym"),
                 {{kRdi, {any()}}, {kRsi, {address(program.string(start, "run"))}}});
    first.site(first.global("hook"), {num(1)});
    second.site(second.global("hook"), {num(2)});
    second.call(second.global("run"), second.import("hook"));
    second.summary().symbolic = c.symbolic;
    LoadedObject interposing = first.load("/first.so", Role::kOpened);
    if (c.needed) interposing.resolved = {"/second.so"};
    LoadedObject plug_in = second.load("/second.so", Role::kOpened);
    interposing.askers = plug_in.askers = {{}};
    EXPECT_EQ(numbers_of(linked({program.load("/p", Role::kProgram),
                                 libc.load("/libc.so.6", Role::kLibrary), interposing, plug_in})),
              c.calls);
  }
}

/// Who asks, as "PATH: KIND WHO, KIND WHO".
std::vector<std::string> askers_of(const std::vector<LoadedObject>& objects) {
  constexpr const char* kKinds[] = {"anybody",      "itself",    "C library",
                                    "name service", "converter", "loader"};
  std::vector<std::string> texts;
  for (const LoadedObject& object : objects) {
    if (object.role != Role::kOpened) continue;
    std::string text = object.path + ":";
    for (const Asker& asker : object.askers) {
      text += std::string(" ") + kKinds[static_cast<int>(asker.kind)] + asker.who;
    }
    texts.push_back(text);
  }
  return texts;
}

TEST(Asked, OfWhatSeveralOpenedByEachOfThem) {
  ScanFixture f;
  f.put_libc();
  f.around.put("/bin/x", {.needed = {"libc.so.6"}, .interpreter = kLoader});
  f.around.put("/lib/libplug.so", {.soname = "libplug.so", .needed = {"libdep.so"}});
  f.around.put("/lib/libown.so", {.soname = "libown.so", .needed = {"libdep.so"}});
  f.around.put("/lib/libdep.so", {.soname = "libdep.so", .needed = {"libdeep.so"}});
  f.around.put("/lib/libdeep.so", FakeObject{});
  f.wanted["/bin/x"] = {{"libplug.so", "/bin/x", "main", {Kind::kLoader, "L"}},
                        {"libplug.so", "/bin/x", "main", {}},
                        {"libown.so", "/bin/x", "main", {Kind::kCLibrary}}};
  // Asked for only when it is there already.
  f.wanted["/lib/libdeep.so"] = {{"libdep.so", "/lib/libc.so.6", "f", {Kind::kConverter}}};
  f.wanted["/lib/libplug.so"] = {{"/lib/libplug.so", "/lib/libplug.so", "f", {}}};
  f.scan("/bin/x");
  EXPECT_THAT(
      askers_of(f.objects),
      UnorderedElementsAre("/lib/libplug.so: anybody itself/lib/libplug.so loaderL",
                           "/lib/libown.so: C library",
                           "/lib/libdep.so: anybody itself/lib/libplug.so converter loaderL",
                           "/lib/libdeep.so: anybody itself/lib/libplug.so converter loaderL"));
}

}  // namespace
}  // namespace sysnare
