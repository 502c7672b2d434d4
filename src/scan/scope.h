#pragma once
// Which definition does an import mean, in this order of objects?
//
// As ld.so of glibc 2.36 does it (elf/dl-lookup.c: check_match, do_lookup_x; elf/dl-object.c for
// DF_SYMBOLIC): the first object of the scope that has an acceptable definition, weak ones count as
// strong. Accepted is the same version, or an unversioned definition; an import without a version
// accepts what ld.so might take for it, which depends on the order of versions in the file: here
// all versions of that first object.
//
// An opened object looks in the global scope, with what was opened by RTLD_GLOBAL before, then in
// the list of whoever was opened first and needs it. Which order that was nobody knows, and
// RTLD_DEEPBIND turns it around: the answer of the global scope is kept, and those of all opened
// objects. Where the global scope has none, its own objects too may find that of an opened one:
// their lazy bindings may come after a dlopen.
//
// Not modelled: LD_PRELOAD, LD_AUDIT, namespaces of dlmopen, STB_GNU_UNIQUE (a plain symbol here).

#include <cstdint>
#include <string_view>
#include <vector>

#include "scan/link.h"

namespace sysnare {

/// An export of an object: which one, by indices.
struct Definition {
  std::uint32_t object = 0;
  std::uint32_t index = 0;
  bool operator==(const Definition&) const = default;
};

class Scope {
 public:
  /// Hashes every export once. `objects` must outlive it.
  explicit Scope(const std::vector<LoadedObject>& objects);

  /// What `name` at `version` (empty: none) means in `object`; mostly one, none when undefined.
  [[nodiscard]] std::vector<Definition> lookup(std::uint32_t object, std::string_view name,
                                               std::string_view version) const;
  /// Every definition of `name`, whatever its version, in the order of the objects.
  [[nodiscard]] std::vector<Definition> all(std::string_view name) const;

 private:
  struct Entry {
    std::uint64_t hash = 0;
    std::uint32_t object = 0;
    std::uint32_t index = 0;
    std::uint32_t next = kNone;  ///< in the same bucket, of the same or a later object
  };
  void fill_table();
  [[nodiscard]] bool accepts(const Entry& entry, std::string_view version) const;

  const std::vector<LoadedObject>& objects_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> buckets_;
};

}  // namespace sysnare
