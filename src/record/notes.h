#pragma once
// What do the recorders have to say about a recording, in the same words?

namespace sysnare {

inline constexpr const char* kNoteIoUring =
    "the program uses io_uring; operations in its rings are no system calls and were not seen";
inline constexpr const char* kNoteDetached = "the recording ended while the program still ran";
inline constexpr const char* kNoteAttached =
    "attached to a running program: the calls of its start are not in this recording, so a profile "
    "of it alone does not let the program start";
inline constexpr const char* kNoteOdd =
    "calls of more nonsense numbers were made than are kept; the rest is counted as lost";

}  // namespace sysnare
