#pragma once
// Which pointers does one come to through this address of an object's data?
//
// Data is cut into chunks, each live as a whole once somebody holds an address in it. A chunk is
// what a sized symbol covers, or a slot of .got; elsewhere one begins at each address that code
// takes or other data points to, if an object can begin there. Who holds an address goes forward
// from it, to the end of its object: an array is reached through its first element. What is told
// apart by that are objects that lie behind one another and of which nobody kept the names.
//
// C++'s descriptions of types end an object wherever they stand, and the next begins behind them:
// they lie between the tables of virtual functions, are emitted by compilers alone, each as an
// object of its own, and are known by the vtable that their first word points to (Itanium C++ ABI,
// 2.9.5).
//
// Three kinds of addresses do not cut: one in the midst of a row of pointers that is not aligned as
// an object is, as &array[3]; one in an array of structs as far as their pointers tell; one that is
// only loaded from or called through. A load by a constant address reads its own words and no more.
// An address that code takes shortly before a chunk leads into it too: compilers fold an index
// less one into one.
//
// Constant data has distances too, of 4 bytes, from the table that they stand in: clang and rustc
// make such a table of a switch that yields addresses (LLVM's RelLookupTableConverter). Whatever
// can be one counts as a pointer where it leads to something with pointers: in a table that is
// aligned as its entries, that code reads with a sign and in no other way, and not for a switch; it
// leads to constants alone (LLVM 14, lib/Transforms/Utils/RelLookupTableConverter.cpp,
// shouldConvertToRelLookupTable: private constants, loads alone, setAlignment(Align(4))).

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "scan/object_map.h"
#include "scan/summary.h"

namespace sysnare {

/// Of a DataReference: to all that lies around its address, kAroundBefore bytes before it to
/// kNearBytes behind it. gcc's TARGET_MIN_ANCHOR_OFFSET of aarch64.
inline constexpr std::uint32_t kAround = UINT32_MAX;
/// Of a DataReference: to what begins less than 64 bytes behind its address. An index is added to
/// that, and a part of the index may stand in it: table[n - 4].
inline constexpr std::uint32_t kAhead = UINT32_MAX - 1;
inline constexpr std::uint64_t kAroundBefore = 256;

/// That code refers to data: by its address, or with a load of `width` bytes there.
struct DataReference {
  std::uint64_t vaddr = 0;
  std::uint32_t width = 0;  ///< 0: it takes the address; kAround, kAhead
  auto operator<=>(const DataReference&) const = default;
};

class DataMap {
 public:
  struct DataChunk {
    std::uint64_t vaddr = 0;
    std::uint64_t end = 0;
    std::string name;
    std::vector<Target> targets;   ///< of chunks: by number; kImport: dynamic symbol
    std::uint32_t number = kNone;  ///< among those that have targets
  };

  /// `map` must outlive this. `taken`: addresses of data that code takes. `tables`: those of them
  /// that may be of tables of distances.
  DataMap(const ObjectMap& map, std::vector<std::uint64_t> taken,
          std::vector<std::uint64_t> tables);

  [[nodiscard]] std::span<const DataChunk> chunks() const { return chunks_; }
  /// Adds what `reference` leads to.
  void add_targets(const DataReference& reference, std::vector<Target>& targets) const;
  /// The number of the chunk that `vaddr` lies in; kNone where that has no pointers.
  [[nodiscard]] std::uint32_t chunk_at(std::uint64_t vaddr) const;

 private:
  struct Pointer {
    std::uint64_t vaddr = 0;  ///< where it stands
    bool to_data = false;
    std::uint64_t value = 0;  ///< `to_data`: where it points
    Target target;            ///< else
    bool distance = false;    ///< 4 bytes from its table to there
  };
  void find_pointers();
  void find_distances(const std::vector<std::uint64_t>& taken, std::vector<std::uint64_t> tables);
  void find_unaligned();
  void find_type_infos();
  void add_pointer(std::uint64_t vaddr, std::uint64_t value);
  void cut(std::vector<std::uint64_t> taken);
  void cut_section(std::uint64_t begin, std::uint64_t end, std::span<const std::uint64_t> taken,
                   bool arrays);
  void cut_gap(std::uint64_t begin, std::uint64_t end, std::span<const std::uint64_t> taken,
               bool arrays);
  /// `arrays`: structs of one kind that lie behind one another may be one object.
  void cut_piece(std::uint64_t begin, std::uint64_t end, std::span<const std::uint64_t> taken,
                 bool arrays);
  [[nodiscard]] bool leads_to_type(std::uint64_t vaddr, std::uint64_t size) const;
  [[nodiscard]] bool is_vtable_before(std::uint64_t vaddr, const DataChunk& chunk) const;
  [[nodiscard]] bool may_begin(std::uint64_t vaddr) const;
  [[nodiscard]] std::vector<std::uint8_t> kinds_of_words(std::uint64_t begin,
                                                         std::uint64_t end) const;
  [[nodiscard]] std::size_t first_pointer(std::uint64_t vaddr) const;
  [[nodiscard]] std::uint32_t index_at(std::uint64_t vaddr) const;
  void add_chunk(std::uint32_t index, std::vector<Target>& targets) const;

  const ObjectMap& map_;
  std::vector<Pointer> pointers_;  ///< sorted by vaddr
  /// Words that may be pointers, or distances; sorted by vaddr. What they lead to begins nothing.
  std::vector<Pointer> doubtful_;
  std::vector<std::uint64_t> type_infos_;       ///< where descriptions of types begin; sorted
  std::vector<std::uint64_t> type_info_edges_;  ///< where they begin and end; sorted
  std::vector<DataChunk> chunks_;               ///< sorted by vaddr
  /// Words that are compared at most to tell arrays of structs. Behind that nothing is cut any
  /// more, which costs exactness alone.
  std::uint64_t to_compare_ = 1u << 28;
};

}  // namespace sysnare
