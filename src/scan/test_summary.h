#pragma once
// A summary of the least there can be that uses every array, which the tests of this room damage.

#include <memory>
#include <string>
#include <vector>

#include "scan/summary.h"

namespace sysnare {

struct TestSummary {
  std::string text = std::string("\0main\0libc.so.6\0write\0\0key", 26) + '\0';
  std::vector<std::uint32_t> needed = {6};
  std::vector<std::uint32_t> runpath = {1};
  std::vector<std::uint32_t> rpath = {1};
  std::vector<Function> functions;
  std::vector<Target> targets = {{Target::Kind::kFunction, true, 0, 1},
                                 {Target::Kind::kChunk, true, 0, 0},
                                 {Target::Kind::kImport, false, 0, 0}};
  std::vector<CallSite> calls;
  std::vector<Passed> passed;
  std::vector<Passed> pointees;
  std::vector<SyscallSite> sites;
  std::vector<Value> values = {{Value::Kind::kConstant, 8, 0, 0, {}, 60},
                               {Value::Kind::kPassed, 4, 0, 0, {0, 7, 0, 0}, 0}};
  std::vector<Rewrite> rewrites = {{{0, 7, 0, 0}, 8, 16}};
  std::vector<CellStore> cells = {{0x10, 0, {0, 1}, 0}};
  std::vector<Chunk> chunks = {{0x4000, 0x4010, 0, {0, 1}, 0}};
  std::vector<Import> imports = {{16, 0, 1, {}}};
  std::vector<Export> exports = {{1, 0, 1, 0, 0, 0, {Target::Kind::kFunction, true, 0, 0}},
                                 {16, 0, 1, 0, 0, 0, {Target::Kind::kFunction, true, 0, 1}}};
  std::vector<StringRef> strings = {{0x3000, 6, 0}};
  std::vector<Target> init = {{Target::Kind::kFunction, true, 0, 0}};
  std::vector<Target> fini = init;
  std::vector<Target> always = init;
  std::vector<Trouble> troubles = {{0x1000, 1, kNone}};

  TestSummary() {
    Function main;
    main.start = 0x1000;
    main.end = 0x1010;
    main.name = 1;
    main.targets = {0, 3};
    main.calls = {0, 1};
    main.strings = {0, 1};
    main.rewrites = {0, 1};
    Function write;
    write.start = 0x1010;
    write.end = 0x1020;
    write.name = 16;
    write.sites = {0, 1};
    functions = {main, write};
    CallSite call;
    call.vaddr = 0x1004;
    call.target = {Target::Kind::kFunction, false, 0, 1};
    call.passed = {0, 1};
    calls = {call};
    Passed one;
    one.place.reg = 7;
    one.values = {0, 1};
    one.pointees = {0, 1};
    passed = {one};
    one.pointees = {};
    pointees = {one};
    SyscallSite site;
    site.vaddr = 0x1014;
    site.offset = 0x14;
    site.nr = {0, 2};
    site.args[2] = {1, 1};
    sites = {site};
  }

  /// Its spans lie in this object.
  [[nodiscard]] Summary summary() const {
    Summary s;
    s.machine = 62;
    s.position_independent = true;
    s.symbolic = true;
    s.soname = 6;
    s.module_key = 23;
    s.entry = 0x1000;
    s.needed = needed;
    s.runpath = runpath;
    s.rpath = rpath;
    s.functions = functions;
    s.targets = targets;
    s.calls = calls;
    s.passed = passed;
    s.pointees = pointees;
    s.sites = sites;
    s.values = values;
    s.rewrites = rewrites;
    s.cells = cells;
    s.chunks = chunks;
    s.imports = imports;
    s.exports = exports;
    s.strings = strings;
    s.init = init;
    s.fini = fini;
    s.always = always;
    s.troubles = troubles;
    s.text = text;
    return s;
  }
};

}  // namespace sysnare
