#pragma once
// Which libraries can a loader of plug-ins load, when its code does not tell the name?
//
// Such a loader puts the name together from a directory that it was built with and a name that a
// file of the system or the program gives it. For those of kPlugIns it is known where they look,
// what they read, and by which functions others hand them a name; all that is installed there
// counts as opened. The source of each row stands with it. Not modelled: variables of the
// environment (OPENSSL_CONF, SASL_PATH ...), and files in the home directory of whoever runs the
// program (~/.config/pkcs11).

#include <array>
#include <set>
#include <string>
#include <string_view>

#include "scan/link.h"

namespace sysnare {

/// The name of an OpenRequest for plug-ins: this and PlugIns::object; behind that nothing for those
/// that it finds by itself, ":NAME" for one more that it is told, or ":*" for all that are
/// installed.
inline constexpr std::string_view kPlugInRequest = "plug-ins:";
inline constexpr std::string_view kAllPlugIns = "*";

/// A function by which others name what is loaded.
struct PlugInName {
  static constexpr int kUntold = -1;
  std::string_view function;
  int argument = kUntold;  ///< the name; kUntold: somewhere behind its arguments
};

/// A call that does nothing where it is passed this number.
struct HarmlessCall {
  std::string_view function;
  unsigned argument = 0;
  std::uint64_t value = 0;
};

struct PlugIns {
  /// How the loader's soname begins, or the name of its file where it has none.
  std::string_view object;
  /// Where it loads all that is there and below: beside the loader's own file, or absolute.
  std::array<std::string_view, 4> directories = {};
  /// Likewise, but of these it loads only what it is told by name, with or without ".so".
  std::array<std::string_view, 2> named_in = {};
  /// What begins so it loads of these in any case.
  std::array<std::string_view, 2> prefixes = {};
  /// What begins so it loads beside its own file, where other libraries are too.
  std::array<std::string_view, 6> beside = {};
  /// The first of `beside` it needs: where none is there, it is elsewhere.
  bool needs_first = false;
  /// Files that name plug-ins, or directories of such files.
  std::array<std::string_view, 4> files = {};
  std::array<PlugInName, 15> names = {};
  /// Parts of the loader, by the beginnings of their sonames: what they hand it is in `files`.
  std::array<std::string_view, 10> parts = {};
  /// Nothing is loaded unless somebody calls one of these; empty: it may be.
  std::array<std::string_view, 6> starts = {};
  /// One of `starts`, which stands in findings.cc too.
  HarmlessCall harmless = {};
  /// How the names begin, or behind '*' how they end, that it looks up in what it loads, as far as
  /// its code does not tell them; empty: any.
  std::array<std::string_view, 8> looks_up = {};
  /// What it looks up so stands in the texts of its own code, which lookups.cc follows.
  bool looks_up_texts = false;
  /// Functions by which others could tell it what to look up: then that is any.
  std::array<std::string_view, 4> told = {};
  /// The name can be any that a user or a script likes: it stays open, and what is installed where
  /// it looks first counts as opened all the same.
  bool any_name = false;
};

/// Who looks functions up in opened objects by names that its code does not tell.
struct UnknownNames {
  bool anybody = false;                        ///< beside these loaders
  std::set<std::string, std::less<>> objects;  ///< their paths
  std::set<std::string, std::less<>> loaders;  ///< PlugIns::object
  bool operator==(const UnknownNames&) const = default;
};

/// That of the loader `object`, or null.
const PlugIns* plug_ins_of(const LoadedObject& object);
/// That whose `object` this is, or null.
const PlugIns* plug_ins_named(std::string_view object);
/// Who asks what `object` opens by dlsym: the loader that it is, else anybody.
Asker asker_of(const LoadedObject& object);
/// Whether the loader may look up `name`, where its code does not tell what it looks up.
bool looks_up(const PlugIns& plug_ins, std::string_view name);
/// Whether a loader is told by that function what to load.
bool names_plug_ins(std::string_view function);
/// Whether `object` is a part of the loader.
bool is_part_of(const PlugIns& plug_ins, const LoadedObject& object);

}  // namespace sysnare
