#pragma once
// Who calls this function of the C library, with which text?

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "scan/link_graph.h"
#include "scan/numbers.h"
#include "scan/reach.h"

namespace sysnare {

/// Functions of the vDSO that make the call of their name where they have no answer themselves
/// (lib/vdso/gettimeofday.c, lib/vdso/getrandom.c, Linux 6.18).
inline constexpr std::string_view kVdsoPrefix = "__vdso_";
inline constexpr std::string_view kVdsoCalls[] = {"clock_gettime", "gettimeofday", "clock_getres",
                                                  "getrandom"};

/// How the names begin of the stages of musl's dynamic linker, which it looks up in itself
/// (ldso/dynlink.c of 1.2.3: __dls2b and __dls3).
inline constexpr std::string_view kMuslStages = "__dls";

/// Whether it is a message of glibc's dlopen and dlmopen, which only they have (dlfcn/dlopen.c,
/// dlfcn/dlmopen.c, 2.36).
bool is_said_by_dlopen(std::string_view text);

/// How systemd's event loop is told where nothing has a name: its file and its functions, as
/// assertions name them (scan/guards_events.cc), and the variable by which services are told.
inline constexpr std::string_view kEventLoopFile = "/sd-event.c";
inline constexpr std::string_view kNotifySocket = "NOTIFY_SOCKET";
bool is_said_by_event_loop(std::string_view text);

/// The variable of the environment that says where glibc's converters of character sets are.
inline constexpr std::string_view kConverterPath = "GCONV_PATH";

/// systemd's functions that look up what their callers name are told by their file likewise
/// (scan/known_loads.h).
inline constexpr std::string_view kLookupFile = "src/shared/dlfcn-util.c";

/// Functions of which it matters what they are passed, as an argument decides what is called
/// (scan/guards_arguments.cc, guards_libc.cc).
inline constexpr std::string_view kAccess = "faccessat";
inline constexpr std::string_view kSysconf = "sysconf";
inline constexpr std::string_view kBindDomain = "bindtextdomain";
inline constexpr std::string_view kLlvmRealPath =
    "_ZN4llvm3sys2fs9real_pathERKNS_5TwineERNS_15SmallVectorImplIcEEb";

/// The number of argument `index` (0 to 5) as a place, in the calling convention of `machine`.
Place argument_place(std::uint16_t machine, unsigned index);

/// That of programs for `machine`.
Abi native_abi(std::uint16_t machine);

/// What stands behind the last '/'.
std::string_view file_name(std::string_view path);

/// Functions of the C library that load an object, and which argument names it; and those that look
/// a symbol up, by their second argument.
struct Opener {
  std::string_view name;
  unsigned argument;
};
inline constexpr Opener kOpeners[] = {
    {"dlopen", 0}, {"dlmopen", 1}, {"__libc_dlopen_mode", 0}, {"__libc_dlopen", 0}};
inline constexpr std::string_view kFinders[] = {"dlsym", "dlvsym", "__libc_dlsym"};

/// Whether a call of `function` in `caller` is the C library's own affair. A static program is all
/// one object; there the names tell: users call none that begins with "__".
bool is_own_call(const LinkGraph& graph, std::uint32_t caller, std::string_view function);

/// The texts of all objects, by address.
class Texts {
 public:
  explicit Texts(const std::vector<LoadedObject>& objects) : objects_(objects) {}
  /// Empty where no text is known to be.
  std::optional<std::string_view> at(std::uint32_t object, std::uint64_t vaddr);

 private:
  const std::vector<LoadedObject>& objects_;
  /// Of each object that was asked for: address and text, sorted.
  std::unordered_map<std::uint32_t, std::vector<std::pair<std::uint64_t, std::uint32_t>>> sorted_;
};

/// What an argument can be.
struct TextArgument {
  std::vector<std::string> texts;
  std::vector<std::uint64_t> numbers;  ///< plain numbers (0: a null pointer)
  Doubt doubt;                         ///< others cannot be excluded
  bool other = false;                  ///< an address where no text is known
  [[nodiscard]] bool unknown() const { return other || doubt.kind != Doubt::Kind::kNothing; }
};
TextArgument text_of_answer(Texts& texts, const Answer& answer);
TextArgument text_argument(LinkGraph& graph, Texts& texts, Numbers& numbers, std::uint32_t caller,
                           const CallSite& site, unsigned index);

/// Live nodes that take the address of one of `functions`, each once, and not those in the C
/// library.
std::vector<std::uint32_t> takers(LinkGraph& graph, const Reach& reach,
                                  const std::vector<std::uint32_t>& functions);

}  // namespace sysnare
