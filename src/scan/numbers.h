#pragma once
// Which values can stand here, whoever calls this function?
//
// See numbers.cc for the algorithm. The answer is the set of constants and addresses that live code
// can bring there, and `any` when others cannot be excluded, with who is to blame.
//
// A static word counts as known only if its initial contents stand among its stores (a CellStore
// whose function is kNone); a pointer in a static word needs no such store, as nobody follows the
// null pointer that it begins as.
// Not modelled: which caller passed which number together with which other argument.

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "scan/link_graph.h"
#include "scan/reach.h"

namespace sysnare {

/// Most values that one place is followed with; more are `any`. A kernel has under 500 calls.
inline constexpr std::size_t kMaxKnown = 512;
/// The same for arguments: larger sets are of no use in a filter.
inline constexpr std::size_t kMaxKnownArgs = 64;
/// Most values that are handed from answer to answer; past it places are `any`. Debian's largest
/// programs need some thousand; a made-up one, of 60,000 functions that all pass on what they get,
/// would need a billion.
inline constexpr std::size_t kMaxHandedOn = 1u << 18;

/// Why a value is not known.
struct Doubt {
  enum class Kind : std::uint8_t {
    kNothing,
    kHere,     ///< the code of `node` does not tell
    kCaller,   ///< `node` passes something that is not known to `to`
    kTaken,    ///< `node` takes the address of `to`
    kJumped,   ///< `node` jumps to `to`
    kRoot,     ///< `to` is called from outside of all objects
    kCell,     ///< a word of static data with unknown contents
    kTooMany,  ///< more than kMaxKnown, or kMaxHandedOn is used up
  };
  Kind kind = Kind::kNothing;
  std::uint32_t node = kNone;
  std::uint32_t to = kNone;
};

/// A value that can stand somewhere.
struct Known {
  std::uint32_t object = kNone;  ///< kNone: `number` is a plain number; else an address there
  std::uint32_t origin = kNone;  ///< node of the function in whose code it stands
  std::uint64_t number = 0;
  /// Where it came from, for a chain: the answer and the place in it. kNone: from `origin` itself.
  std::uint32_t via = kNone;
  std::uint32_t via_index = kNone;
};

struct Answer {
  std::vector<Known> known;  ///< in the order in which they were found
  Doubt doubt;
  [[nodiscard]] bool any() const { return doubt.kind != Doubt::Kind::kNothing; }
};

class Numbers {
 public:
  /// `reach` has run.
  Numbers(LinkGraph& graph, const Reach& reach);

  /// `reach` has gone on since: the new calls count too, and every question is open again.
  void look_again();

  /// Gives up on a question as soon as it is `any`, or has more than kMaxKnownArgs: faster, and its
  /// known values are then a part. Answers of before stay as they are, so what needs all values is
  /// asked first.
  void stop_at_any() {
    stop_at_any_ = true;
    handed_on_ = 0;
  }

  /// What `values` of the object of `node` stand for in the function `node`. The reference lives
  /// until the next question.
  const Answer& values(std::uint32_t node, Slice values);
  /// What the call `site` in the function `caller` passes in `place`.
  const Answer& passed_at(std::uint32_t caller, const CallSite& site, Place place);

  /// What live callers of the function `node` pass in `place`.
  const Answer& passed_to(std::uint32_t node, Place place);

  /// The functions through which `known` came: where it stands first, then each that hands it on.
  [[nodiscard]] std::vector<std::uint32_t> way(const Known& known) const;
  /// Who is to blame for `doubt`, as a clause: "f in /x passes g a value that is not constant".
  [[nodiscard]] std::string explain(const Doubt& doubt) const;

  struct Caller {
    std::uint32_t node = kNone;
    const CallSite* site = nullptr;
  };
  /// Every live call through a pointer in `object`.
  [[nodiscard]] std::span<const Caller> pointer_calls(std::uint32_t object);
  /// Every live call of the function `node`. The span lives until look_again().
  [[nodiscard]] std::span<const Caller> callers(std::uint32_t node) const;

 private:
  struct Question {
    enum class Kind : std::uint8_t { kValues, kPassed, kPointee, kCell, kCellPointee };
    Kind kind = Kind::kValues;
    std::uint32_t node = kNone;  ///< kCell, kCellPointee: the object
    Place place;
    std::uint64_t number = 0;  ///< offset of the pointee, or vaddr of the cell
    std::uint64_t offset = 0;  ///< kCellPointee: of the pointee
    Slice slice;               ///< kValues
    std::uint8_t width = 8;    ///< kPointee, kCell, kCellPointee: bytes that are read
    bool operator==(const Question& other) const;
  };
  struct Hash {
    std::size_t operator()(const Question& question) const;
  };
  /// Whoever uses an answer, and how much of it it has seen.
  struct Use {
    std::uint32_t by = kNone;
    std::uint32_t seen = 0;
    std::uint8_t width = 8;
  };

  void index_callers();
  const Answer& solve(const Question& question);
  std::uint32_t ask(const Question& question);
  void answer(std::uint32_t at);
  void answer_passed(std::uint32_t at);
  [[nodiscard]] bool is_rewritten(const Question& question) const;
  void answer_caller(std::uint32_t at, const Caller& caller);
  void answer_cell(std::uint32_t at);
  void spread(std::uint32_t at);
  void add(std::uint32_t at, const Known& known);
  void doubt(std::uint32_t at, Doubt::Kind kind, std::uint32_t node, std::uint32_t to = kNone);
  /// Adds what `values`, which stand in the code of `node` (of `object`), are.
  void add_values(std::uint32_t at, std::uint32_t object, std::uint32_t node,
                  std::span<const Value> values);
  /// Adds the `width` bytes at `offset` behind the pointers `values`.
  void add_pointees(std::uint32_t at, std::uint32_t object, std::uint32_t node,
                    std::span<const Value> values, std::uint64_t offset, std::uint8_t width);
  void use(std::uint32_t at, const Question& source, std::uint8_t width);
  void touch(std::uint32_t at);

  LinkGraph& graph_;
  const Reach& reach_;
  bool stop_at_any_ = false;
  std::size_t handed_on_ = 0;
  /// A live call. Hardly any function is asked for its callers: so they are chained, not sorted.
  struct LiveCall {
    std::uint32_t node = kNone;
    std::uint32_t site = 0;        ///< among the calls of its object
    std::uint32_t before = kNone;  ///< in live_calls_, of the same callee
  };
  std::deque<LiveCall> live_calls_;       ///< a million of a large program: none is moved
  std::vector<std::uint32_t> last_call_;  ///< of each node, in live_calls_
  std::size_t walked_ = 0;                ///< how much of what is live is in live_calls_
  mutable std::unordered_map<std::uint32_t, std::vector<Caller>> callers_;  ///< that were asked for
  std::unordered_map<std::uint32_t, std::vector<Caller>> pointer_calls_;    ///< by object
  std::unordered_map<Question, std::uint32_t, Hash> by_question_;
  std::vector<Question> questions_;
  std::vector<Answer> answers_;
  std::vector<std::vector<Use>> uses_;
  std::unordered_set<std::uint64_t> known_uses_;  ///< from << 36 | by << 4 | width
  std::vector<std::uint32_t> unasked_;            ///< questions that nobody has looked into yet
  std::deque<std::uint32_t> changed_;             ///< answers whose users have not seen all
  std::vector<std::uint8_t> is_changed_;
};

}  // namespace sysnare
