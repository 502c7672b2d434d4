// Whether a summary that came from a file can be used without a further check.

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "scan/summary_file.h"

namespace sysnare {
namespace {

constexpr std::uint8_t kRegisters = 32;  // aarch64 has the most
/// Bytes of names that are compared for their order, beyond twice the texts: real names are each
/// compared once or twice, and texts that overlap would make it quadratic.
constexpr std::size_t kNameBudget = 256;

class Check {
 public:
  explicit Check(const Summary& summary) : s_(summary) {}

  bool all() {
    if (s_.text.empty() || s_.text.front() != '\0' || s_.text.back() != '\0') return false;
    if (!text(s_.soname) || !text(s_.interpreter) || !text(s_.module_key)) return false;
    const auto is_text = [&](std::uint32_t position) { return text(position); };
    if (!each(s_.needed, is_text) || !each(s_.runpath, is_text) || !each(s_.rpath, is_text)) {
      return false;
    }
    const auto is_target = [&](const Target& each) { return target(each); };
    if (!each(s_.targets, is_target) || !each(s_.init, is_target) || !each(s_.fini, is_target) ||
        !each(s_.always, is_target)) {
      return false;
    }
    return each(s_.functions, [&](const Function& f) { return function(f); }) &&
           each(s_.calls, [&](const CallSite& c) { return call(c); }) &&
           each(s_.passed, [&](const Passed& p) { return passed(p); }) &&
           each(s_.pointees, [&](const Passed& p) { return passed(p); }) &&
           each(s_.sites, [&](const SyscallSite& site) { return syscall_site(site); }) &&
           each(s_.values, [](const Value& v) { return value(v); }) &&
           each(s_.rewrites, [](const Rewrite& r) { return place(r.place); }) &&
           each(s_.cells, [&](const CellStore& c) { return cell(c); }) &&
           each(s_.chunks, [&](const Chunk& c) { return chunk(c); }) &&
           each(s_.imports, [&](const Import& i) { return text(i.name) && text(i.version); }) &&
           each(s_.exports, [&](const Export& e) { return exported(e); }) &&
           each(s_.strings, [&](const StringRef& ref) { return text(ref.text); }) &&
           each(s_.troubles, [&](const Trouble& t) { return text(t.text) && owner(t.function); }) &&
           in_order();
  }

 private:
  template <typename T, typename F>
  static bool each(std::span<const T> all, F good) {
    return std::all_of(all.begin(), all.end(), good);
  }
  template <typename T>
  static bool slice(const Slice& slice, std::span<const T> of) {
    return slice.begin <= of.size() && slice.count <= of.size() - slice.begin;
  }

  [[nodiscard]] bool text(std::uint32_t position) const { return position < s_.text.size(); }
  [[nodiscard]] bool owner(std::uint32_t function) const {
    return function == kNone || function < s_.functions.size();
  }
  [[nodiscard]] bool target(const Target& target) const {
    // As a byte: a bool of a file that is neither 0 nor 1 must not be read as one.
    unsigned char taken = 0;
    std::memcpy(&taken, reinterpret_cast<const char*>(&target) + offsetof(Target, taken), 1);
    if (taken > 1) return false;
    switch (target.kind) {
      case Target::Kind::kFunction:
        return target.index < s_.functions.size();
      case Target::Kind::kChunk:
        return target.index < s_.chunks.size();
      case Target::Kind::kImport:
        return target.index < s_.imports.size();
    }
    return false;
  }
  [[nodiscard]] bool function(const Function& f) const {
    return f.start <= f.end && text(f.name) && slice(f.targets, s_.targets) &&
           slice(f.calls, s_.calls) && slice(f.sites, s_.sites) && slice(f.strings, s_.strings) &&
           slice(f.rewrites, s_.rewrites);
  }
  [[nodiscard]] bool call(const CallSite& call) const {
    const bool pointer = call.target.kind == Target::Kind::kFunction && call.target.index == kNone;
    return (pointer || target(call.target)) && call.target.kind != Target::Kind::kChunk &&
           slice(call.passed, s_.passed);
  }
  static bool place(const Place& place) { return place.on_stack <= 1 && place.reg < kRegisters; }
  [[nodiscard]] bool passed(const Passed& passed) const {
    return place(passed.place) && slice(passed.values, s_.values) &&
           slice(passed.pointees, s_.pointees);
  }
  static bool value(const Value& value) {
    return value.kind <= Value::Kind::kCellPointee && place(value.place);
  }
  [[nodiscard]] bool syscall_site(const SyscallSite& site) const {
    return known_abi(site.abi) && slice(site.nr, s_.values) &&
           std::all_of(std::begin(site.args), std::end(site.args),
                       [&](const Slice& arg) { return slice(arg, s_.values); });
  }
  static bool known_abi(Abi abi) { return static_cast<std::size_t>(abi) < kAbiCount; }
  [[nodiscard]] bool cell(const CellStore& cell) const {
    return owner(cell.function) && slice(cell.values, s_.values);
  }
  [[nodiscard]] bool chunk(const Chunk& chunk) const {
    return chunk.vaddr <= chunk.end && text(chunk.name) && slice(chunk.targets, s_.targets);
  }
  [[nodiscard]] bool exported(const Export& e) const {
    return text(e.name) && text(e.version) &&
           (e.target.index == kNone ? e.target.kind <= Target::Kind::kImport : target(e.target));
  }

  /// What is searched by halves must be sorted.
  [[nodiscard]] bool in_order() const {
    const auto sorted = [](const auto& all, auto key) {
      return std::is_sorted(all.begin(), all.end(),
                            [&](const auto& a, const auto& b) { return key(a) < key(b); });
    };
    if (!sorted(s_.functions, [](const Function& f) { return f.start; }) ||
        !sorted(s_.cells, [](const CellStore& c) { return c.vaddr; }) ||
        !sorted(s_.chunks, [](const Chunk& c) { return c.vaddr; })) {
      return false;
    }
    std::size_t budget = 2 * s_.text.size() + kNameBudget * s_.exports.size();
    for (std::size_t i = 1; i < s_.exports.size(); ++i) {
      if (s_.exports[i - 1].name == s_.exports[i].name) continue;
      const std::string_view a = s_.at(s_.exports[i - 1].name);
      const std::string_view b = s_.at(s_.exports[i].name);
      if (a.size() + b.size() > budget || b < a) return false;
      budget -= a.size() + b.size();
    }
    return true;
  }

  const Summary& s_;
};

}  // namespace

bool is_sound(const Summary& summary) { return Check(summary).all(); }

}  // namespace sysnare
