#pragma once
// Hand-made summaries for tests: objects that are nobody's, with known answers.
//
// Function i lies at 0x1000 + i * 0x100, chunk i at 0x800000 + i * 0x100, text i at 0x900000 + i *
// 0x100; a function's sites have the file offset of their address.

#include <elf.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "scan/link.h"

namespace sysnare::testing {

using Role = LoadedObject::Role;

inline constexpr std::uint8_t kRax = 0, kRdx = 2, kRsi = 6, kRdi = 7;

inline Value value_of(Value::Kind kind, std::uint64_t number, std::uint8_t reg = 0) {
  Value value;
  value.kind = kind;
  value.number = number;
  value.place.reg = reg;
  return value;
}
inline Value num(std::uint64_t number) { return value_of(Value::Kind::kConstant, number); }
inline Value any() { return value_of(Value::Kind::kAny, 0); }
inline Value address(std::uint64_t vaddr) { return value_of(Value::Kind::kAddress, vaddr); }
inline Value passed(std::uint8_t reg) { return value_of(Value::Kind::kPassed, 0, reg); }
inline Value pointee(std::uint8_t reg, std::uint64_t offset) {
  return value_of(Value::Kind::kPointee, offset, reg);
}
inline Value cell(std::uint64_t vaddr) { return value_of(Value::Kind::kCell, vaddr); }
inline Value cell_pointee(std::uint64_t vaddr, std::uint64_t offset) {
  return value_of(Value::Kind::kCellPointee, vaddr << 16 | offset);
}

using Values = std::vector<Value>;

/// What a call passes in one register.
struct Given {
  std::uint8_t reg = 0;
  Values values;
  std::vector<std::pair<int, Values>> words = {};  ///< at the stack address that it passes
};

inline Target function_target(std::uint32_t index, bool taken = false) {
  Target target;
  target.taken = taken;
  target.index = index;
  return target;
}
inline Target chunk_target(std::uint32_t index) {
  Target target;
  target.kind = Target::Kind::kChunk;
  target.taken = true;
  target.index = index;
  return target;
}

class TestObject {
 public:
  explicit TestObject(std::string soname = "") { summary_.soname = text(soname); }

  static std::uint64_t vaddr(std::uint32_t function) { return 0x1000 + function * 0x100u; }

  std::uint32_t function(const std::string& name) {
    functions_.emplace_back();
    functions_.back().name = text(name);
    return static_cast<std::uint32_t>(functions_.size() - 1);
  }
  /// Exported too.
  std::uint32_t global(const std::string& name, const std::string& version = "") {
    const std::uint32_t index = function(name);
    export_as(name, function_target(index), version);
    return index;
  }
  std::uint32_t chunk(const std::string& name, std::vector<Target> targets = {}) {
    chunks_.push_back({text(name), std::move(targets)});
    return static_cast<std::uint32_t>(chunks_.size() - 1);
  }
  Target import(const std::string& name, const std::string& version = "", bool weak = false,
                bool taken = false) {
    Import import;
    import.name = text(name);
    import.version = text(version);
    import.weak = weak ? 1 : 0;
    data_->imports.push_back(import);
    Target target;
    target.kind = Target::Kind::kImport;
    target.taken = taken;
    target.index = static_cast<std::uint32_t>(data_->imports.size() - 1);
    return target;
  }
  Export& export_as(const std::string& name, Target target, const std::string& version = "") {
    Export exported;
    exported.name = text(name);
    exported.version = text(version);
    exported.target = target;
    data_->exports.push_back(exported);
    return data_->exports.back();
  }
  void call(std::uint32_t from, Target to, const std::vector<Given>& given = {}) {
    CallSite site;
    site.vaddr = vaddr(from) + 1;
    site.target = to;
    std::vector<Passed> all;
    for (const Given& one : given) {
      Passed passed_here;
      passed_here.place.reg = one.reg;
      passed_here.values = values(one.values);
      passed_here.pointees.begin = static_cast<std::uint32_t>(data_->pointees.size());
      for (const auto& [offset, word] : one.words) {
        Passed pointee_here;
        pointee_here.place.on_stack = 1;
        pointee_here.place.offset = offset;
        pointee_here.values = values(word);
        data_->pointees.push_back(pointee_here);
      }
      passed_here.pointees.count = static_cast<std::uint32_t>(one.words.size());
      all.push_back(passed_here);
    }
    site.passed = append(data_->passed, all);
    functions_[from].calls.push_back(site);
  }
  void call(std::uint32_t from, std::uint32_t to, const std::vector<Given>& given = {}) {
    call(from, function_target(to), given);
  }
  /// Any reference that is no call.
  void refer(std::uint32_t from, Target to) { functions_[from].targets.push_back(to); }
  void take(std::uint32_t from, std::uint32_t to) { refer(from, function_target(to, true)); }
  void site(std::uint32_t in, Values nr, const std::vector<Values>& args = {},
            Abi abi = Abi::kX86_64) {
    SyscallSite made;
    made.vaddr = vaddr(in) + 0x10 + functions_[in].sites.size();
    made.offset = made.vaddr;
    made.abi = abi;
    made.nr = values(nr);
    for (std::size_t i = 0; i < args.size() && i < 6; ++i) made.args[i] = values(args[i]);
    functions_[in].sites.push_back(made);
  }
  /// A text that `in` refers to; its address.
  std::uint64_t string(std::uint32_t in, const std::string& content) {
    StringRef string;
    string.vaddr = 0x900000 + strings_++ * 0x100u;
    string.text = text(content);
    functions_[in].strings.push_back(string);
    return string.vaddr;
  }
  void store(std::uint64_t where, std::uint32_t in, const Values& what) {
    CellStore made;
    made.vaddr = where;
    made.function = in;
    made.values = values(what);
    data_->cells.push_back(made);
  }
  /// Bytes behind the pointer in `reg` are written to.
  void rewrite(std::uint32_t in, std::uint8_t reg, std::int64_t begin, std::int64_t end) {
    Rewrite made;
    made.place.reg = reg;
    made.begin = begin;
    made.end = end;
    functions_[in].rewrites.push_back(made);
  }
  void needs(const std::string& soname) { data_->needed.push_back(text(soname)); }
  void looks_in(const std::string& directory) { data_->runpath.push_back(text(directory)); }
  void trouble(std::uint32_t in, const std::string& what) {
    data_->troubles.push_back({vaddr(0), text(what), in});
  }
  void no_return(std::uint32_t function, bool indirect) {
    functions_[function].no_return = true;
    functions_[function].indirect = indirect;
  }
  void entry(std::uint32_t function) { summary_.entry = vaddr(function); }
  std::vector<Target>& init() { return data_->init; }
  std::vector<Target>& fini() { return data_->fini; }
  std::vector<Target>& always() { return data_->always; }
  Summary& summary() { return summary_; }

  /// Once, at the end.
  LoadedObject load(const std::string& path, LoadedObject::Role role) {
    for (std::uint32_t i = 0; i < functions_.size(); ++i) add_function(i);
    for (std::uint32_t i = 0; i < chunks_.size(); ++i) {
      Chunk made;
      made.vaddr = 0x800000 + i * 0x100u;
      made.end = made.vaddr + 0x100;
      made.name = chunks_[i].name;
      made.targets = append(data_->targets, chunks_[i].targets);
      data_->chunks.push_back(made);
    }
    Data& data = *data_;
    const std::string& all = data.text;
    std::stable_sort(data.exports.begin(), data.exports.end(),
                     [&](const Export& a, const Export& b) {
                       return std::string_view(&all[a.name]) < std::string_view(&all[b.name]);
                     });
    std::stable_sort(data.cells.begin(), data.cells.end(),
                     [](const CellStore& a, const CellStore& b) { return a.vaddr < b.vaddr; });
    if (summary_.machine == 0) summary_.machine = EM_X86_64;
    summary_.is_library = summary_.entry == 0;
    summary_.needed = data.needed;
    summary_.runpath = data.runpath;
    summary_.functions = data.functions;
    summary_.targets = data.targets;
    summary_.calls = data.calls;
    summary_.passed = data.passed;
    summary_.pointees = data.pointees;
    summary_.sites = data.sites;
    summary_.values = data.values;
    summary_.rewrites = data.rewrites;
    summary_.cells = data.cells;
    summary_.chunks = data.chunks;
    summary_.imports = data.imports;
    summary_.exports = data.exports;
    summary_.strings = data.strings;
    summary_.init = data.init;
    summary_.fini = data.fini;
    summary_.always = data.always;
    summary_.troubles = data.troubles;
    summary_.text = data.text;
    summary_.owner = data_;
    LoadedObject object;
    object.summary = summary_;
    object.path = path;
    object.role = role;
    return object;
  }

 private:
  struct Data {
    std::vector<std::uint32_t> needed, runpath;
    std::vector<Function> functions;
    std::vector<Target> targets;
    std::vector<CallSite> calls;
    std::vector<Passed> passed, pointees;
    std::vector<SyscallSite> sites;
    std::vector<Value> values;
    std::vector<Rewrite> rewrites;
    std::vector<CellStore> cells;
    std::vector<Chunk> chunks;
    std::vector<Import> imports;
    std::vector<Export> exports;
    std::vector<StringRef> strings;
    std::vector<Target> init, fini, always;
    std::vector<Trouble> troubles;
    std::string text = std::string(1, '\0');
  };
  struct Code {
    std::uint32_t name = 0;
    std::vector<Target> targets;
    std::vector<CallSite> calls;
    std::vector<SyscallSite> sites;
    std::vector<StringRef> strings;
    std::vector<Rewrite> rewrites;
    bool no_return = false;
    bool indirect = false;
  };
  struct Datum {
    std::uint32_t name = 0;
    std::vector<Target> targets;
  };

  template <typename T>
  static Slice append(std::vector<T>& all, const std::vector<T>& some) {
    const Slice slice = {static_cast<std::uint32_t>(all.size()),
                         static_cast<std::uint32_t>(some.size())};
    all.insert(all.end(), some.begin(), some.end());
    return slice;
  }
  Slice values(const Values& some) { return append(data_->values, some); }
  std::uint32_t text(const std::string& content) {
    if (content.empty()) return 0;
    const auto at = static_cast<std::uint32_t>(data_->text.size());
    data_->text += content;
    data_->text += '\0';
    return at;
  }
  void add_function(std::uint32_t i) {
    Function made;
    made.start = vaddr(i);
    made.end = made.start + 0x100;
    made.name = functions_[i].name;
    made.targets = append(data_->targets, functions_[i].targets);
    made.calls = append(data_->calls, functions_[i].calls);
    made.sites = append(data_->sites, functions_[i].sites);
    made.strings = append(data_->strings, functions_[i].strings);
    made.rewrites = append(data_->rewrites, functions_[i].rewrites);
    made.no_return = functions_[i].no_return ? 1 : 0;
    made.calls_indirect = functions_[i].indirect ? 1 : 0;
    data_->functions.push_back(made);
  }

  std::shared_ptr<Data> data_ = std::make_shared<Data>();
  Summary summary_;
  std::vector<Code> functions_;
  std::vector<Datum> chunks_;
  std::uint32_t strings_ = 0;
};

/// The calls of a result, as "39 60"; those that are always in are left out.
inline std::string numbers_of(const ScanResult& result) {
  std::string all;
  for (const ScannedCall& call : result.calls) {
    if (!call.why.empty() && call.why.front().object == "kernel") continue;
    if (!all.empty()) all += ' ';
    all += std::to_string(call.call.nr);
  }
  return all;
}

/// A chain, as "OBJECT:FUNCTION < …" from the root on.
inline std::string chain_of(const std::vector<Reason>& why) {
  std::string all;
  for (const Reason& reason : why) {
    if (!all.empty()) all += " > ";
    all += reason.object + ":" + reason.function;
  }
  return all;
}

/// Links what cannot fail.
inline ScanResult linked(const std::vector<LoadedObject>& objects,
                         std::vector<OpenRequest>* wanted = nullptr,
                         const LinkOptions& options = {}) {
  std::vector<OpenRequest> requests;
  Result<ScanResult> result =
      link_objects(objects, wanted != nullptr ? *wanted : requests, options);
  return result ? *result : ScanResult{};
}

/// A program of one function that makes the calls which a test says, and a C library.
struct ProgramAndLibc {
  TestObject program, libc{"libc.so.6"};
  std::uint32_t start = program.function("_start");
  ProgramAndLibc() { program.entry(start); }
  void call(const char* name, const std::vector<Given>& given = {}) {
    program.call(start, program.import(name), given);
  }
  /// Of both, and of the libraries `others`. Once, at the end.
  std::string numbers(std::vector<LoadedObject> others = {}) {
    others.insert(others.begin(), program.load("/p", Role::kProgram));
    others.push_back(libc.load("/libc.so.6", Role::kLibrary));
    return numbers_of(linked(others));
  }
};

}  // namespace sysnare::testing
