#include "scan/go_inlined.h"

#include <algorithm>
#include <string>

namespace sysnare {

void GoInlined::load() {
  if (is_loaded_) return;
  is_loaded_ = true;
  const auto memory = [this](std::uint64_t vaddr, std::size_t length) {
    const std::span<const std::uint8_t> bytes = map_.memory().exactly(vaddr, length);
    std::string text(bytes.begin(), bytes.end());
    for (const Relocation& relocation : map_.dynamic().relocations) {
      if (relocation.kind != Relocation::Kind::kRelative || relocation.vaddr < vaddr) continue;
      const std::uint64_t at = relocation.vaddr - vaddr;
      for (unsigned i = 0; i < 8 && at < text.size() && i < text.size() - at; ++i)
        text[at + i] = static_cast<char>(relocation.value >> 8 * i);
    }
    return text;
  };
  table_ = GoTable::load(map_.image(), memory, 0);
}

const std::multimap<std::uint64_t, std::uint64_t>& GoInlined::words_in(std::uint32_t function) {
  const auto [row, is_new] = named_.try_emplace(function);
  if (!is_new) return row->second;
  const FunctionRange& range = map_.table().functions[function];
  const auto note = [&, &named = row->second](std::int64_t value, std::uint64_t vaddr) {
    const auto word = static_cast<std::uint64_t>(value);
    if (words_.contains(word) && ++count_ <= kMaxInlinedLooks) named.emplace(word, vaddr);
  };
  for (std::uint64_t at = range.start; at < range.end && count_ <= kMaxInlinedLooks;) {
    const Insn insn = map_.decoder().decode(map_.code(at), at);
    // Behind what is no instruction nothing is in step: what else names a word there, nobody knows.
    if (insn.length == 0) {
      row->second.clear();
      break;
    }
    if (insn.has_memory && insn.absolute) note(insn.disp, at);
    if (insn.has_imm) note(insn.imm, at);
    at = insn.next();
  }
  return row->second;
}

bool GoInlined::is_named_by(std::uint32_t function, std::uint64_t word,
                            const std::function<bool(std::string_view)>& is_wanted) {
  if (map_.machine().composes_addresses) return false;
  load();
  const std::optional<GoTable::Function> row =
      table_ ? table_->find(map_.table().functions[function].start) : std::nullopt;
  if (!row) return false;
  const auto [begin, end] = words_in(function).equal_range(word);
  return count_ <= kMaxInlinedLooks && begin != end &&
         std::all_of(begin, end, [&](const auto& named) {
           return is_wanted(table_->names(*row, named.second, 1).front());
         });
}

}  // namespace sysnare
