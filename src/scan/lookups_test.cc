// What dlsym leads to.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "scan/opens.h"
#include "scan/opens_world.h"

namespace sysnare {
namespace {

using namespace testing;

TEST(Lookups, ByNamesOfOneEndingReachThoseAlone) {
  World world;
  world.program.site(world.program.global("vlan_link_util"), {num(50)});
  world.program.site(world.program.global("red_qdisc_util"), {num(51)});
  world.program.site(world.program.function("local_link_util"), {num(52)});
  for (const char* text : {"%s/link_%s.so", "/usr/lib/ip"}) world.program.string(0, text);
  world.call(0, "dlsym", {{kRdi, {any()}}, {kRsi, {any()}}});
  const ScanResult result = linked(world.load());
  EXPECT_EQ(numbers_of(result), "50");
  EXPECT_TRUE(result.open.empty());
}

TEST(Lookups, OfALoaderReachWhatItsRowSays) {
  for (const char* soname : {"libcrypto.so.3", "libnone.so.3", "libsqlite3.so.0"}) {
    SCOPED_TRACE(soname);
    World world;
    world.call(world.start, "dlopen", {{kRdi, world.text("libother.so.1")}});
    world.call(world.start, "work", {});
    world.other.site(world.used, {num(50)});
    world.other.site(world.other.global("bind_engine"), {num(51)});
    TestObject loader(soname);
    const std::uint32_t work = loader.global("work");
    loader.call(work, loader.import("dlsym"), {{kRsi, {any()}}});
    std::vector<LoadedObject> objects = world.load();
    objects.push_back(loader.load("/lib/loader.so", Role::kLibrary));
    const ScanResult result = linked(objects);
    const std::string_view name = soname;
    EXPECT_EQ(numbers_of(result), name == "libcrypto.so.3"    ? "51"
                                  : name == "libsqlite3.so.0" ? ""
                                                              : "50 51");
    EXPECT_EQ(result.open.empty(), name != "libnone.so.3");
  }
}

TEST(Lookups, OfSystemdReachWhatTheirCallersName) {
  struct Case {
    const char* why;
    const char* text;  ///< of who looks up
    std::function<void(World&)> build;
    const char* calls;
    bool open;
  };
  const auto load_any = [](World& w) { w.call(w.start, "dlopen", {{kRdi, {any()}}}); };
  const Case kCases[] = {
      {"a caller's texts", "src/shared/dlfcn-util.c", [](World&) {}, "77", false},
      {"with another directory before it", "../src/shared/dlfcn-util.c", [](World&) {}, "77",
       false},
      {"another file", "src/shared/util.c", [](World&) {}, "", true},
      {"what it loads is not known", "src/shared/dlfcn-util.c", load_any, "77", true},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    World world;
    const std::uint32_t caller = world.program.function("caller");
    world.program.string(caller, "secret");
    world.program.take(world.start, caller);
    // It names itself in its messages.
    world.program.string(world.start, "dlsym_many_or_warn");
    world.other.site(world.other.global("dlsym_many_or_warn"), {num(78)});
    world.program.string(world.start, c.text);
    world.call(world.start, "dlsym", {{kRdi, {any()}}, {kRsi, {any()}}});
    c.build(world);
    const ScanResult result = linked(world.load());
    EXPECT_EQ(numbers_of(result), c.calls);
    EXPECT_EQ(!result.open.empty(), c.open);
  }
}

TEST(Lookups, ByDlsymReachWhatTheyName) {
  struct Case {
    const char* why;
    std::function<void(World&)> build;
    const char* calls;
    bool open;
  };
  const Case kCases[] = {
      {"a constant name",
       [](World& w) {
         w.call(0, "dlsym", {{kRdi, {any()}}, {kRsi, w.text("secret")}});
       },
       "77", false},
      {"of a function that goes on",
       [](World& w) {
         w.libc.call(w.secret, w.libc.function("inner"));
         w.libc.site(8, {num(78)});
         w.call(0, "dlsym", {{kRdi, {any()}}, {kRsi, w.text("secret")}});
       },
       "77 78", false},
      {"a name that nobody has",
       [](World& w) {
         w.call(0, "dlsym", {{kRdi, {any()}}, {kRsi, w.text("nobody")}});
       },
       "", false},
      {"where a program is loaded where it was linked the address of a text is a number",
       [](World& w) {
         w.call(0, "dlsym", {{kRdi, {any()}}, {kRsi, {num(w.program.string(0, "secret"))}}});
       },
       "77", false},
      {"a number that leads to no text is a name that is not known",
       [](World& w) {
         w.call(0, "dlsym", {{kRdi, {any()}}, {kRsi, {num(0x999999)}}});
       },
       "", true},
      {"an unknown name: it may be one of what an opened object needs, libc's for one",
       [](World& w) {
         w.call(0, "dlsym", {{kRdi, {any()}}, {kRsi, {any()}}});
       },
       "", true},
      {"an unknown name, and libc is opened by its name: it may be dlopen itself",
       [](World& w) {
         w.call(0, "dlopen", {{kRdi, w.text("libc.so.6")}});
         w.call(0, "dlsym", {{kRdi, {any()}}, {kRsi, {any()}}});
       },
       "77", true},
      {"an unknown name in all objects: RTLD_DEFAULT",
       [](World& w) {
         w.call(0, "dlsym", {{kRdi, {num(0)}}, {kRsi, {any()}}});
       },
       "", true},
      {"RTLD_NEXT",
       [](World& w) {
         w.call(0, "dlsym", {{kRdi, {num(~std::uint64_t{0})}}, {kRsi, {any()}}});
       },
       "", true},
      {"the handle of dlopen(NULL)",
       [](World& w) {
         w.call(0, "dlopen", {{kRdi, {num(0)}}});
         w.call(0, "dlsym", {{kRdi, {any()}}, {kRsi, {any()}}});
       },
       "", true},
      {"a library: nobody knows the handle, which may be RTLD_DEFAULT",
       [](World& w) {
         w.other.call(w.used, w.other.import("dlsym"), {{kRdi, {any()}}, {kRsi, {any()}}});
         w.call(0, "used", {});
       },
       "", true},
      {"a library that opens others: it may keep RTLD_DEFAULT beside their handles",
       [](World& w) {
         w.other.call(w.used, w.other.import("dlopen"),
                      {{kRdi, {address(w.other.string(w.used, "libx.so"))}}});
         w.other.call(w.used, w.other.import("dlsym"), {{kRdi, {any()}}, {kRsi, {any()}}});
         w.call(0, "used", {});
       },
       "", true},
      {"the address of dlsym is taken",
       [](World& w) { w.program.refer(0, w.program.import("dlsym", "", false, true)); }, "", true},
      {"a library that asks for a constant name",
       [](World& w) {
         w.other.call(w.used, w.other.import("dlsym"),
                      {{kRdi, {any()}}, {kRsi, {address(w.other.string(w.used, "secret"))}}});
         w.call(0, "used", {});
       },
       "77", false},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    World world;
    c.build(world);
    const ScanResult result = linked(world.load());
    EXPECT_EQ(numbers_of(result), c.calls);
    EXPECT_EQ(!result.open.empty(), c.open);
  }
}

TEST(Lookups, OfNameServicesReachWhatIsAskedFor) {
  struct Case {
    const char* why;
    std::vector<std::string> asked;  ///< texts of a live function of libc
    const char* other;               ///< of a dead one
    const char* calls;
  };
  const Case kCases[] = {
      {"one function", {"getpwuid_r"}, "gethostbyname_r", "1 3"},
      {"both", {"getpwuid_r", "gethostbyname_r"}, "", "1 2 3 4"},
      {"none of these", {"getgrgid_r"}, "", ""},
      {"nobody asks", {}, "getpwuid_r", ""},
      {"the C library has no such texts: any may be called", {}, "", "1 2 3 4"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    World world;
    TestObject service("libnss_x.so.2");
    const char* const kFunctions[] = {"getpwuid_r", "gethostbyname_r"};
    std::uint64_t number = 1;
    const std::uint32_t files = world.libc.function("");
    for (const char* name : kFunctions) {
      const std::uint32_t function = world.libc.global(std::string("_nss_files_") + name);
      world.libc.site(function, {num(number++)});
      world.libc.take(files, function);
    }
    for (const char* name : kFunctions) {
      service.site(service.global(std::string("_nss_x_") + name), {num(number++)});
    }
    const std::uint32_t asks = world.libc.global("getpwuid");
    world.libc.call(asks, files);
    for (const std::string& text : c.asked) world.libc.string(asks, text);
    if (*c.other != '\0') world.libc.string(world.libc.function("dead"), c.other);
    world.call(0, "getpwuid", {});
    std::vector<LoadedObject> objects = world.load();
    objects.push_back(service.load("/libnss_x.so.2", Role::kOpened));
    objects.back().askers = {{Asker::Kind::kNameService}};
    EXPECT_EQ(numbers_of(linked(objects)), c.calls);
  }
}

}  // namespace
}  // namespace sysnare
