#pragma once
// Which functions are called only after another one was?
//
// A branch that depends on what an object was made as does not show in a graph of functions. Of a
// few it is known by which function alone such objects are made; until that is live, so is not what
// hangs on it. The rows and what they take for granted stand in guards.cc.

#include <cstdint>
#include <string_view>
#include <vector>

#include "scan/link_graph.h"
#include "scan/reach.h"

namespace sysnare {

class Guards {
 public:
  /// Puts what is guarded to sleep in `graph`, which must outlive this.
  explicit Guards(LinkGraph& graph);
  /// Wakes what hangs on a function that is live in `reach`; whether there is any: walk anew then.
  bool wake(const Reach& reach);

 private:
  struct Guard {
    std::vector<std::string_view> keys;  ///< functions: one of them must be live
    std::vector<std::uint32_t> asleep;   ///< nodes
  };
  void find_priority_protection();
  void find_engines();
  void add(Guard guard);

  LinkGraph& graph_;
  std::vector<Guard> guards_;
};

}  // namespace sysnare
