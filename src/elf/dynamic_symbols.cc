#include <algorithm>
#include <cstring>

#include "elf/bytes.h"
#include "elf/dynamic_tables.h"

namespace sysnare {
namespace {

/// Most versions of one image, needed and defined: their index has 15 bits.
constexpr std::size_t kMaxVersions = 1u << 15;
constexpr std::uint16_t kHidden = 0x8000;   // of an entry of DT_VERSYM: not the default version
constexpr std::uint16_t kFirstVersion = 2;  // 0 is local, 1 unversioned

/// Texts of DT_STRTAB, and how many bytes of them were gone through.
class Names {
 public:
  explicit Names(Bytes strings) : strings_(strings) {}
  /// Empty outside the table, or without an end.
  std::string_view at(std::uint64_t offset) {
    if (offset >= strings_.size() || walked_ > kMaxDynamicNameBytes) return {};
    const Bytes rest = strings_.subspan(offset);
    const void* end = std::memchr(rest.data(), 0, rest.size());
    const std::size_t length =
        end == nullptr
            ? rest.size()
            : static_cast<std::size_t>(static_cast<const std::uint8_t*>(end) - rest.data());
    walked_ += length;
    if (end == nullptr) return {};
    return {reinterpret_cast<const char*>(rest.data()), length};
  }
  [[nodiscard]] bool exhausted() const { return walked_ > kMaxDynamicNameBytes; }

 private:
  Bytes strings_;
  std::uint64_t walked_ = 0;
};

/// Names of versions by their index.
class Versions {
 public:
  void set(std::uint16_t index, std::string_view name) {
    index &= kHidden - 1;
    if (index < kFirstVersion) return;
    if (index >= names_.size()) names_.resize(index + 1u);
    names_[index] = name;
  }
  [[nodiscard]] std::string_view at(std::uint16_t index) const {
    index &= kHidden - 1;
    return index < names_.size() ? names_[index] : std::string_view();
  }

 private:
  std::vector<std::string_view> names_;
};

// Both lists are records that say how many bytes further the next one stands, each with a list of
// its own of the same kind. A `next` of 1 makes as many records as there are bytes: hence
// kMaxVersions.

Result<void> add_needed(const DynamicTables& tables, Names& names, Versions& versions) {
  Result<Bytes> table = tables.open_table(DT_VERNEED, "DT_VERNEED");
  if (!table) return propagate(table);
  const std::uint64_t vaddr = tables.value(DT_VERNEED).value_or(0);
  std::uint64_t count = tables.value(DT_VERNEEDNUM).value_or(0);
  std::size_t steps = 0;
  for (std::uint64_t at = 0; count > 0; --count) {
    if (at > table->size() || table->size() - at < sizeof(Elf64_Verneed)) {
      return tables.bad("DT_VERNEED", vaddr + at, "a record lies outside the image");
    }
    std::uint64_t aux = at + load<std::uint32_t>(*table, at + offsetof(Elf64_Verneed, vn_aux));
    std::uint32_t left = load<std::uint16_t>(*table, at + offsetof(Elf64_Verneed, vn_cnt));
    for (; left > 0; --left) {
      if (aux > table->size() || table->size() - aux < sizeof(Elf64_Vernaux)) {
        return tables.bad("DT_VERNEED", vaddr + aux, "a record lies outside the image");
      }
      if (++steps > kMaxVersions) return tables.bad("DT_VERNEED", vaddr, "too many versions");
      versions.set(load<std::uint16_t>(*table, aux + offsetof(Elf64_Vernaux, vna_other)),
                   names.at(load<std::uint32_t>(*table, aux + offsetof(Elf64_Vernaux, vna_name))));
      const auto next = load<std::uint32_t>(*table, aux + offsetof(Elf64_Vernaux, vna_next));
      if (next == 0) break;
      aux += next;
    }
    const auto next = load<std::uint32_t>(*table, at + offsetof(Elf64_Verneed, vn_next));
    if (next == 0) break;
    at += next;
    if (++steps > kMaxVersions) return tables.bad("DT_VERNEED", vaddr, "too many versions");
  }
  return {};
}

Result<void> add_defined(const DynamicTables& tables, Names& names, Versions& versions) {
  Result<Bytes> table = tables.open_table(DT_VERDEF, "DT_VERDEF");
  if (!table) return propagate(table);
  const std::uint64_t vaddr = tables.value(DT_VERDEF).value_or(0);
  const std::uint64_t count = tables.value(DT_VERDEFNUM).value_or(0);
  if (count > kMaxVersions) return tables.bad("DT_VERDEF", vaddr, "too many versions");
  std::uint64_t at = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (at > table->size() || table->size() - at < sizeof(Elf64_Verdef)) {
      return tables.bad("DT_VERDEF", vaddr + at, "a record lies outside the image");
    }
    const auto flags = load<std::uint16_t>(*table, at + offsetof(Elf64_Verdef, vd_flags));
    // Its first name is its own; the others are versions that it follows.
    const std::uint64_t aux = at + load<std::uint32_t>(*table, at + offsetof(Elf64_Verdef, vd_aux));
    if (aux > table->size() || table->size() - aux < sizeof(Elf64_Verdaux)) {
      return tables.bad("DT_VERDEF", vaddr + aux, "a record lies outside the image");
    }
    if ((flags & VER_FLG_BASE) == 0) {
      versions.set(load<std::uint16_t>(*table, at + offsetof(Elf64_Verdef, vd_ndx)),
                   names.at(load<std::uint32_t>(*table, aux + offsetof(Elf64_Verdaux, vda_name))));
    }
    const auto next = load<std::uint32_t>(*table, at + offsetof(Elf64_Verdef, vd_next));
    if (next == 0) break;
    at += next;
  }
  return {};
}

/// How many symbols DT_HASH has: as many as chains.
Result<std::uint64_t> count_by_hash(const DynamicTables& tables) {
  Result<Bytes> table = tables.open_table(DT_HASH, "DT_HASH");
  if (!table) return propagate(table);
  return table->size() < 8 ? 0 : load<std::uint32_t>(*table, 4);
}

/// How many DT_GNU_HASH leads to: its last chain is gone through to its end. Symbols in front of
/// the first hashed one are imports.
Result<std::uint64_t> count_by_gnu_hash(const DynamicTables& tables) {
  Result<Bytes> table = tables.open_table(DT_GNU_HASH, "DT_GNU_HASH");
  if (!table) return propagate(table);
  if (table->empty()) return 0;
  const std::uint64_t vaddr = tables.value(DT_GNU_HASH).value_or(0);
  constexpr std::uint64_t kHeader = 16;
  if (table->size() < kHeader) return tables.bad("DT_GNU_HASH", vaddr, "it is cut short");
  const std::uint64_t buckets = load<std::uint32_t>(*table, 0);
  const std::uint64_t first = load<std::uint32_t>(*table, 4);
  const std::uint64_t bloom_words = load<std::uint32_t>(*table, 8);
  const std::uint64_t chains = kHeader + bloom_words * 8 + buckets * 4;  // 32-bit counts: no wrap
  if (chains > table->size()) {
    return tables.bad("DT_GNU_HASH", vaddr,
                      fmt::format("its {} buckets lie outside the image", buckets));
  }
  std::uint64_t last = 0;
  for (std::uint64_t at = chains - buckets * 4; at < chains; at += 4) {
    last = std::max<std::uint64_t>(last, load<std::uint32_t>(*table, at));
  }
  if (last < first) return first;
  for (std::uint64_t at = chains + (last - first) * 4;; at += 4, ++last) {
    if (at + 4 > table->size()) {
      return tables.bad("DT_GNU_HASH", vaddr, "a chain ends outside the image");
    }
    if ((load<std::uint32_t>(*table, at) & 1) != 0) return last + 1;
  }
}

}  // namespace

Result<std::vector<DynamicSymbol>> read_dynamic_symbols(const DynamicTables& tables, Bytes strings,
                                                        std::uint64_t at_least) {
  Result<std::uint64_t> by_hash = count_by_hash(tables);
  if (!by_hash) return propagate(by_hash);
  Result<std::uint64_t> by_gnu_hash = count_by_gnu_hash(tables);
  if (!by_gnu_hash) return propagate(by_gnu_hash);
  Result<Bytes> table = tables.open_table(DT_SYMTAB, "DT_SYMTAB");
  if (!table) return propagate(table);
  Result<Bytes> indices = tables.open_table(DT_VERSYM, "DT_VERSYM");
  if (!indices) return propagate(indices);
  // Where nothing is exported, DT_GNU_HASH of GNU ld says that the first hashed symbol is 1,
  // however many imports there are: those are known by the relocations.
  const std::uint64_t count = std::max({*by_hash, *by_gnu_hash, at_least});
  if (table->empty() && at_least <= 1) return std::vector<DynamicSymbol>();
  const std::uint64_t vaddr = tables.value(DT_SYMTAB).value_or(0);
  if (count > table->size() / sizeof(Elf64_Sym)) {
    return tables.bad("DT_SYMTAB", vaddr, fmt::format("{} symbols lie outside the image", count));
  }
  if (count > kMaxDynamicEntries) {
    return fail(Errc::kLimit, "{}: DT_SYMTAB: {} symbols, at most {} are read",
                tables.image().name(), count, kMaxDynamicEntries);
  }
  if (!indices->empty() && count > indices->size() / 2) {
    return tables.bad("DT_VERSYM", tables.value(DT_VERSYM).value_or(0),
                      fmt::format("versions of {} symbols lie outside the image", count));
  }
  Names names(strings);
  Versions versions;
  if (!indices->empty()) {
    if (Result<void> added = add_needed(tables, names, versions); !added) return propagate(added);
    if (Result<void> added = add_defined(tables, names, versions); !added) return propagate(added);
  }
  std::vector<DynamicSymbol> symbols(count);
  for (std::uint64_t i = 1; i < count; ++i) {
    const Bytes row = table->subspan(i * sizeof(Elf64_Sym), sizeof(Elf64_Sym));
    DynamicSymbol& symbol = symbols[i];
    symbol.name = names.at(load<std::uint32_t>(row, offsetof(Elf64_Sym, st_name)));
    symbol.vaddr = load<std::uint64_t>(row, offsetof(Elf64_Sym, st_value));
    symbol.size = load<std::uint64_t>(row, offsetof(Elf64_Sym, st_size));
    const auto info = row[offsetof(Elf64_Sym, st_info)];
    symbol.type = static_cast<std::uint8_t>(ELF64_ST_TYPE(info));
    symbol.binding = static_cast<std::uint8_t>(ELF64_ST_BIND(info));
    symbol.visibility =
        static_cast<std::uint8_t>(ELF64_ST_VISIBILITY(row[offsetof(Elf64_Sym, st_other)]));
    symbol.defined = load<std::uint16_t>(row, offsetof(Elf64_Sym, st_shndx)) != SHN_UNDEF;
    if (!indices->empty()) {
      const auto index = load<std::uint16_t>(*indices, i * 2);
      symbol.version = versions.at(index);
      symbol.default_version = !symbol.defined || (index & kHidden) == 0;
    }
  }
  if (names.exhausted()) {
    return fail(Errc::kLimit, "{}: DT_STRTAB: names of more than {} bytes together",
                tables.image().name(), kMaxDynamicNameBytes);
  }
  return symbols;
}

}  // namespace sysnare
