// What C's part of a Go program loads.

#include "scan/go_loads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "scan/built_summary.h"

namespace sysnare {
namespace {

using namespace testing;

constexpr const char* kSystemd = "github.com/coreos/go-systemd/v22/internal/dlopen._Cfunc_dlopen";
constexpr const char* kSymbols = "github.com/coreos/go-systemd/v22/internal/dlopen._Cfunc_dlsym";
constexpr const char* kToken = "github.com/miekg/pkcs11._Cfunc_New";
constexpr const char* kNew = "github.com/docker/cli/vendor/github.com/miekg/pkcs11.New";
constexpr const char* kYubikey =
    "github.com/theupdateframework/notary/trustmanager/yubikey.defaultLoader";

/// A Go program, all of whose functions are live, and a C library.
struct World {
  TestObject program, libc{"libc.so.6"};
  std::uint32_t start = program.function("_rt0_amd64_linux");
  std::uint32_t wrapper = kNone;
  std::uint32_t bridge = kNone;

  World() {
    program.summary().is_go = program.summary().has_c = true;
    program.entry(start);
    libc.global("dlopen");
    libc.global("dlsym");
  }
  std::uint32_t go(const std::string& name) {
    const std::uint32_t made = program.function(name);
    program.always().push_back(function_target(made));
    return made;
  }
  /// `name` hands C's function what it loads or looks up; its variable has the wrapper's address.
  void bridge_to(const char* function, const char* name) {
    wrapper = program.function("_cgo_0123456789ab_Cfunc_" + std::string(function));
    bridge = go(name);
    program.take(bridge, wrapper);
    program.refer(bridge, chunk_target(program.chunk("", {function_target(wrapper, true)})));
    program.call(wrapper, program.import(function), {{kRdi, {any()}}, {kRsi, {any()}}});
  }
  /// The same, and the C function of a package stands in between.
  void token() {
    const std::uint32_t c = program.function("New");
    program.call(c, program.import("dlopen"), {{kRdi, {any()}}});
    wrapper = program.function("_cgo_0123456789ab_Cfunc_New");
    program.call(wrapper, c);
    bridge = go(kToken);
    program.take(bridge, wrapper);
  }
  ScanResult scan(std::string& names) {
    std::vector<OpenRequest> wanted;
    ScanResult result = linked(
        {program.load("/p", Role::kProgram), libc.load("/libc.so.6", Role::kLibrary)}, &wanted);
    for (const OpenRequest& request : wanted) names += (names.empty() ? "" : " ") + request.name;
    return result;
  }
};

TEST(GoLoads, AreKnownByWhoComesToThem) {
  constexpr const char* kTokens =
      "/usr/lib/libykcs11.so /usr/lib/libykcs11.so.1 /usr/lib/x86_64-linux-gnu/libykcs11.so "
      "/usr/lib64/libykcs11.so /usr/lib64/libykcs11.so.1 /usr/local/lib/libykcs11.so";
  constexpr const char* kLibraries =
      "libsystemd-journal.so libsystemd-journal.so.0 libsystemd-login.so libsystemd-login.so.0 "
      "libsystemd.so libsystemd.so.0";
  const auto new_by = [](World& w, const std::string& user) {
    w.token();
    const std::uint32_t made = w.go(kNew);
    w.program.call(made, w.bridge);
    w.program.call(w.go(user), made);
    return made;
  };
  struct Case {
    const char* why;
    std::function<void(World&)> build;
    const char* wanted;
    bool open;
  };
  const Case kCases[] = {
      {"a package whose source says it", [](World& w) { w.bridge_to("dlopen", kSystemd); },
       kLibraries, false},
      {"another package",
       [](World& w) { w.bridge_to("dlopen", "example.com/dlopen._Cfunc_dlopen"); }, "", true},
      {"another function of C comes to it too",
       [](World& w) {
         w.bridge_to("dlopen", kSystemd);
         const std::uint32_t other = w.program.function("other");
         w.program.call(other, w.wrapper);
         w.program.take(w.start, other);
       },
       "", true},
      {"so does a function of Go",
       [](World& w) {
         w.bridge_to("dlopen", kSystemd);
         w.program.take(w.go("main.main"), w.wrapper);
       },
       "", true},
      {"who calls the package hands it what its source says",
       [&](World& w) { new_by(w, kYubikey); }, kTokens, false},
      {"functions of its name call each other",
       [&](World& w) {
         const std::uint32_t made = new_by(w, kYubikey);
         const std::uint32_t other = w.go(kNew);
         w.program.call(made, other);
         w.program.call(other, made);
       },
       kTokens, false},
      {"somebody else calls it", [&](World& w) { new_by(w, "main.main"); }, "", true},
      {"somebody else does too",
       [&](World& w) { w.program.call(w.go("main.main"), new_by(w, kYubikey)); }, "", true},
      {"its address is kept",
       [&](World& w) {
         const Target made = function_target(new_by(w, kYubikey), true);
         w.program.refer(w.start, chunk_target(w.program.chunk("", {made})));
       },
       "", true},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    World world;
    c.build(world);
    std::string names;
    const ScanResult result = world.scan(names);
    EXPECT_EQ(names, c.wanted);
    EXPECT_EQ(!result.open.empty(), c.open);
  }
}

TEST(GoLoads, LookUpWhatTheirSourceSays) {
  for (const char* name : {kSymbols, "example.com/dlopen._Cfunc_dlsym"}) {
    SCOPED_TRACE(name);
    World world;
    world.bridge_to("dlsym", name);
    world.program.site(world.program.global("sd_journal_open"), {num(50)});
    world.program.site(world.program.global("open_journal"), {num(51)});
    std::string names;
    const ScanResult result = world.scan(names);
    const bool is_known = name == kSymbols;
    EXPECT_EQ(result.open.empty(), is_known);
    if (is_known) {
      EXPECT_EQ(numbers_of(result), "50");
    }
  }
}

}  // namespace
}  // namespace sysnare
