// What hangs on an argument.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "scan/built_summary.h"
#include "scan/names.h"

namespace sysnare {
namespace {

using namespace testing;

/// 1 is the call of who asks for access, 2 that of who asks who it is.
struct Access : ProgramAndLibc {
  std::uint32_t access = libc.global("faccessat");
  std::uint32_t path = libc.global("realpath");
  std::uint32_t who = libc.global("geteuid");
  explicit Access(bool glibc = true) {
    if (glibc) libc.global("gnu_get_libc_version");
    libc.site(access, {num(1)});
    libc.site(who, {num(2)});
    libc.call(access, who);
    libc.call(path, access, {{kRdx, {num(0)}}});
  }
};

TEST(GuardsOfArguments, OfAccessOthersThanWhetherAFileIsThereAreJudged) {
  struct Case {
    const char* why;
    std::function<void(Access&)> build;
    const char* numbers;
  };
  const Case kCases[] = {
      {"realpath asks for F_OK", [](Access& a) { a.call("realpath"); }, "1"},
      {"so does the program",
       [](Access& a) {
         a.call("faccessat", {{kRdx, {num(0)}}});
       },
       "1"},
      {"bits that are no mode",
       [](Access& a) {
         a.call("faccessat", {{kRdx, {num(0x100)}}});
       },
       "1"},
      {"the program asks for R_OK",
       [](Access& a) {
         a.call("faccessat", {{kRdx, {num(4)}}});
       },
       "1 2"},
      {"it may ask for X_OK",
       [](Access& a) {
         a.call("faccessat", {{kRdx, {num(0), num(1)}}});
       },
       "1 2"},
      {"it asks for who knows what",
       [](Access& a) {
         a.call("faccessat", {{kRdx, {any()}}});
       },
       "1 2"},
      {"nothing is said of what it passes", [](Access& a) { a.call("faccessat"); }, "1 2"},
      {"both of them",
       [](Access& a) {
         a.call("realpath");
         a.call("faccessat", {{kRdx, {num(4)}}});
       },
       "1 2"},
      {"a function hands on what it is passed",
       [](Access& a) {
         const std::uint32_t own = a.program.function("");
         a.program.call(a.start, own, {{kRsi, {num(0)}}});
         a.program.call(own, a.program.import("faccessat"), {{kRdx, {passed(kRsi)}}});
       },
       "1"},
      {"and somebody passes it W_OK",
       [](Access& a) {
         const std::uint32_t own = a.program.function("");
         a.program.call(a.start, own, {{kRsi, {num(2)}}});
         a.program.call(own, a.program.import("faccessat"), {{kRdx, {passed(kRsi)}}});
       },
       "1 2"},
      {"its address is taken",
       [](Access& a) { a.program.refer(a.start, a.program.import("faccessat", "", false, true)); },
       "1 2"},
      {"who asks is called by others too",
       [](Access& a) {
         a.call("realpath");
         a.call("geteuid");
       },
       "1 2"},
      {"it is looked up by name, after a first walk",
       [](Access& a) {
         a.libc.global("dlsym");
         a.call("realpath");
         a.call("dlsym",
                {{kRdi, {any()}}, {kRsi, {address(a.program.string(a.start, "faccessat"))}}});
       },
       "1 2"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    Access world;
    c.build(world);
    EXPECT_EQ(world.numbers(), c.numbers);
  }
}

TEST(GuardsOfArguments, OfAccessSayNothingOfOtherLibraries) {
  Access world(false);
  world.call("realpath");
  EXPECT_EQ(world.numbers(), "1 2");
}

TEST(GuardsOfArguments, OfSysconfProcessorsAreCountedWhereTheyAreAskedFor) {
  struct Case {
    const char* why;
    Values name;
    const char* numbers;
  };
  const Case kCases[] = {
      {"pages of memory", {num(85)}, "1"},
      {"the page size, and how many files", {num(30), num(4)}, "1"},
      {"configured ones", {num(83)}, "1 2"},
      {"those online", {num(30), num(84)}, "1 2"},
      {"the name is an int", {num(0xffffffff00000054)}, "1 2"},
      {"who knows", {any()}, "1 2"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    ProgramAndLibc world;
    TestObject& libc = world.libc;
    libc.global("gnu_get_libc_version");
    const std::uint32_t sysconf = libc.global(std::string(kSysconf));
    libc.site(sysconf, {num(1)});
    for (const char* name : {"get_nprocs", "get_nprocs_conf"}) {
      const std::uint32_t count = libc.global(name);
      libc.site(count, {num(2)});
      libc.call(sysconf, count);
    }
    libc.call(sysconf, sysconf, {{kRdi, {num(85)}}});
    world.call("sysconf", {{kRdi, c.name}});
    EXPECT_EQ(world.numbers(), c.numbers);
  }
}

TEST(GuardsOfArguments, MessagesAreLookedForInTheWorkingDirectoryWhereSomebodySaysSo) {
  struct Case {
    const char* why;
    std::function<Values(TestObject&, std::uint32_t)> directory;
    const char* numbers;
  };
  const auto text = [](const char* content) {
    return [content](TestObject& program, std::uint32_t in) {
      return Values{address(program.string(in, content))};
    };
  };
  const Case kCases[] = {
      {"an absolute directory", text("/usr/share/locale"), "1"},
      {"it asks which it is", [](auto&, auto) { return Values{num(0)}; }, "1"},
      {"a relative one", text("locale"), "1 2"},
      {"an empty one", text(""), "1 2"},
      {"one of two",
       [](TestObject& program, std::uint32_t in) {
         return Values{address(program.string(in, "/a")), address(program.string(in, "b"))};
       },
       "1 2"},
      {"who knows", [](auto&, auto) { return Values{any()}; }, "1 2"},
      {"a text that is not known", [](auto&, auto) { return Values{address(0x77)}; }, "1 2"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    ProgramAndLibc world;
    TestObject& libc = world.libc;
    libc.global("gnu_get_libc_version");
    const std::uint32_t bind = libc.global(std::string(kBindDomain));
    const std::uint32_t translate = libc.global("dcgettext");
    const std::uint32_t search = libc.function("");
    const std::uint32_t where = libc.global("getcwd");
    libc.site(bind, {num(1)});
    libc.site(where, {num(2)});
    libc.call(translate, search);
    libc.call(search, where);
    world.call("dcgettext");
    world.call("bindtextdomain", {{kRsi, c.directory(world.program, world.start)}});
    EXPECT_EQ(world.numbers(), c.numbers);
  }
}

TEST(GuardsOfArguments, OfLlvmUsersAreLookedForWhereATildeIsToBeExpanded) {
  struct Case {
    const char* why;
    Values expand;
    const char* numbers;
  };
  const Case kCases[] = {
      {"it is not", {num(0)}, "1"},
      {"only the low byte is the bool", {num(0x100)}, "1"},
      {"it is", {num(1)}, "1 2"},
      {"who knows", {any()}, "1 2"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    TestObject program, llvm("libLLVM-14.so.1"), libc("libc.so.6");
    const std::uint32_t start = program.function("_start");
    program.entry(start);
    const std::uint32_t path = llvm.global(std::string(kLlvmRealPath));
    const std::uint32_t tilde = llvm.function("");
    const std::uint32_t other = llvm.function("");
    llvm.call(path, tilde);
    llvm.call(path, other);
    llvm.call(path, path, {{kRdx, {num(0)}}});
    llvm.call(tilde, llvm.import("getpwnam"));
    llvm.site(other, {num(1)});
    libc.site(libc.global("getpwnam"), {num(2)});
    program.call(start, program.import(std::string(kLlvmRealPath)), {{kRdx, c.expand}});
    EXPECT_EQ(numbers_of(linked({program.load("/p", Role::kProgram),
                                 llvm.load("/libLLVM-14.so.1", Role::kLibrary),
                                 libc.load("/libc.so.6", Role::kLibrary)})),
              c.numbers);
  }
}

}  // namespace
}  // namespace sysnare
