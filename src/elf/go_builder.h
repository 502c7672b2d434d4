#pragma once
// How do tests make a Go program of which it is known what was inlined where? As Go 1.18 lays its
// tables out (elf/go_table.h): loaded where it is linked, stripped. For tests alone.

#include <elf.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "elf/elf_builder.h"

namespace sysnare {

class GoBuilder {
 public:
  static constexpr std::uint64_t kText = 0x401000;
  static constexpr std::uint64_t kTrees = 0x500000;
  static constexpr std::uint64_t kTable = 0x600000;
  static constexpr std::uint64_t kData = 0x700000;  ///< some words that can be written

  /// What was inlined into a function, by the call at `parent`, bytes from its start.
  struct Inlined {
    std::string_view name;
    std::uint32_t parent = 0;
  };
  /// The next `size` bytes of a function: of which of its Inlined; -1: its own.
  struct Part {
    std::uint32_t size = 0;
    int inlined = -1;
  };
  struct Function {
    std::string_view name;
    std::string code;
    std::vector<Inlined> inlined = {};
    std::vector<Part> parts = {};
  };

  /// Its functions lie behind one another from kText on.
  static std::string program(const std::vector<Function>& functions) {
    GoBuilder builder;
    for (const Function& function : functions) builder.add(function);
    return builder.build(functions.size());
  }

 private:
  static std::string half(std::uint64_t value) {
    return bytes_of(static_cast<std::uint32_t>(value));
  }
  static std::string varint(std::uint32_t value) {
    std::string bytes;
    for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
    return bytes + static_cast<char>(value);
  }
  std::uint32_t name(std::string_view text) {
    const auto at = static_cast<std::uint32_t>(names_.size());
    names_ += std::string(text) + '\0';
    return at;
  }

  void add(const Function& function) {
    // _func: the tables by address are PCDATA_InlTreeIndex (2) and FUNCDATA_InlTree (3).
    constexpr std::uint32_t kPcData = 3;
    const std::uint64_t table = pc_tables_.size();
    int before = -1;
    for (const Part& part : function.parts) {
      const int delta = part.inlined - before;
      pc_tables_ += varint(static_cast<std::uint32_t>(delta < 0 ? -2 * delta - 1 : 2 * delta));
      pc_tables_ += varint(part.size);
      before = part.inlined;
    }
    pc_tables_ += '\0';
    const std::uint64_t tree = trees_.size();
    for (const Inlined& each : function.inlined) {
      trees_ += half(0) + half(0) + half(0) + half(name(each.name)) + half(each.parent);
    }
    starts_.push_back(half(code_.size()));
    rows_.push_back(half(code_.size()) + half(name(function.name)) + std::string(20, '\0') +
                    half(kPcData) + half(0) + std::string("\0\0\0\4", 4) + half(0) + half(0) +
                    half(function.parts.empty() ? 0 : table) + half(~0u) + half(~0u) + half(~0u) +
                    half(tree));
    code_ += function.code;
  }

  std::string build(std::uint64_t count) const {
    std::string list;
    std::string rows;
    const std::uint64_t list_size = (2 * count + 1) * 4;
    for (std::size_t i = 0; i < count; ++i) {
      list += starts_[i] + half(list_size + rows.size());
      rows += rows_[i];
    }
    list += half(code_.size());
    constexpr std::uint64_t kHeader = 8 + 8 * 8;
    const std::uint64_t pc_at = kHeader + names_.size();
    const std::uint64_t list_at = pc_at + pc_tables_.size();
    std::string table = half(0xfffffff0) + std::string("\0\0\1\x08", 4);
    for (const std::uint64_t word :
         {count, std::uint64_t{0}, kText, kHeader, kHeader, kHeader, pc_at, list_at}) {
      table += bytes_of(word);
    }
    table += names_ + pc_tables_ + list + rows;
    // moduledata, of which these words are read.
    std::string data(64 * 8, '\0');
    data.replace(0, 8, bytes_of(kTable));
    data.replace(17 * 8, 8, bytes_of(count + 1));
    data.replace(22 * 8, 8, bytes_of(kText));
    data.replace(38 * 8, 8, bytes_of(kTrees));
    ElfBuilder builder(ET_EXEC);
    builder.load(kText, PF_R | PF_X, code_).entry(kText);
    builder.load(kTrees, PF_R, trees_).load(kTable, PF_R, table);
    builder.load(kData, PF_R | PF_W, std::string(64, '\0') + data);
    builder.section(".text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, kText, code_.size());
    builder.section(".gopclntab", SHT_PROGBITS, SHF_ALLOC, kTable, table.size());
    return builder.build();
  }

  std::string code_;
  std::string names_ = std::string(1, '\0');
  std::string pc_tables_ = std::string(1, '\0');
  std::string trees_ = std::string(4, '\0');
  std::vector<std::string> starts_, rows_;
};

}  // namespace sysnare
