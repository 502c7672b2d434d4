#pragma once
// A function for tests of the flow of values, and what is found in it as text.

#include <fmt/format.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "scan/flow.h"

namespace sysnare {

inline constexpr std::uint64_t kText = 0x1000;
inline constexpr std::uint64_t kData = 0x2000;

inline std::vector<std::uint8_t> bytes_of(std::string_view hex) {
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(
        static_cast<std::uint8_t>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

/// A function at kText, and read-only data at kData.
class OneFunction : public FlowContext {
 public:
  OneFunction(std::string_view text, std::string_view data)
      : text_(bytes_of(text)), data_(bytes_of(data)) {}

  std::span<const std::uint8_t> code(std::uint64_t vaddr) const override {
    if (!is_code(vaddr)) return {};
    return std::span(text_).subspan(vaddr - kText);
  }
  bool is_code(std::uint64_t vaddr) const override { return vaddr >= kText && vaddr < end(); }
  FlowValue load(std::uint64_t vaddr, unsigned width) const override {
    std::uint64_t word = 0;
    return width >= 4 && constant_word(vaddr, width, word) ? FlowValue::constant(word)
                                                           : FlowValue::any();
  }
  bool constant_word(std::uint64_t vaddr, unsigned width, std::uint64_t& word) const override {
    const bool in_text = is_code(vaddr);
    const std::vector<std::uint8_t>& bytes = in_text ? text_ : data_;
    const std::uint64_t at = vaddr - (in_text ? kText : kData);
    if (at >= bytes.size() || width > bytes.size() - at) return false;
    word = 0;
    for (unsigned i = width; i-- > 0;) word = word << 8 | bytes[at + i];
    return true;
  }
  bool never_returns(std::uint64_t) const override { return false; }
  bool import_never_returns(std::uint64_t) const override { return false; }
  std::uint64_t end() const { return kText + text_.size(); }

 private:
  std::vector<std::uint8_t> text_;
  std::vector<std::uint8_t> data_;
};

/// "c5": a constant, "p7+8": what register 7 held at entry and 8, "s8": the word 8 above the stack
/// pointer then, "m7+8": the word at register 7 + 8, "?": not known.
inline std::string text_of(const FlowValue& value) {
  using Kind = FlowValue::Kind;
  switch (value.kind) {
    case Kind::kConstant:
      return fmt::format("c{}", static_cast<std::int64_t>(value.number));
    case Kind::kPassed:
      return value.offset == 0 ? fmt::format("p{}", value.reg)
                               : fmt::format("p{}+{}", value.reg, value.offset);
    case Kind::kPassedStack:
      return fmt::format("s{}", value.offset);
    case Kind::kPointee:
      return fmt::format("m{}+{}", value.reg, value.offset);
    default:
      return "?";
  }
}

/// The numbers of the calls of a function, in order of address.
inline std::string numbers(const Decoder& decoder, std::string_view text, std::string_view data) {
  const OneFunction function(text, data);
  FunctionFlow flow(function, decoder);
  std::string all;
  flow.run({kText, function.end(), {}, false}, [&](const Insn& insn, const FlowState& state) {
    if (insn.op != InsnOp::kSyscall && insn.op != InsnOp::kSyscallI386) return;
    if (!all.empty()) all += '|';
    if (insn.op == InsnOp::kSyscallI386) all += "i386 ";
    std::string one;
    for (const FlowValue& atom : flow.sets().atoms(state.regs[decoder.machine().syscall_nr])) {
      one += (one.empty() ? "" : ",") + text_of(atom);
    }
    all += one;
  });
  return all;
}

}  // namespace sysnare
