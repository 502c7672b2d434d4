#pragma once
// How is a program's output read on its way, and left as it is?
//
// The program gets pipes in place of our standard output and error, or, where those are terminals,
// a pseudo-terminal, so that it finds what it would have found. A thread of ours hands every byte
// on, and says when a line with a given text has come. The order of what goes to one place by both
// is kept: one pipe serves them then.
//
// Source: pipe(7), pty(7), unix(7); drivers/tty/pty.c, Linux 6.18.
// Not modelled: terminal settings that the program changes by its output's descriptor (programs do
// it by their input's, which is the terminal itself).

#include <functional>
#include <memory>
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace sysnare {

class OutputTap {
 public:
  /// `on_text` is called in a thread of ours, once, when `text` (without a line break) has come in
  /// a line of either. Errors: no pipe or pseudo-terminal, no thread.
  static Result<OutputTap> open(std::string text, std::function<void()> on_text);
  OutputTap(OutputTap&&) noexcept;
  OutputTap& operator=(OutputTap&&) noexcept;
  /// As finish().
  ~OutputTap();

  /// What the program is to have as descriptors 1 and 2 (LaunchSpec::out, err).
  [[nodiscard]] int out() const;
  [[nodiscard]] int err() const;
  /// Hands on what is there, and ends. Who still writes is told as by any reader that goes away.
  void finish();

 private:
  struct State;
  explicit OutputTap(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sysnare
