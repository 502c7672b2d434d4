#pragma once
// When is the evidence of a long recording put into safety, and by whom?
//
// A timer of the kernel, as a descriptor: whatever a recorder waits for, it can wait for this too.

#include <chrono>
#include <functional>

#include "base/fd.h"
#include "base/result.h"
#include "evidence/evidence.h"

namespace sysnare {

class EvidenceSaver {
 public:
  /// `save` gets what was seen so far, each time that `every` (more than 0) has passed.
  static Result<EvidenceSaver> start(std::chrono::milliseconds every,
                                     std::function<void(const Evidence&)> save);

  /// Readable when it is time.
  [[nodiscard]] int fd() const { return timer_.get(); }
  /// Whether it is time; the next time comes `every` later. Cost: a system call.
  [[nodiscard]] bool due() const;
  void save(const Evidence& so_far) const { save_(so_far); }

 private:
  EvidenceSaver(Fd timer, std::function<void(const Evidence&)> save);

  Fd timer_;
  std::function<void(const Evidence&)> save_;
};

}  // namespace sysnare
