#pragma once
// Through which functions did a stopped thread come to its call?
//
// By libdwfl's CFI where there is any, else frame pointers; Go without debug information by its
// .gopclntab, which stripped programs keep. Inlined functions are frames of their own where DWARF
// names them.

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

namespace sysnare {

/// Deepest stack that is walked; recursion deeper than this says nothing more.
inline constexpr unsigned kMaxFrames = 64;

struct UnwoundStack {
  std::vector<std::string> frames;  ///< innermost first: function names, else "module+0xoffset"
  bool truncated = false;           ///< kMaxFrames reached, or no way on from the last frame
};

/// Unwinds the threads of one process (an exec needs a new Unwinder). The threads must be stopped
/// under ptrace by the caller.
class Unwinder {
 public:
  explicit Unwinder(pid_t process);
  ~Unwinder();
  Unwinder(const Unwinder&) = delete;
  Unwinder& operator=(const Unwinder&) = delete;
  UnwoundStack unwind(pid_t thread);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sysnare
