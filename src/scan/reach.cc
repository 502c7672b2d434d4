// Reachability: which code can run at all?
//
// The question is asked of functions, not of instructions: once a function is live, all of it is.
// That loses little, and it makes the whole matter one breadth-first walk over a graph whose nodes
// are functions and data and whose edges the analyser wrote down object by object:
//
//   function -> function   it calls or jumps to it, directly or through the PLT or GOT
//   function -> function   it takes its address: a callback, a thread, a signal handler
//   function -> datum      it refers to a table, a vtable, a variable
//   datum    -> anything   a pointer stands in it when the program starts (a relocation)
//
// A call through a pointer has no edge of its own. It needs none: the pointer was made somewhere,
// by live code that took an address or in data that live code refers to, and from there the target
// is live already. So no guess is needed about which pointer goes where; that is why the result is
// sound, and also why it is larger than it must be.
//
// The other side of that coin is what makes it tight: an address that stands in data nobody live
// refers to makes nothing live. libc alone has more than a thousand relocated words; hello world
// needs a few of them.
//
// Breadth-first and not depth-first, because a reader wants to know *why* a function is live. Each
// node remembers the node that first reached it. All roots are in the queue before the first step,
// so the chain of these parents is a shortest one from any root; among equals the earlier root wins
// (the entry before the constructors, those before the destructors).
//
// The walk also writes down how a function may be entered besides by a call whose arguments are
// known: its address is taken, it is jumped to, or it is a root. numbers.cc must then take every
// argument as unknown. As this depends on *live* takers alone, it is known only when the walk is
// done.
//
// The same walk, with some nodes blocked, answers other questions: what runs before main (main is
// blocked), and what runs only on the way to an abort (what a walk with the functions of
// error_exits blocked does not find). See phases.cc.
//
// Cost: one pass over the edges of live nodes. The queue and the order are one array, parents
// another; an import is looked up once, the first time an edge needs it.

#include "scan/reach.h"

namespace sysnare {
namespace {

constexpr std::uint32_t kRootBit = 0x80000000;

}  // namespace

Reach::Reach(LinkGraph& graph, NodeSet blocked)
    : graph_(graph),
      blocked_(std::move(blocked)),
      parent_(graph.size(), kNone),
      entry_(graph.size(), Entry::kCallsOnly),
      entered_by_(graph.size(), kNone) {}

void Reach::enter(std::uint32_t node, std::uint32_t parent) {
  if (parent_[node] != kNone || (!blocked_.empty() && blocked_[node] != 0)) return;
  parent_[node] = parent;
  order_.push_back(node);
}

void Reach::add_root(std::uint32_t node, std::uint32_t root_index, bool called) {
  if (called) entry_[node] = Entry::kRoot;
  enter(node, kRootBit | root_index);
}

void Reach::add(std::uint32_t node, std::uint32_t from) {
  if (entry_[node] == Entry::kCallsOnly) {
    entry_[node] = Entry::kTaken;
    entered_by_[node] = from;
  }
  enter(node, from);
}

void Reach::run() {
  while (walked_ < order_.size()) {
    const std::uint32_t from = order_[walked_++];
    graph_.for_each_edge(from, [&](std::uint32_t to, LinkGraph::Edge edge) {
      enter(to, from);
      // A function that jumps to its own beginning passes on what it was passed, or a loop's
      // variables, and those its own analysis has taken into account.
      if (edge == LinkGraph::Edge::kCall || (edge == LinkGraph::Edge::kJump && to == from)) return;
      if (entry_[to] != Entry::kCallsOnly) return;
      entry_[to] = edge == LinkGraph::Edge::kTaken ? Entry::kTaken : Entry::kJumped;
      entered_by_[to] = from;
    });
  }
}

std::uint32_t Reach::parent(std::uint32_t node) const {
  const std::uint32_t parent = parent_[node];
  return (parent & kRootBit) != 0 ? kNone : parent;
}

Reach::Chain Reach::chain(std::uint32_t node) const {
  Chain chain;
  // Parents were reached earlier, so this ends.
  for (; (parent_[node] & kRootBit) == 0; node = parent_[node]) chain.nodes.push_back(node);
  chain.nodes.push_back(node);
  chain.root = parent_[node] & ~kRootBit;
  std::reverse(chain.nodes.begin(), chain.nodes.end());
  return chain;
}

}  // namespace sysnare
