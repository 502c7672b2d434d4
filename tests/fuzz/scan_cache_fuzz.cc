// A kept summary, and a kept result, with any bytes changed: what passes for sound is walked
// through, and nothing outside it may be touched.
//
// The input is a list of changes, three bytes each (place, 16 bits; value): a file of the right
// layout is not found by chance.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>

#include "scan/result_bytes.h"
#include "scan/summary_file.h"
#include "scan/test_summary.h"

namespace {

using namespace sysnare;

std::string changed(std::string bytes, std::span<const std::uint8_t> changes) {
  for (std::size_t at = 0; at + 2 < changes.size(); at += 3) {
    const std::size_t place = (changes[at] | changes[at + 1] << 8) % bytes.size();
    bytes[place] = static_cast<char>(changes[at + 2]);
  }
  return bytes;
}

template <typename T>
std::size_t all_of(const Slice& slice, std::span<const T> of) {
  std::size_t sum = 0;
  for (const T& each : of.subspan(slice.begin, slice.count)) {
    sum += reinterpret_cast<const unsigned char&>(each);
  }
  return sum;
}

std::size_t walk(const Summary& s) {
  std::size_t sum = s.at(s.soname).size() + s.at(s.interpreter).size();
  for (const Function& f : s.functions) {
    sum += s.at(f.name).size() + all_of(f.targets, s.targets) + all_of(f.calls, s.calls) +
           all_of(f.sites, s.sites) + all_of(f.strings, s.strings);
  }
  for (const SyscallSite& site : s.sites) {
    sum += all_of(site.nr, s.values);
    for (const Slice& arg : site.args) sum += all_of(arg, s.values);
  }
  for (const CallSite& call : s.calls) sum += all_of(call.passed, s.passed);
  for (const Passed& each : s.passed) {
    sum += all_of(each.values, s.values) + all_of(each.pointees, s.pointees);
  }
  for (const Chunk& chunk : s.chunks) sum += all_of(chunk.targets, s.targets);
  for (const Export& each : s.exports) sum += s.at(each.name).size() + s.at(each.version).size();
  for (const Import& each : s.imports) sum += s.at(each.name).size();
  for (const Target& target : s.targets) {
    if (target.kind == Target::Kind::kFunction) sum += s.functions[target.index].start;
    if (target.kind == Target::Kind::kChunk) sum += s.chunks[target.index].vaddr;
    if (target.kind == Target::Kind::kImport) sum += s.imports[target.index].name;
  }
  return sum;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> changes(data, size);
  const auto bytes =
      std::make_shared<std::string>(changed(pack_summary(TestSummary().summary()), changes));
  if (const auto summary = unpack_summary({std::as_bytes(std::span(*bytes)), bytes})) {
    if (walk(*summary) == SIZE_MAX) std::abort();  // so that it is not left out
  }
  Evidence evidence;
  evidence.record({Abi::kX86_64, 1}, Origin::kScan).why = {{"/bin/x", "main"}};
  evidence.scanned.emplace().sites = {{{"/bin/x", "k", 1}, Abi::kX86_64, {1, 2}, false, "f", 1}};
  ResultWriter writer;
  put_evidence(writer, evidence);
  const std::string result = changed(writer.bytes(), changes);
  ResultReader reader(result);
  if (const auto taken = take_evidence(reader)) write_evidence(*taken);
  return 0;
}
