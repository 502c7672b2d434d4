#include "scan/result_bytes.h"

#include <algorithm>
#include <cstring>

namespace sysnare {
namespace {

constexpr std::size_t kNumber = sizeof(std::uint64_t);

void put(ResultWriter& w, const std::string& text) { w.text(text); }
void put(ResultWriter& w, std::uint64_t value) { w.number(value); }
void put(ResultWriter& w, const ChainStep& step) {
  w.text(step.object);
  w.text(step.function);
}
void put(ResultWriter& w, const ProgramIdentity& program) {
  w.text(program.path);
  w.text(program.sha256);
  w.text(program.build_id);
}

// Known to put_all(), which the search by argument does not tell of this namespace.
void put(ResultWriter& w, const CallEvidence& call);
void put(ResultWriter& w, const ExecutableEvidence& each);
void put(ResultWriter& w, const StaticObject& object);
void put(ResultWriter& w, const StaticSite& site);
void put(ResultWriter& w, const StaticOpen& open);
void put(ResultWriter& w, const StaticExec& exec);

template <typename T>
void put_all(ResultWriter& w, const T& all) {
  w.number(all.size());
  for (const auto& each : all) put(w, each);
}

void put(ResultWriter& w, const CallEvidence& call) {
  w.number(static_cast<std::uint64_t>(call.call.abi));
  w.number(call.call.nr);
  w.number(call.reachable);
  put_all(w, call.why);
  w.number(call.args.size());
  for (const auto& [index, values] : call.args) {
    w.number(index);
    put_all(w, values);
  }
  put_all(w, call.args_many);
}
void put(ResultWriter& w, const ExecutableEvidence& each) {
  put(w, each.program);
  w.number(each.executed_by.size());
  for (const auto& [path, times] : each.executed_by) {
    w.text(path);
    w.number(times);
  }
  put_all(w, each.calls);
}
void put(ResultWriter& w, const StaticObject& object) {
  w.text(object.path);
  w.text(object.module_key);
  w.text(object.role);
  w.text(object.why);
}
void put(ResultWriter& w, const StaticSite& site) {
  w.text(site.site.module);
  w.text(site.site.module_key);
  w.number(site.site.offset);
  w.number(static_cast<std::uint64_t>(site.abi));
  put_all(w, site.nrs);
  w.number(site.any ? 1 : 0);
  w.text(site.function);
  w.number(site.reachable);
}
void put(ResultWriter& w, const StaticOpen& open) {
  w.text(open.kind);
  w.text(open.object);
  w.text(open.function);
  w.number(open.offset);
  w.text(open.reason);
  put_all(w, open.why);
}
void put(ResultWriter& w, const StaticExec& exec) {
  w.number(exec.path ? 1 : 0);
  w.text(exec.path.value_or(""));
  w.text(exec.object);
  w.text(exec.function);
}

/// Everything takes at least a number.
template <typename T, typename F>
void take_all(ResultReader& r, std::vector<T>& to, F take_one) {
  const std::size_t count = r.count(kNumber);
  to.reserve(count);
  for (std::size_t i = 0; i < count && r.good(); ++i) to.push_back(take_one(r));
}

std::uint8_t take_byte(ResultReader& r, std::uint64_t most) {
  const std::uint64_t value = r.number();
  if (value > most) r.fail();
  return static_cast<std::uint8_t>(std::min<std::uint64_t>(value, most));
}
Abi take_abi(ResultReader& r) { return static_cast<Abi>(take_byte(r, kAbiCount - 1)); }
std::uint8_t take_phases(ResultReader& r) {
  return take_byte(r, kReachableLoad | kReachableMain | kReachableErrorOnly);
}
std::uint32_t take_nr(ResultReader& r) {
  const std::uint64_t value = r.number();
  if (value > UINT32_MAX) r.fail();
  return static_cast<std::uint32_t>(value);
}
// Members of an initialiser list are evaluated in order.
ChainStep take_step(ResultReader& r) { return ChainStep{r.text(), r.text()}; }
ProgramIdentity take_program(ResultReader& r) {
  return ProgramIdentity{r.text(), r.text(), r.text()};
}

CallEvidence take_call(ResultReader& r) {
  constexpr std::uint64_t kLastArg = 5;
  CallEvidence call;
  call.origin = Origin::kScan;
  call.call.abi = take_abi(r);
  call.call.nr = take_nr(r);
  call.reachable = take_phases(r);
  take_all(r, call.why, take_step);
  const std::size_t sets = r.count(kNumber);
  for (std::size_t i = 0; i < sets && r.good(); ++i) {
    std::vector<std::uint64_t>& values = call.args[take_byte(r, kLastArg)];
    take_all(r, values, [](ResultReader& reader) { return reader.number(); });
  }
  const std::size_t many = r.count(kNumber);
  for (std::size_t i = 0; i < many && r.good(); ++i) call.args_many.insert(take_byte(r, kLastArg));
  return call;
}
ExecutableEvidence take_executable(ResultReader& r) {
  ExecutableEvidence each;
  each.program = take_program(r);
  const std::size_t parents = r.count(2 * kNumber);
  for (std::size_t i = 0; i < parents && r.good(); ++i) {
    std::string path = r.text();
    each.executed_by[std::move(path)] = r.number();
  }
  take_all(r, each.calls, take_call);
  return each;
}
StaticObject take_object(ResultReader& r) {
  return StaticObject{r.text(), r.text(), r.text(), r.text()};
}
StaticSite take_site(ResultReader& r) {
  StaticSite site;
  site.site.module = r.text();
  site.site.module_key = r.text();
  site.site.offset = r.number();
  site.abi = take_abi(r);
  take_all(r, site.nrs, take_nr);
  site.any = r.number() != 0;
  site.function = r.text();
  site.reachable = take_phases(r);
  return site;
}
StaticOpen take_open(ResultReader& r) {
  StaticOpen open;
  open.kind = r.text();
  open.object = r.text();
  open.function = r.text();
  open.offset = r.number();
  open.reason = r.text();
  take_all(r, open.why, take_step);
  return open;
}
StaticExec take_exec(ResultReader& r) {
  const bool known = r.number() != 0;
  StaticExec exec;
  exec.path = r.text();
  if (!known) exec.path.reset();
  exec.object = r.text();
  exec.function = r.text();
  return exec;
}

}  // namespace

void ResultWriter::number(std::uint64_t value) {
  bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void ResultWriter::text(std::string_view text) {
  number(text.size());
  bytes_ += text;
}

std::uint64_t ResultReader::number() {
  if (left_.size() < kNumber) good_ = false;
  if (!good_) return 0;
  std::uint64_t value = 0;
  std::memcpy(&value, left_.data(), kNumber);
  left_.remove_prefix(kNumber);
  return value;
}

std::string ResultReader::text() {
  const std::size_t size = count(1);
  std::string text(left_.substr(0, size));
  left_.remove_prefix(size);
  return text;
}

std::size_t ResultReader::count(std::size_t size) {
  const std::uint64_t value = number();
  if (value > left_.size() / size) good_ = false;
  return good_ ? static_cast<std::size_t>(value) : 0;
}

void put_evidence(ResultWriter& writer, const Evidence& evidence) {
  put(writer, evidence.program);
  put_all(writer, evidence.notes);
  put_all(writer, evidence.calls);
  put_all(writer, evidence.executables);
  const StaticEvidence none;
  const StaticEvidence& scanned = evidence.scanned ? *evidence.scanned : none;
  put_all(writer, scanned.objects);
  put_all(writer, scanned.sites);
  put_all(writer, scanned.open);
  put_all(writer, scanned.execs);
}

std::optional<Evidence> take_evidence(ResultReader& reader) {
  Evidence evidence;
  evidence.recorder = kScanRecorder;
  evidence.runs = 0;
  evidence.last_new_run = 0;
  evidence.program = take_program(reader);
  take_all(reader, evidence.notes, [](ResultReader& r) { return r.text(); });
  take_all(reader, evidence.calls, take_call);
  take_all(reader, evidence.executables, take_executable);
  StaticEvidence& scanned = evidence.scanned.emplace();
  take_all(reader, scanned.objects, take_object);
  take_all(reader, scanned.sites, take_site);
  take_all(reader, scanned.open, take_open);
  take_all(reader, scanned.execs, take_exec);
  if (!reader.good()) return std::nullopt;
  return evidence;
}

}  // namespace sysnare
