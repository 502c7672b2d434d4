#pragma once
// Which functions are called only after another one was, or only for some arguments?
//
// A branch that depends on what an object was made as does not show in a graph of functions. Of a
// few it is known by which function alone such objects are made; until that is live, so is not what
// hangs on it. Of others it is known which argument decides: until a live caller may pass one that
// does, what hangs on it is not live either. The rows and what they take for granted stand in
// guards.cc, those of glibc in guards_libc.cc, of systemd's event loop in guards_events.cc, of
// LLVM's passes in guards_passes.cc, of arguments in guards_arguments.cc, of others in
// guards_libraries.cc.

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "scan/link_graph.h"
#include "scan/names.h"
#include "scan/numbers.h"
#include "scan/reach.h"

namespace sysnare {

class Guards {
 public:
  /// Puts what is guarded to sleep in `graph`, which must outlive this.
  explicit Guards(LinkGraph& graph);
  /// Wakes what hangs on a function that is live in `reach`; whether there is any: walk anew then.
  bool wake(const Reach& reach);
  /// The same for what hangs on an argument that somebody may pass.
  bool wake(Numbers& numbers);

 private:
  /// An argument of the function `node`: its bits in `mask` must be from `least` to `most`, or
  /// where it names a directory, it must be a relative one.
  struct Argument {
    std::uint32_t node = kNone;
    Place place = {};
    std::uint64_t mask = 0;
    std::uint64_t least = 1;
    std::uint64_t most = ~std::uint64_t{0};
    bool is_directory = false;
  };
  /// Something must be live that is named in `keys` or `key_nodes`, or that is outside of the C
  /// library and refers to one of `called`. Where all are empty it sleeps for ever.
  struct Guard {
    std::vector<std::string_view> keys = {};  ///< functions
    std::vector<std::string_view> called = {};
    std::vector<std::uint32_t> key_nodes = {};
    Argument argument = {};                  ///< or this; its node is kNone: there is none
    std::vector<std::uint32_t> asleep = {};  ///< nodes
    std::vector<std::pair<std::uint32_t, std::uint32_t>> steps =
        {};  ///< from one node to the other
    std::vector<std::pair<std::uint32_t, std::uint32_t>> sites = {};  ///< node, number of a call
  };
  void find_priority_protection();
  void find_engines();
  void find_parsers();
  void find_topology();
  void find_passes();
  std::vector<std::uint32_t> methods_of_passes(std::uint32_t object);
  void find_options();
  void find_spawn_options(std::uint32_t object);
  void find_thread_options(std::uint32_t object);
  void find_rpc(std::uint32_t object);
  void find_temporary_directories(std::uint32_t object);
  void find_arenas(std::uint32_t object);
  void find_working_directory(std::uint32_t object);
  void find_program_mode();
  void find_relative_paths(std::uint32_t linker);
  void find_arguments();
  void find_access(std::uint32_t object);
  void find_processors(std::uint32_t object);
  void find_tildes(std::uint32_t object);
  void find_event_sources();
  void find_event_sources(std::uint32_t object);
  std::vector<std::uint32_t> own_callers(std::uint32_t object, std::string_view name);
  void add_syscall(std::uint32_t object, const std::vector<std::uint32_t>& loop,
                   std::string_view name, Guard& guard);
  void add(Guard guard);
  /// Most steps from some functions to some others. Real libraries have some dozens.
  static constexpr std::size_t kMaxSteps = 1u << 14;
  /// Adds the steps from each to each. Returns false, and adds none, where they are too many: what
  /// does not sleep costs exactness alone.
  static bool add_steps(const std::vector<std::uint32_t>& from,
                        const std::vector<std::uint32_t>& to, Guard& guard);
  /// Those that define `name` and whose DT_SONAME begins with `soname`, each once. Linked into
  /// something else, a library can be one with the code around it: its functions may have been
  /// inlined there, and nobody calls them though what they do is done.
  [[nodiscard]] std::vector<std::uint32_t> objects_with(std::string_view name,
                                                        std::string_view soname) const;
  /// Whether it is the C library and nothing else: what looks like a part of that in a static
  /// program, which may export its functions too, can be a function of the program's own.
  [[nodiscard]] bool is_c_library_alone(std::uint32_t object) const;
  void set_asleep(const Guard& guard, bool asleep);
  [[nodiscard]] bool decides(const Argument& argument, const Answer& passed);
  [[nodiscard]] bool is_due(const Guard& guard, const Reach& reach);
  /// Functions of the object `object` that call each of `callees` and are not exported.
  [[nodiscard]] std::vector<std::uint32_t> callers_of_all(
      std::uint32_t object, const std::vector<std::string_view>& callees) const;
  /// Whether the function `from` calls `to`, of its own object.
  [[nodiscard]] bool calls(std::uint32_t from, std::uint32_t to) const;
  /// What the object exports by that name, or kNone.
  [[nodiscard]] std::uint32_t named_in(std::uint32_t object, std::string_view name) const;

  LinkGraph& graph_;
  Texts texts_;
  std::vector<Guard> guards_;
};

}  // namespace sysnare
