#pragma once
// What do the recorders have to say about a recording, in the same words?

namespace sysnare {

inline constexpr const char* kNoteIoUring =
    "the program uses io_uring; operations in its rings are no system calls and were not seen";
inline constexpr const char* kNoteDetached = "the recording ended while the program still ran";
inline constexpr const char* kNoteNotEnded =
    "saved while the recording went on, which had not ended: what came later is missing";
inline constexpr const char* kNoteAttached =
    "attached to a running program: the calls of its start are not in this recording, so a profile "
    "of it alone does not let the program start";
inline constexpr const char* kNoteAttachedCgroup =
    "programs ran in the cgroup already: the calls of their start are not in this recording, so a "
    "profile of it alone does not let them start";
inline constexpr const char* kNoteHost =
    "a recording of the whole host: the calls of the start of what ran already are not in it, nor "
    "those of sysnare itself";
/// What was lost, in the plural, for lose().
inline constexpr const char* kLostOdd = "calls of nonsense numbers past the most that are kept";
inline constexpr const char* kNoteNotReady =
    "the ready mark that was asked for did not come: no call is in phase steady";

}  // namespace sysnare
