// Which objects a scan is about, in which order, and what it says of those that are not there.

#include "scan/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <set>

#include "scan/scan_fixture.h"

namespace sysnare {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::UnorderedElementsAre;

TEST(ScanProgram, LoadsBreadthFirstAndEachOnce) {
  ScanFixture f;
  f.put_libc();
  f.around.put("/bin/x", {.needed = {"liba.so", "libb.so", "libc.so.6"}, .interpreter = kLoader});
  f.around.put("/lib/liba.so", {.soname = "liba.so", .needed = {"libd.so", "libc.so.6"}});
  f.around.put("/lib/libb.so.1", {.soname = "libb.so", .needed = {"liba.so"}});
  f.around.link("/lib/libb.so", "/lib/libb.so.1");
  f.around.put("/lib/libd.so", {.soname = "libd.so"});
  const Evidence evidence = f.scan("/bin/x");
  EXPECT_THAT(f.linked,
              ElementsAre("/bin/x (program)", "/lib/liba.so (library)", "/lib/libb.so.1 (library)",
                          "/lib/libc.so.6 (library)", "/lib/libd.so (library)",
                          std::string(kLoader) + " (interpreter)"));
  EXPECT_EQ(f.analysed.size(), 6u) << "each once";
  EXPECT_THAT(reasons(evidence), ElementsAre());
  EXPECT_EQ(evidence.program.path, "/bin/x");
  EXPECT_EQ(evidence.program.sha256.size(), 64u);
  EXPECT_EQ(evidence.runs, 0u);
  EXPECT_EQ(evidence.recorder, "scan");
  EXPECT_EQ(evidence.calls.front().why, (Chain{{"/bin/x", "main"}}));
  ASSERT_EQ(evidence.scanned->sites.size(), 6u);
  EXPECT_THAT(evidence.scanned->sites[0].site.module_key, HasSubstr("sha256:"));
  EXPECT_TRUE(parse_evidence(write_evidence(evidence), "f").has_value());
}

TEST(ScanProgram, TakesWhatIsPreloadedBeforeAllElse) {
  ScanFixture f;
  f.put_libc();
  f.around.put("/bin/x", {.needed = {"libc.so.6"}, .interpreter = kLoader});
  f.around.put("/bin/static", FakeObject{});
  f.around.put("/lib/libpre.so", FakeObject{});
  f.around.put("/opt/second.so", FakeObject{});
  f.around.put_text("/etc/ld.so.preload", "# none.so\nlibpre.so:/gone.so /opt/second.so # x\n");
  EXPECT_THAT(reasons(f.scan("/bin/x")), ElementsAre());
  EXPECT_THAT(f.linked, ElementsAre("/bin/x (program)", "/lib/libpre.so (library)",
                                    "/opt/second.so (library)", "/lib/libc.so.6 (library)",
                                    std::string(kLoader) + " (interpreter)"));
  f.around.put_text("/etc/ld.so.preload", "/usr/$LIB/libpre.so\n");
  EXPECT_THAT(reasons(f.scan("/bin/x")), ElementsAre(HasSubstr("by a '$'")));
  f.around.put_text("/etc/ld.so.preload", "lib/libpre.so\n");
  EXPECT_THAT(reasons(f.scan("/bin/x")),
              ElementsAre(HasSubstr("object /etc/ld.so.preload: lib/libpre.so, which it needs, is "
                                    "looked up in the working directory")));
  f.scan("/bin/static");
  EXPECT_THAT(f.linked, ElementsAre("/bin/static (program)"));
}

TEST(ScanProgram, SearchesAsTheOneWhoAsks) {
  struct Case {
    const char* why;
    FakeObject program;
    FakeObject library;
    const char* found;  ///< of libd.so
  };
  const Case cases[] = {
      {"the library's own RUNPATH", {.needed = {"liba.so"}}, {.runpath = "/own"}, "/own/libd.so"},
      {"the program's RUNPATH is not for its libraries",
       {.needed = {"liba.so"}, .runpath = "/prog"},
       {},
       "/lib/libd.so"},
      {"its RPATH is", {.needed = {"liba.so"}, .rpath = "/prog"}, {}, "/prog/libd.so"},
      {"its RPATH, by its own $ORIGIN",
       {.needed = {"liba.so"}, .rpath = "$ORIGIN/../prog"},
       {},
       "/bin/../prog/libd.so"},
      {"but not for one with a RUNPATH",
       {.needed = {"liba.so"}, .rpath = "/prog"},
       {.runpath = "/nowhere"},
       "/lib/libd.so"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    ScanFixture f;
    f.around.put("/bin/x", c.program);
    FakeObject library = c.library;
    library.soname = "liba.so";
    library.needed = {"libd.so"};
    f.around.put("/lib/liba.so", library);
    for (const char* path : {"/own/libd.so", "/prog/libd.so", "/lib/libd.so"}) {
      f.around.put(path, FakeObject{});
    }
    const Evidence evidence = f.scan("/bin/x");
    EXPECT_THAT(f.linked, Contains(std::string(c.found) + " (library)"));
  }
}

TEST(ScanProgram, GoesOnWithoutWhatIsMissingAndIsOpen) {
  ScanFixture f;
  f.around.put("/bin/x", {.needed = {"liba.so", "libgone.so.1", "libbad.so", "libtext.so"},
                          .interpreter = "/lib64/no-loader"});
  f.around.put("/lib/liba.so", {.soname = "liba.so", .needed = {"libgone.so.1"}});
  f.around.put("/lib/libbad.so", FakeObject{});
  f.around.put_text("/lib/libtext.so", "INPUT(libc.so)");
  f.unreadable = {"/lib/libbad.so"};
  const Evidence evidence = f.scan("/bin/x");
  EXPECT_THAT(
      reasons(evidence),
      UnorderedElementsAre(
          "object /bin/x: libgone.so.1, which it needs, is not there; install it and scan again",
          "object /lib/liba.so: libgone.so.1, which it needs, is not there; install it and scan "
          "again",
          "object /bin/x: /lib64/no-loader, which it needs, is not there; install it and scan "
          "again",
          "object /lib/libbad.so: cannot be analysed: /lib/libbad.so: offset 0x10: damaged",
          HasSubstr("object /lib/libtext.so: cannot be analysed: ")));

  f.unreadable = {"/bin/x"};
  const auto bad = scan_program(f.around, f.no_cache, "/bin/x", f.options());
  ASSERT_FALSE(bad.has_value()) << "the program itself";
  EXPECT_EQ(bad.error().message, "/bin/x: offset 0x10: damaged");
  const auto none = scan_program(f.around, f.no_cache, "/bin/none", f.options());
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code, Errc::kNotFound);
}

TEST(ScanProgram, IsOpenWhereTheWorkingDirectoryDecides) {
  struct Case {
    const char* why;
    FakeObject program;
    const char* open;  ///< null: closed
  };
  const Case cases[] = {
      {"an absolute directory", {.needed = {"liba.so"}, .runpath = "/own"}, nullptr},
      {"$ORIGIN is absolute", {.needed = {"liba.so"}, .runpath = "$ORIGIN/lib"}, nullptr},
      {"a relative one",
       {.needed = {"liba.so"}, .runpath = "lib"},
       "object /bin/x: its search list for liba.so has \"lib\", which is looked up in the working "
       "directory, which is not known"},
      {"an empty one", {.needed = {"liba.so"}, .rpath = "/none:"}, "for liba.so has \".\""},
      {"found before it", {.needed = {"liba.so"}, .runpath = "/own:lib"}, nullptr},
      {"of who needs nothing", {.runpath = "lib"}, nullptr},
      {"a relative name",
       {.needed = {"lib/liba.so"}},
       "object /bin/x: lib/liba.so, which it needs, is looked up in the working directory, which "
       "is not known"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    ScanFixture f;
    f.around.put("/bin/x", c.program);
    f.around.put("/own/liba.so", FakeObject{});
    f.around.put("/lib/liba.so", FakeObject{});
    const std::vector<std::string> open = reasons(f.scan("/bin/x"));
    if (c.open == nullptr) {
      EXPECT_THAT(open, ElementsAre());
    } else {
      EXPECT_THAT(open, ElementsAre(HasSubstr(c.open)));
    }
  }
}

TEST(ScanProgram, TakesMuslForAllOfItsParts) {
  ScanFixture f;
  f.around.put("/lib/ld-musl-x86_64.so.1", {.soname = "libc.so"});
  f.around.put("/bin/x", {.needed = {"libc.musl-x86_64.so.1", "libpthread.so.0"},
                          .interpreter = "/lib/ld-musl-x86_64.so.1"});
  EXPECT_THAT(reasons(f.scan("/bin/x")), ElementsAre());
  EXPECT_THAT(f.linked, ElementsAre("/bin/x (program)", "/lib/ld-musl-x86_64.so.1 (interpreter)"));
}

TEST(ScanProgram, LoadsWhatIsOpenedUntilNothingMoreIs) {
  ScanFixture f;
  f.put_libc();
  f.around.put("/bin/x", {.needed = {"libc.so.6"}, .interpreter = kLoader});
  f.around.put("/lib/libplug.so", {.soname = "libplug.so", .needed = {"libdep.so"}});
  f.around.put("/lib/libdep.so", FakeObject{});
  f.around.put("/lib/libsecond.so", FakeObject{});
  f.around.put("/plugins/a.so", FakeObject{});
  f.around.put_text("/plugins/readme.txt", "text");
  f.around.put("/lib/libnss_files.so.2", FakeObject{});
  f.around.put("/lib/libnss_systemd.so.2", FakeObject{});
  f.around.put("/lib/gconv/UTF-16.so", FakeObject{});
  f.around.put("/lib/gconv/EUC-JP.so", {.needed = {"libJIS.so"}, .runpath = "/lib/gconv"});
  f.around.put("/lib/gconv/libJIS.so", FakeObject{});
  f.around.put_text("/lib/gconv/gconv-modules", "text");
  f.around.put_text("/etc/nsswitch.conf", "passwd: files systemd [!UNAVAIL=return] gone d/q\n");
  f.wanted["/bin/x"] = {{"libplug.so", "/bin/x", "main"},
                        {"/plugins/", "/bin/x", "load_all"},
                        {"libnuma.so.1", "/bin/x", "init"},
                        {"./local.so", "/bin/x", "user"},
                        {"libc.so.6", "/bin/x", "again"}};
  f.wanted["/lib/libplug.so"] = {{"libsecond.so", "/lib/libplug.so", "go"},
                                 {"libplug.so", "/lib/libplug.so", "itself"}};
  f.wanted["/lib/libc.so.6"] = {{"nss:passwd", "/lib/libc.so.6", "getpwnam"},
                                {"gconv:", "/lib/libc.so.6", "iconv_open"}};
  const Evidence evidence = f.scan("/bin/x");
  EXPECT_THAT(f.linked, UnorderedElementsAre(
                            "/bin/x (program)", "/lib/libc.so.6 (library)",
                            std::string(kLoader) + " (interpreter)", "/lib/libplug.so (opened)",
                            "/lib/libdep.so (opened)", "/plugins/a.so (opened)",
                            "/lib/libnss_files.so.2 (opened)", "/lib/libnss_systemd.so.2 (opened)",
                            "/lib/gconv/UTF-16.so (opened)", "/lib/gconv/EUC-JP.so (opened)",
                            "/lib/gconv/libJIS.so (opened)", "/lib/libsecond.so (opened)"));
  EXPECT_THAT(f.analysed, UnorderedElementsAre("/bin/x", "/lib/libc.so.6", kLoader))
      << "what is opened and makes no call has a light summary";
  EXPECT_THAT(reasons(evidence),
              ElementsAre(HasSubstr("dlopen /bin/x: \"./local.so\" is looked up in the working"),
                          HasSubstr("dlopen /lib/libc.so.6: /etc/nsswitch.conf names \"d/q\"")));
  EXPECT_THAT(evidence.notes,
              ElementsAre("dlopen(\"libnuma.so.1\") in init of /bin/x is not there: what it would "
                          "call is not in the scan"));
  const auto plug = std::find_if(evidence.scanned->objects.begin(), evidence.scanned->objects.end(),
                                 [](const auto& each) { return each.path == "/lib/libplug.so"; });
  EXPECT_EQ(plug->why, "dlopen(\"libplug.so\") in main of /bin/x");
}

TEST(ScanProgram, LooksUpWhatIsOpenedAsTheOneWhoAsks) {
  ScanFixture f;
  f.put_libc();
  f.around.put("/bin/x",
               {.needed = {"libc.so.6", "libask.so"}, .runpath = "/a", .interpreter = kLoader});
  f.around.put("/a/libask.so", {.soname = "libask.so", .runpath = "/b"});
  f.around.put("/a/libplug.so", FakeObject{});
  f.around.put("/b/libplug.so", FakeObject{});
  f.wanted["/bin/x"] = {{"libplug.so", "/bin/x", "main"}};
  f.wanted["/a/libask.so"] = {{"libplug.so", "/a/libask.so", "ask"}};
  f.scan("/bin/x");
  EXPECT_THAT(f.linked, IsSupersetOf({"/a/libplug.so (opened)", "/b/libplug.so (opened)"}));
}

TEST(ScanProgram, TellsArgumentsWhereNothingIsOpen) {
  for (const bool open : {false, true}) {
    ScanFixture f;
    f.put_libc();
    f.around.put("/bin/x", {.needed = {"libc.so.6"}, .interpreter = kLoader});
    if (open) f.wanted["/bin/x"] = {{"./local.so", "/bin/x", "user"}};
    const Evidence evidence = f.scan("/bin/x");
    ASSERT_EQ(evidence.scanned->open.empty(), !open);
    EXPECT_EQ(evidence.calls.at(0).args.empty(), open);
  }
}

TEST(ScanProgram, AnalysesNothingTwiceWithACache) {
  ScanFixture f;
  f.put_libc();
  f.around.put("/bin/x", {.needed = {"libc.so.6"}, .interpreter = kLoader});
  f.around.put("/lib/libplug.so", FakeObject{});
  f.wanted["/bin/x"] = {{"libplug.so", "/bin/x", "main"}};
  const FakeSurroundings folder;  // its folder goes with it
  std::string pattern = ::testing::TempDir() + "cacheXXXXXX";
  const std::string directory = ::mkdtemp(pattern.data());
  std::string first;
  for (int round = 0; round < 3; ++round) {
    SCOPED_TRACE(round);
    const auto cache = ScanCache::open(directory);
    ASSERT_TRUE(cache.has_value());
    f.analysed.clear();
    if (round == 2) f.around.put("/lib/libc.so.6", {.soname = "libc.so.6", .code = "\x90\x90\xc3"});
    const auto evidence = scan_program(f.around, **cache, "/bin/x", f.options());
    ASSERT_TRUE(evidence.has_value()) << evidence.error().message;
    (*cache)->flush();
    EXPECT_EQ((*cache)->trouble(), "");
    if (round == 0) first = write_evidence(*evidence);
    EXPECT_TRUE(round != 1 || write_evidence(*evidence) == first);
    EXPECT_EQ(f.analysed.size(), round == 0 ? 3u : round == 1 ? 0u : 1u);
  }
  std::filesystem::remove_all(directory);
}

TEST(ScanProgram, ScansWhatRunsAScript) {
  ScanFixture f;
  f.around.put("/bin/sh", FakeObject{.code = "\x90\x90\xc3"});
  f.around.put("/usr/bin/env", FakeObject{});
  f.around.put("/usr/bin/python3", FakeObject{.code = "\x90\x90\x90\xc3"});
  f.around.put_text("/s/plain", "#! /bin/sh -e\nmkdir x\n");
  f.around.put_text("/s/env", "#!/usr/bin/env -S A=1 python3 -u\n");
  f.around.put_text("/s/unknown", "#!/usr/bin/env nothing\n");
  f.around.put_text("/s/gone", "#!/bin/gone\n");
  f.around.put_text("/s/itself", "#!/s/itself\n");
  const Evidence plain = f.scan("/s/plain");
  EXPECT_EQ(plain.program.path, "/bin/sh");
  EXPECT_THAT(plain.notes, ElementsAre(HasSubstr("/s/plain is a script: the scan is of /bin/sh")));
  EXPECT_THAT(plain.executables, ElementsAre());
  const Evidence env = f.scan("/s/env");
  EXPECT_EQ(env.program.path, "/usr/bin/python3");
  ASSERT_EQ(env.executables.size(), 2u);
  EXPECT_EQ(env.executables[1].executed_by.begin()->first, "/usr/bin/env");
  EXPECT_THAT(env.notes, ElementsAre(HasSubstr("of /usr/bin/env and of /usr/bin/python3")));
  EXPECT_THAT(reasons(f.scan("/s/unknown")), ElementsAre(HasSubstr("starts \"nothing\"")));
  f.around.put_text("/s/one", "#!/s/other\n");
  f.around.put_text("/s/other", "#!/s/one\n");
  struct Case {
    const char* why;
    const char* path;
    const char* message;
  };
  constexpr Case kCases[] = {
      {"no interpreter", "/s/gone", "/s/gone: its interpreter /bin/gone is not there"},
      {"runs itself", "/s/itself", "/s/itself: a script that its own #! line runs"},
      {"two run each other", "/s/one",
       "/s/one is run by /s/other: /s/other: scripts that are run by scripts, more than 5 deep"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const auto failed = scan_program(f.around, f.no_cache, c.path, f.options());
    ASSERT_FALSE(failed.has_value());
    EXPECT_EQ(failed.error().message, c.message);
  }
}

TEST(ScanProgram, FollowsWhatCanBeStarted) {
  ScanFixture f;
  f.around.put("/bin/x", FakeObject{});
  f.around.put("/bin/sh", FakeObject{.code = "\x90\x90\xc3"});
  f.around.put("/usr/bin/ls", FakeObject{.code = "\x90\x90\x90\xc3"});
  f.around.put_text("/bin/text", "no program");
  f.execs["/bin/x"] = {{"/bin/sh", "/bin/x", "system"},
                       {std::nullopt, "/bin/x", "run"},
                       {"/bin/text", "/bin/x", "odd"},
                       {"/bin/gone", "/bin/x", "old"}};
  f.execs["/bin/sh"] = {{"ls", "/bin/sh", "go"}, {"/bin/x", "/bin/sh", "back"}};
  const auto evidence = scan_following(f.around, f.no_cache, "/bin/x", f.options());
  ASSERT_TRUE(evidence.has_value()) << evidence.error().message;
  EXPECT_EQ(evidence->program.path, "/bin/x");
  std::vector<std::string> executables;
  for (const auto& each : evidence->executables) {
    executables.push_back(each.program.path + " by " + each.executed_by.begin()->first);
  }
  EXPECT_THAT(executables,
              ElementsAre("/bin/sh by /bin/x", "/bin/x by ", "/usr/bin/ls by /bin/sh"));
  EXPECT_THAT(reasons(*evidence), ElementsAre(HasSubstr("object /bin/text: /bin/x can start it")));
  EXPECT_THAT(evidence->notes, ElementsAre("/bin/gone, which /bin/x can start, is not there"));
  EXPECT_EQ(evidence->scanned->execs_open(), 1u);
}

TEST(ScriptLine, IsReadAsTheKernelReadsIt) {
  struct Case {
    const char* why;
    std::string text;
    const char* interpreter;  ///< null: no script
    const char* argument;
  };
  const Case cases[] = {
      {"plain", "#!/bin/sh\n", "/bin/sh", ""},
      {"blanks", "#! \t/bin/sh \t -e x \n", "/bin/sh", "-e x"},
      {"no end of line", "#!/bin/sh", "/bin/sh", ""},
      {"nothing", "#!\n", nullptr, ""},
      {"an ELF file",
       "\x7f"
       "ELF",
       nullptr, ""},
      {"one sign", "#", nullptr, ""},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const auto line = script_line(c.text);
    ASSERT_EQ(line.has_value(), c.interpreter != nullptr);
    if (!line) continue;
    EXPECT_EQ(line->interpreter, c.interpreter);
    EXPECT_EQ(line->argument, c.argument);
  }
}

}  // namespace
}  // namespace sysnare
