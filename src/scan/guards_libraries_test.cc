// What hangs on a function of one library.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "scan/built_summary.h"

namespace sysnare {
namespace {

using namespace testing;

TEST(GuardsOfLibraries, OfEnginesHangOnTheirBuilder) {
  for (const bool builds : {false, true}) {
    SCOPED_TRACE(builds);
    TestObject program;
    TestObject llvm("libLLVM-14.so.1");
    const std::uint32_t start = program.function("_start");
    program.entry(start);
    const std::uint32_t constructor = llvm.function("");
    const std::uint32_t create = llvm.global("_ZN4llvm5MCJIT9createJITESt10unique_ptr");
    llvm.site(create, {num(1)});
    llvm.take(constructor, create);
    llvm.init().push_back(function_target(constructor));
    const char* const builder = "_ZN4llvm13EngineBuilder6createEPNS_13TargetMachineE";
    llvm.global(builder);
    if (builds) program.call(start, program.import(builder));
    EXPECT_EQ(numbers_of(linked({program.load("/p", Role::kProgram),
                                 llvm.load("/libLLVM-14.so.1", Role::kLibrary)})),
              builds ? "1" : "");
  }
}

/// libxml2, whose destructor fills a table of handlers: one loads files.
struct Parsers {
  TestObject program, xml{"libxml2.so.2"};
  std::uint32_t start = program.function("_start");
  std::uint32_t init = xml.global("xmlInitParserCtxt");
  std::uint32_t fill = xml.global("initdocbDefaultSAXHandler");
  std::uint32_t handler = xml.global("xmlSAX2ResolveEntity");
  std::uint32_t free = xml.function("");
  Parsers() {
    program.entry(start);
    xml.site(handler, {num(1)});
    xml.site(free, {num(2)});
    xml.call(free, fill);
    xml.take(fill, handler);
    xml.fini().push_back(function_target(free));
    xml.call(handler, init);  // who handles may parse in turn
  }
};

TEST(GuardsOfLibraries, OfHandlersHangOnParsers) {
  struct Case {
    const char* why;
    std::function<void(Parsers&)> build;
    const char* calls;
  };
  const Case kCases[] = {
      {"nobody parses", [](Parsers&) {}, "2"},
      {"a parser is made",
       [](Parsers& p) { p.program.call(p.start, p.program.import("xmlInitParserCtxt")); }, "1 2"},
      {"one for HTML",
       [](Parsers& p) {
         p.xml.global("htmlReadFile");
         p.program.call(p.start, p.program.import("htmlReadFile"));
       },
       "1 2"},
      {"the program takes the handler itself",
       [](Parsers& p) {
         p.program.refer(p.start, p.program.import("xmlSAX2ResolveEntity", "", false, true));
       },
       "1 2"},
      {"its table is data",
       [](Parsers& p) {
         p.xml.refer(p.free, chunk_target(p.xml.chunk("", {function_target(p.handler, true)})));
       },
       "1 2"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    Parsers world;
    c.build(world);
    EXPECT_EQ(numbers_of(linked({world.program.load("/p", Role::kProgram),
                                 world.xml.load("/libxml2.so.2", Role::kLibrary)})),
              c.calls);
  }
}

TEST(GuardsOfLibraries, OfTopologyHangOnWhoAsksForIt) {
  for (const char* asks :
       {"", "blkid_probe_enable_topology", "blkid_probe_get_topology", "blkid_do_probe"}) {
    SCOPED_TRACE(asks);
    TestObject program, blkid("libblkid.so.1");
    const std::uint32_t start = program.function("_start");
    program.entry(start);
    const std::uint32_t probe = blkid.global("blkid_do_probe");
    const std::uint32_t start_it = blkid.function("");
    blkid.site(start_it, {num(57)});
    blkid.site(probe, {num(1)});
    blkid.string(start_it, "/usr/sbin/dmsetup");
    blkid.take(probe, start_it);
    blkid.call(blkid.global("blkid_probe_enable_topology"), probe);
    blkid.call(blkid.global("blkid_probe_get_topology"), probe);
    if (*asks != '\0') program.call(start, program.import(asks));
    const std::string_view name = asks;
    EXPECT_EQ(numbers_of(linked({program.load("/p", Role::kProgram),
                                 blkid.load("/libblkid.so.1", Role::kLibrary)})),
              name.empty()               ? ""
              : name == "blkid_do_probe" ? "1"
                                         : "1 57");
  }
}

TEST(GuardsOfLibraries, DoNotHoldWhereTheLibraryWasLinkedIntoAnother) {
  TestObject program;
  TestObject other("libother.so.1");  // its linker may have inlined what the row hangs on
  program.entry(program.function("_start"));
  const std::uint32_t start_it = other.function("");
  other.site(start_it, {num(57)});
  other.string(start_it, "/usr/sbin/dmsetup");
  other.global("blkid_probe_enable_topology");
  other.init().push_back(function_target(start_it));
  EXPECT_EQ(numbers_of(linked({program.load("/p", Role::kProgram),
                               other.load("/libother.so.1", Role::kLibrary)})),
            "57");
}

/// LLVM, of whose passes whoever makes a machine of the target has the tables: one loads a library,
/// one runs others.
struct Passes {
  TestObject program, llvm{"libLLVM-14.so.1"};
  std::uint32_t start = program.function("_start");
  std::uint32_t target = llvm.global("LLVMInitializeX86Target");
  std::uint32_t run = llvm.global("_ZN4llvm6legacy11PassManager3runERNS_6ModuleE");
  std::uint32_t of_passes = llvm.global("_ZN4llvm4Pass18getAsPMDataManagerEv");
  std::uint32_t loads = llvm.function("");
  std::uint32_t runs_others = llvm.function("");
  Passes() {
    program.entry(start);
    program.call(start, program.import("LLVMInitializeX86Target"));
    llvm.site(loads, {num(1)});
    llvm.string(loads, "optimize_cut");
    llvm.site(run, {num(2)});
    llvm.call(runs_others, run);
    for (const std::uint32_t method : {loads, runs_others}) {
      llvm.refer(target, chunk_target(llvm.chunk("", {function_target(of_passes, true),
                                                      function_target(method, true)})));
    }
  }
};

TEST(GuardsOfLibraries, OfPassesHangOnWhoRunsThem) {
  struct Case {
    const char* why;
    std::function<void(Passes&)> build;
    const char* calls;
  };
  const Case kCases[] = {
      {"they are registered, and nobody runs any", [](Passes&) {}, ""},
      {"the program does",
       [](Passes& p) {
         p.program.call(p.start, p.program.import("_ZN4llvm6legacy11PassManager3runERNS_6ModuleE"));
       },
       "1 2"},
      {"a function of LLVM does that the program calls",
       [](Passes& p) {
         p.llvm.call(p.llvm.global("LLVMTargetMachineEmitToFile"), p.run);
         p.program.call(p.start, p.program.import("LLVMTargetMachineEmitToFile"));
       },
       "1 2"},
      {"so does one in which that is inlined",
       [](Passes& p) {
         const std::uint32_t emits = p.llvm.global("LLVMTargetMachineEmitToFile");
         p.llvm.call(emits, p.llvm.global("_ZN4llvm6legacy15PassManagerImpl3runERNS_6ModuleE"));
         p.program.call(p.start, p.program.import("LLVMTargetMachineEmitToFile"));
       },
       "1 2"},
      {"so does one that is exported and stands in a table",
       [](Passes& p) {
         const std::uint32_t compiler =
             p.llvm.global("_ZN4llvm3orc14SimpleCompilerclERNS_6ModuleE");
         p.llvm.call(compiler, p.run);
         p.llvm.refer(p.target, chunk_target(p.llvm.chunk("", {function_target(compiler, true)})));
       },
       "1 2"},
      {"one stands in a table that is of no pass",
       [](Passes& p) {
         p.llvm.refer(p.target,
                      chunk_target(p.llvm.chunk("", {function_target(p.runs_others, true)})));
       },
       "1 2"},
      {"code takes its address", [](Passes& p) { p.llvm.take(p.target, p.runs_others); }, "1 2"},
      {"code calls what loads", [](Passes& p) { p.llvm.call(p.target, p.loads); }, "1"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    Passes world;
    c.build(world);
    EXPECT_EQ(numbers_of(linked({world.program.load("/p", Role::kProgram),
                                 world.llvm.load("/libLLVM-14.so.1", Role::kLibrary)})),
              c.calls);
  }
}

}  // namespace
}  // namespace sysnare
