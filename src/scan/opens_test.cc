// dlopen, exec.

#include "scan/opens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "scan/opens_world.h"

namespace sysnare {
namespace {

using namespace testing;

TEST(Opens, AreAskedForByName) {
  struct Case {
    const char* why;
    std::function<void(World&)> build;
    const char* wanted;
    const char* open;  ///< in its reason; empty: none
  };
  const Case kCases[] = {
      {"nothing", [](World&) {}, "", ""},
      {"a constant name",
       [](World& w) {
         w.call(0, "dlopen", {{kRdi, w.text("libx.so")}});
       },
       "libx.so", ""},
      {"its address is a number: movq $0x402019, name(%rip)",
       [](World& w) {
         w.call(0, "dlopen", {{kRdi, {num(w.program.string(0, "libx.so"))}}});
       },
       "libx.so", ""},
      {"one that is loaded already",
       [](World& w) {
         w.call(0, "dlopen", {{kRdi, w.text("libc.so.6")}});
       },
       "", ""},
      {"the program itself",
       [](World& w) {
         w.call(0, "dlopen", {{kRdi, {num(0)}}});
       },
       "", ""},
      {"a name that is not known",
       [](World& w) {
         w.call(0, "dlopen", {{kRdi, {any()}}});
       },
       "", "a name that is not constant: the code of _start in /p does not tell"},
      {"a name of which nothing is said", [](World& w) { w.call(0, "dlopen", {}); }, "",
       "a name that is not constant"},
      {"an address without a text",
       [](World& w) {
         w.call(0, "dlopen", {{kRdi, {address(0x990000)}}});
       },
       "", "no text is known"},
      {"the address of dlopen is taken",
       [](World& w) { w.program.refer(0, w.program.import("dlopen", "", false, true)); }, "",
       "takes the address of dlopen"},
      {"through a wrapper, from two callers",
       [](World& w) {
         const std::uint32_t load = w.program.function("load");
         w.call(load, "dlopen", {{kRdi, {passed(kRsi)}}});
         w.program.call(0, load, {{kRsi, w.text("liba.so")}});
         w.program.call(0, load, {{kRsi, w.text("libb.so")}});
       },
       "liba.so libb.so", ""},
      {"one name by two objects, each of which has directories of its own",
       [](World& w) {
         w.call(0, "dlopen", {{kRdi, w.text("libx.so")}});
         w.other.call(w.used, w.other.import("dlopen"),
                      {{kRdi, {address(w.other.string(w.used, "libx.so"))}}});
         w.call(0, "used", {});
       },
       "libx.so libx.so", ""},
      {"dead code asks for nothing",
       [](World& w) {
         w.call(w.program.function("dead"), "dlopen", {{kRdi, w.text("libx.so")}});
       },
       "", ""},
      {"what libc itself opens, by the texts of its live functions",
       [](World& w) {
         w.libc.string(w.secret, "libgcc_s.so.1");
         w.libc.string(w.secret, "libnss_%s.so%s");
         w.libc.string(w.secret, "/usr/lib/x86_64-linux-gnu/gconv");
         w.libc.string(w.secret, "cannot open shared object lib%s.so file");
         w.libc.string(w.secret, "libc.so.6");
         w.libc.call(w.secret, 1, {{kRdi, {any()}}});
         w.call(0, "secret", {});
       },
       "gconv: libgcc_s.so.1 nss:", ""},
      {"and not by those of dead ones", [](World& w) { w.libc.string(w.secret, "libgcc_s.so.1"); },
       "", ""},
      {"texts of others are no requests", [](World& w) { w.text("libx.so"); }, "", ""},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    World world;
    c.build(world);
    std::vector<OpenRequest> wanted;
    const ScanResult result = linked(world.load(), &wanted);
    std::string names;
    for (const OpenRequest& request : wanted) names += (names.empty() ? "" : " ") + request.name;
    EXPECT_EQ(names, c.wanted);
    if (*c.open == '\0') {
      EXPECT_TRUE(result.open.empty()) << result.open.front().reason;
      continue;
    }
    ASSERT_EQ(result.open.size(), 1u);
    EXPECT_EQ(result.open[0].kind, "dlopen");
    EXPECT_EQ(result.open[0].function, "_start");
    EXPECT_THAT(result.open[0].reason, ::testing::HasSubstr(c.open));
  }
}

/// A loader of plug-ins, whose code does not tell what it loads.
TEST(Opens, OfPlugInsAreThoseThatTheLoaderCanFind) {
  struct Case {
    const char* why;
    const char* loader;  ///< its soname
    std::function<void(World&)> build;
    const char* wanted;
    const char* open;  ///< in its reason; empty: none
  };
  const auto call = [](const char* name) { return [name](World& w) { w.call(0, name, {}); }; };
  const Case kCases[] = {
      {"no row", "libother.so.1", call("work"), "", "a name that is not constant"},
      {"nobody tells it a name", "libcrypto.so.3", call("work"), "plug-ins:libcrypto.so.3", ""},
      {"one that is constant", "libcrypto.so.3",
       [](World& w) {
         w.call(0, "work", {});
         w.call(0, "ENGINE_by_id", {{kRdi, w.text("padlock")}});
       },
       "plug-ins:libcrypto.so.3 plug-ins:libcrypto.so.3:padlock", ""},
      {"a constant path", "libcrypto.so.3",
       [](World& w) {
         w.call(0, "work", {});
         w.call(0, "ENGINE_by_id", {{kRdi, w.text("/opt/engine.so")}});
       },
       "/opt/engine.so plug-ins:libcrypto.so.3", ""},
      {"one that is not known", "libcrypto.so.3",
       [](World& w) {
         w.call(0, "work", {});
         w.call(0, "ENGINE_by_id", {{kRdi, {any()}}});
       },
       "plug-ins:libcrypto.so.3 plug-ins:libcrypto.so.3:*", "_start in /p by ENGINE_by_id"},
      {"anybody may tell it one", "libcrypto.so.3",
       [](World& w) {
         w.call(0, "work", {});
         w.program.refer(0, w.program.import("ENGINE_by_id", "", false, true));
       },
       "plug-ins:libcrypto.so.3 plug-ins:libcrypto.so.3:*", "anybody may call ENGINE_by_id"},
      {"any name will do", "libruby-3.1.so.3.1", call("work"), "plug-ins:libruby-",
       "a name that is not constant"},
      {"a shell's modules, by the name of its file", "zsh", call("work"), "plug-ins:zsh",
       "a name that is not constant"},
      {"what starts the loading is not called", "libbfd-2.40.so", call("work"), "", ""},
      {"what starts it is called", "libbfd-2.40.so",
       [](World& w) {
         w.call(0, "work", {});
         w.call(0, "bfd_plugin_set_program_name", {});
       },
       "plug-ins:libbfd-", ""},
      {"what allows the loading is not called", "libsqlite3.so.0", call("work"), "", ""},
      {"it is called", "libsqlite3.so.0",
       [](World& w) {
         w.call(0, "work", {});
         w.call(0, "sqlite3_db_config", {});
       },
       "plug-ins:libsqlite3.so.0", "a name that is not constant"},
      {"what it is called for allows nothing", "libsqlite3.so.0",
       [](World& w) {
         w.call(0, "work", {});
         w.call(0, "sqlite3_file_control", {{kRdx, {num(16)}}});
       },
       "", ""},
      {"what it is called for is not known", "libsqlite3.so.0",
       [](World& w) {
         w.call(0, "work", {});
         w.call(0, "sqlite3_file_control", {{kRdx, {num(16), any()}}});
       },
       "plug-ins:libsqlite3.so.0", "a name that is not constant"},
      {"it is called for something else too", "libsqlite3.so.0",
       [](World& w) {
         w.call(0, "work", {});
         w.call(0, "sqlite3_file_control", {{kRdx, {num(16), num(27)}}});
       },
       "plug-ins:libsqlite3.so.0", "a name that is not constant"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    World world;
    TestObject loader(c.loader);
    const std::uint32_t load = loader.function("load");
    loader.call(load, loader.import("dlopen"), {{kRdi, {any()}}});
    for (const char* name : {"work", "ENGINE_by_id", "bfd_plugin_set_program_name",
                             "sqlite3_db_config", "sqlite3_file_control"}) {
      loader.call(loader.global(name), load);
    }
    c.build(world);
    std::vector<LoadedObject> objects = world.load();
    objects.push_back(loader.load("/lib/loader.so", Role::kLibrary));
    std::vector<OpenRequest> wanted;
    const ScanResult result = linked(objects, &wanted);
    std::string names;
    for (const OpenRequest& request : wanted) names += (names.empty() ? "" : " ") + request.name;
    EXPECT_EQ(names, c.wanted);
    ASSERT_EQ(result.open.size(), *c.open == '\0' ? 0u : 1u);
    if (*c.open != '\0') {
      EXPECT_THAT(result.open[0].reason, ::testing::HasSubstr(c.open));
    }
  }
}

TEST(Opens, WhoIsKnownByATextOpensWhatItsSourceSays) {
  struct Case {
    const char* why;
    std::vector<const char*> texts;  ///< of the function that loads
    const char* wanted;
    bool open;
  };
  const Case cases[] = {
      {"no text", {}, "", true},
      {"another one", {"libsubid_%s.so.1"}, "", true},
      {"modules of nsswitch.conf", {"libsubid_%s.so"}, "subid:", false},
      {"a list", {"libreadline.so.8:libedit.so.2"}, "libedit.so.2 libreadline.so.8", false},
      {"a name is no list", {"libreadline.so.8"}, "", true},
      {"a directory", {"%s/link_%s.so", "/usr/lib/ip"}, "/usr/lib/ip/", false},
      {"nobody says which one", {"%s/link_%s.so", "/usr/lib/tc"}, "", true},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    World world;
    for (const char* text : c.texts) world.program.string(world.start, text);
    // What another function refers to says nothing.
    world.program.string(world.program.function("other"), "libsubid_%s.so");
    world.call(0, "dlopen", {{kRdi, {any()}}});
    std::vector<OpenRequest> wanted;
    const ScanResult result = linked(world.load(), &wanted);
    std::string names;
    for (const OpenRequest& request : wanted) names += (names.empty() ? "" : " ") + request.name;
    EXPECT_EQ(names, c.wanted);
    EXPECT_EQ(!result.open.empty(), c.open);
  }
}

/// Somebody else opens an object by a constant.
/// What glibc calls in its name services: its own, and one that is opened.
TEST(Opens, WhoNamesServicesOrPlacesOfConvertersMayLoadAnyOfThem) {
  struct Case {
    const char* why;
    std::function<void(TestObject& program, std::uint32_t start)> build;
    const char* open;  ///< in the reason; empty: closed
  };
  const auto call = [](const char* name) {
    return [name](TestObject& program, std::uint32_t start) {
      program.call(start, program.import(name));
    };
  };
  const Case kCases[] = {
      {"nobody does", [](auto&, auto) {}, ""},
      {"services are named", call("__nss_configure_lookup"), "(__nss_configure_lookup)"},
      {"by its address",
       [](TestObject& program, std::uint32_t start) {
         program.refer(start, program.import("__nss_configure_lookup", "", false, true));
       },
       "(__nss_configure_lookup)"},
      {"the C library names them for somebody", call("inner"), ""},
      {"a variable is set", call("setenv"), ""},
      {"the variable of converters is",
       [](TestObject& program, std::uint32_t start) {
         program.call(start, program.import("putenv"));
         program.string(start, "GCONV_PATH=/opt");
       },
       "(GCONV_PATH)"},
      {"its name alone",
       [](TestObject& program, std::uint32_t start) { program.string(start, "GCONV_PATH"); },
       "(GCONV_PATH)"},
      {"another variable's",
       [](TestObject& program, std::uint32_t start) { program.string(start, "GCONV"); }, ""},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    TestObject program, libc("libc.so.6");
    const std::uint32_t start = program.function("_start");
    program.entry(start);
    libc.global("gnu_get_libc_version");
    libc.global("setenv");
    libc.global("putenv");
    libc.call(libc.global("inner"), libc.global("__nss_configure_lookup"));
    c.build(program, start);
    const ScanResult result =
        linked({program.load("/p", Role::kProgram), libc.load("/libc.so.6", Role::kLibrary)});
    ASSERT_EQ(result.open.size(), *c.open == '\0' ? 0u : 1u);
    if (*c.open != '\0') {
      EXPECT_THAT(result.open[0].reason, ::testing::HasSubstr(c.open));
    }
  }
}

TEST(Opens, OfTheDynamicLinkerAreWhateverItIsTold) {
  for (const char* path : {"/lib/ld-linux-x86-64.so.2", "/lib/ld-musl-x86_64.so.1", "/bin/ld"}) {
    SCOPED_TRACE(path);
    TestObject linker;
    linker.entry(linker.function("_start"));
    const ScanResult result = linked({linker.load(path, Role::kProgram)});
    EXPECT_EQ(result.open.size(), std::string(path) == "/bin/ld" ? 0u : 1u);
  }
}

TEST(Execs, AreToldByPathWhereItIsKnown) {
  struct Case {
    const char* why;
    std::function<void(World&)> build;
    const char* execs;
  };
  const Case kCases[] = {
      {"nothing", [](World&) {}, ""},
      {"a constant path",
       [](World& w) {
         w.call(0, "execve", {{kRdi, w.text("/bin/ls")}});
       },
       "/bin/ls by _start in /p"},
      {"an unknown one",
       [](World& w) {
         w.call(0, "execve", {{kRdi, {any()}}});
       },
       "? by _start in /p"},
      {"both",
       [](World& w) {
         Values either = w.text("/bin/ls");
         either.push_back(any());
         w.call(0, "execve", {{kRdi, either}});
       },
       "? by _start in /p, /bin/ls by _start in /p"},
      {"a shell, and what it is told",
       [](World& w) {
         w.call(0, "system", {{kRdi, w.text("ls")}});
       },
       "? by _start in /p, /bin/sh by _start in /p"},
      {"the second argument of posix_spawn",
       [](World& w) {
         w.call(0, "posix_spawn", {{kRdi, {any()}}, {kRsi, w.text("/bin/ls")}});
       },
       "/bin/ls by _start in /p"},
      {"a descriptor has no path", [](World& w) { w.call(0, "fexecve", {}); }, "? by _start in /p"},
      {"the address is taken",
       [](World& w) { w.program.refer(0, w.program.import("execve", "", false, true)); },
       "? by _start in /p"},
      {"what libc's own functions pass on is their callers' affair",
       [](World& w) {
         w.libc.call(4, 3, {{kRdi, {any()}}});  // execl calls execve
         w.call(0, "execl", {{kRdi, w.text("/bin/ls")}});
       },
       "/bin/ls by _start in /p"},
      {"what libc executes of its own accord",
       [](World& w) {
         w.libc.call(w.secret, 3, {{kRdi, {address(w.libc.string(w.secret, "/bin/sh"))}}});
         w.call(0, "secret", {});
       },
       "/bin/sh by secret in /libc.so.6"},
      {"a calling instruction of one's own",
       [](World& w) { w.program.site(0, {num(59)}, {w.text("/bin/ls")}); },
       "/bin/ls by _start in /p"},
      {"a calling instruction of one's own, path unknown",
       [](World& w) { w.program.site(0, {num(322)}); }, "? by _start in /p"},
      {"through syscall(2)'s wrapper",
       [](World& w) {
         const std::uint32_t syscall = w.libc.global("syscall");
         w.libc.site(syscall, {passed(kRdi)});
         w.call(0, "syscall", {{kRdi, {num(59)}}});
       },
       "? by _start in /p"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    World world;
    c.build(world);
    std::string execs;
    for (const ExecPoint& exec : linked(world.load()).execs) {
      execs += (execs.empty() ? "" : ", ") + exec.path.value_or("?") + " by " + exec.function +
               " in " + exec.object;
    }
    EXPECT_EQ(execs, c.execs);
  }
}

TEST(Opens, OfStaticProgramsAreFoundByTheNamesOfFunctions) {
  TestObject object;
  object.entry(object.function("_start"));
  const std::uint32_t dlopen = object.function("dlopen");
  const std::uint32_t inner = object.function("__libc_dlopen_mode");
  const std::uint32_t execve = object.function("execve");
  const std::uint32_t execl = object.function("execl");
  object.call(0, dlopen, {{kRdi, {any()}}});
  object.call(dlopen, inner, {{kRdi, {any()}}});
  object.call(0, execl, {{kRdi, {address(object.string(0, "/bin/ls"))}}});
  object.call(execl, execve, {{kRdi, {any()}}});
  object.string(inner, "libgcc_s.so.1");
  std::vector<OpenRequest> wanted;
  const ScanResult result = linked({object.load("/p", Role::kProgram)}, &wanted);
  ASSERT_EQ(wanted.size(), 1u);
  EXPECT_EQ(wanted[0].name, "libgcc_s.so.1");
  ASSERT_EQ(result.open.size(), 1u) << "the user's call of dlopen, not libc's own";
  EXPECT_EQ(result.open[0].function, "_start");
  ASSERT_EQ(result.execs.size(), 1u);
  EXPECT_EQ(result.execs[0].path, "/bin/ls");
}

TEST(Execs, OfGoAreUnknown) {
  TestObject object;
  object.entry(object.function("_rt0_amd64_linux"));
  object.summary().is_go = true;
  object.call(0, object.function("syscall.forkExec"));
  const ScanResult result = linked({object.load("/p", Role::kProgram)});
  ASSERT_EQ(result.execs.size(), 1u);
  EXPECT_FALSE(result.execs[0].path);
  EXPECT_EQ(result.execs[0].function, "syscall.forkExec");
}

}  // namespace
}  // namespace sysnare
