#pragma once
// Through which functions did a stopped thread come to its call?
//
// By call frame information (.eh_frame, .debug_frame) where there is any, else by frame pointers;
// Go by its .gopclntab, which stripped programs keep. Inlined functions are frames of their own
// where DWARF or Go's table names them. docs/adr/0040-unwinding.md has the choices.
//
// Not modelled: code without any of these (a libc built without tables and frame pointers), where
// the walk ends early and says so.

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

namespace sysnare {

class ModuleCache;

/// Deepest stack that is walked; recursion deeper than this says nothing more.
inline constexpr unsigned kMaxFrames = 64;

struct UnwoundStack {
  std::vector<std::string> frames;  ///< innermost first: function names, else "module+0xoffset"
  bool truncated = false;           ///< kMaxFrames reached, or no way on from the last frame
};

/// Unwinds the threads of one process (an exec needs a new Unwinder). The threads must be stopped
/// under ptrace by the caller, in a call or anywhere else. Objects that are loaded or unloaded
/// between two calls are noticed.
/// Cost: about 0.1 ms a stack once its objects are known; some 10 ms for each new object.
class Unwinder {
 public:
  explicit Unwinder(pid_t process);
  /// Shares opened objects with others of one caller (Places, Unwinders of other processes).
  Unwinder(pid_t process, std::shared_ptr<ModuleCache> modules);
  ~Unwinder();
  Unwinder(const Unwinder&) = delete;
  Unwinder& operator=(const Unwinder&) = delete;
  /// The stack of a thread of the process. Never fails: what cannot be found out is not there.
  UnwoundStack unwind(pid_t thread);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sysnare
