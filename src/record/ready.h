#pragma once
// When is a program ready, so that what it does from then on is its steady state?
//
// By itself a server shows it: it accepts a connection, or waits for events once it listens. Else
// the user says it: after a time, at a line of output, or by a signal. Both recorders ask here.
//
// Not modelled: i386's socketcall, and accepts in an io_uring.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "arch/abi.h"
#include "evidence/evidence.h"

namespace sysnare {

/// What the user says about the ready mark. Neither: the program's own calls tell.
struct ReadyOptions {
  std::optional<std::chrono::milliseconds> after;  ///< since the command was started
  std::string text;                                ///< a line of its output contains this

  [[nodiscard]] bool by_calls() const { return !after && text.empty(); }
};

/// What a call has to do with being ready.
enum class ReadyCall : std::uint8_t {
  kNothing,
  kListens,
  kAccepts,  ///< the mark
  kWaits,    ///< for events on descriptors: the mark, once somebody listens
};
ReadyCall ready_call(Call call);

/// "first accept4", "first epoll_wait after a listen".
std::string ready_by(Call call);
inline constexpr const char* kReadyByTime = "--ready-after";
inline constexpr const char* kReadyByText = "--ready-when";
inline constexpr const char* kReadyBySignal = "SIGUSR1";

/// Puts the mark into `evidence`: what it was, and how long after the start.
void add_ready(Evidence& evidence, const std::string& by, std::uint64_t after_ns);

}  // namespace sysnare
