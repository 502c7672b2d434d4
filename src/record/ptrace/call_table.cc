#include "record/ptrace/call_table.h"

#include <algorithm>
#include <iterator>

#include "arch/syscalls.h"

namespace sysnare {
namespace {

struct KindRow {
  std::string_view name;
  CallKind kind;
};

constexpr KindRow kKinds[] = {
    {"clone", CallKind::kBirth},    {"clone3", CallKind::kBirth},
    {"execve", CallKind::kExec},    {"execveat", CallKind::kExec},
    {"fork", CallKind::kBirth},     {"io_uring_setup", CallKind::kIoUring},
    {"mmap", CallKind::kMapping},   {"mmap2", CallKind::kMapping},
    {"mremap", CallKind::kMapping}, {"munmap", CallKind::kMapping},
    {"ptrace", CallKind::kPtrace},  {"remap_file_pages", CallKind::kMapping},
    {"shmat", CallKind::kMapping},  {"shmdt", CallKind::kMapping},
    {"vfork", CallKind::kBirth},
};

}  // namespace

CallKind call_kind(Call call) {
  const std::string_view name = syscall_name(call);
  const auto* row = std::find_if(std::begin(kKinds), std::end(kKinds),
                                 [&](const KindRow& each) { return each.name == name; });
  return row == std::end(kKinds) ? CallKind::kPlain : row->kind;
}

void CallCounter::add_error(int error) {
  for (auto& [number, count] : errors_) {
    if (number == error) {
      ++count;
      return;
    }
  }
  errors_.emplace_back(error, 1);
}

void CallCounter::note_args(std::span<const std::uint64_t, 6> args) {
  for (unsigned index = 0; index < kRecordedArgs; ++index) {
    if (!recorded_.has(index)) continue;
    add_arg_value(args_, args_many_, index, recorded_.value(index, args[index]));
  }
}

std::uint64_t CallCounter::times_failed_with(int error) const {
  for (const auto& [number, count] : errors_) {
    if (number == error) return count;
  }
  return 0;
}

std::uint64_t CallCounter::succeeded() const {
  std::uint64_t failed = 0;
  for (const auto& [number, count] : errors_) failed += count;
  return count_ - failed;
}

CallEvidence& CallCounter::add_to(Evidence& evidence) const {
  CallEvidence& record = evidence.record(call_, origin_);
  record.count += count_;
  record.total_ns += total_ns_;
  record.max_ns = std::max(record.max_ns, max_ns_);
  if (min_ns_ != UINT64_MAX) record.min_ns = std::min(record.min_ns.value_or(min_ns_), min_ns_);
  for (const auto& [number, count] : errors_) record.errors[errno_key(number)] += count;
  for (const unsigned index : args_many_) record.set_many(index);
  for (const auto& [index, values] : args_) {
    for (const std::uint64_t value : values) record.add_arg(index, value);
  }
  record.runs_seen = 1;
  record.first_run = 1;
  return record;
}

CallCounter* CallTable::find(Call call) {
  const std::uint32_t index = call.abi == Abi::kX32 ? call.nr & ~kX32Bit : call.nr;
  if (index < kIndexed) {
    auto& row = indexed_[static_cast<std::size_t>(call.abi)];
    if (row.empty()) {
      row.reserve(kIndexed);
      const std::uint32_t bit = call.nr & ~index;
      for (std::uint32_t i = 0; i < kIndexed; ++i) {
        row.push_back(CallCounter(Call{call.abi, i | bit}, Origin::kApplication));
      }
    }
    return &row[index];
  }
  if (const auto found = odd_.find(call); found != odd_.end()) return &found->second;
  if (odd_.size() >= kMaxOdd) return nullptr;
  return &odd_.emplace(call, CallCounter(call, Origin::kApplication)).first->second;
}

CallCounter* CallTable::launch_exec(Call call) {
  return &launch_.emplace(call, CallCounter(call, Origin::kLaunch)).first->second;
}

}  // namespace sysnare
