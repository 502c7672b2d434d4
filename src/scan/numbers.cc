// Values that cross functions: which number does syscall(2)'s wrapper get?
//
// In one function the analyser has followed every value back to constants, to static words, or to
// what the caller passed in some register or stack word. What is left is to ask the callers, who
// may have it from their callers, and so on; with recursion, that goes in circles. So every such
// matter is a *question* of its own:
//
// - kPassed(f, place): what do live callers of f pass in `place`?
// - kPointee(f, place, offset): what is the word at offset behind the pointer that they pass there?
// - kCell(object, vaddr): what can the static word hold?
// - kCellPointee(object, vaddr, offset): what is the word behind the pointer that it holds?
//
// A question is looked into once. Constants that are found go into its answer; where it hangs on
// another question, it becomes a user of that one, and whatever comes into that answer, now or
// later, goes on to its users. Answers only grow, have at most kMaxKnown values, and each value
// passes each edge once: that ends, circles or not, and costs what the edges cost.
//
// Doubt is absorbing and spreads the same way. It arises where a caller does not tell what it
// passes; where a function can be entered by other ways than calls (reach.h); and at static words
// with an unknown store. The first doubt stays, with who caused it, since a reader can mend only
// that one. Known values go on being collected beside it: they count even where others cannot be
// excluded.
//
// The setxid of glibc goes through all four. setuid() has a struct on its stack, writes the number
// into it and passes its address to __nptl_setxid (kPointee); that stores the pointer into a static
// word, signals all threads, and their handler reads the number through the word (kCellPointee,
// whose live stores hold kPassed of __nptl_setxid, so it uses the same kPointee). Source:
// glibc 2.36, nptl/nptl_setxid.c.

#include "scan/numbers.h"

#include <elf.h>
#include <fmt/core.h>

#include <algorithm>
#include <optional>

#include "arch/syscalls.h"
#include "scan/names.h"

namespace sysnare {
namespace {

std::uint64_t cut_to(std::uint64_t number, std::uint8_t width) {
  return width >= 8 || width == 0 ? number : number & ((std::uint64_t{1} << (width * 8)) - 1);
}

bool same_place(const Place& a, const Place& b) {
  if (a.on_stack != b.on_stack) return false;
  return a.on_stack != 0 ? a.offset == b.offset : a.reg == b.reg;
}

const Passed* find_place(std::span<const Passed> all, const Place& place) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const Passed& passed) {
    return same_place(passed.place, place);
  });
  return found == all.end() ? nullptr : &*found;
}

/// libseccomp makes one call with a number that it looks up in its own tables, by the name
/// "seccomp" (libseccomp 2.5, src/system.c: sys_chk_seccomp_syscall, arch_syscall_resolve_name).
std::optional<std::uint32_t> looked_up_number(const Summary& summary,
                                              std::span<const Value> values) {
  const bool is_constant = values.size() == 1 && values.front().kind == Value::Kind::kConstant;
  if (is_constant || !text_of(summary, summary.soname).starts_with("libseccomp.so.2")) {
    return std::nullopt;
  }
  return syscall_nr(summary.machine == EM_AARCH64 ? Abi::kAarch64 : Abi::kX86_64, "seccomp");
}

}  // namespace

bool Numbers::Question::operator==(const Question& other) const {
  return kind == other.kind && node == other.node && same_place(place, other.place) &&
         number == other.number && offset == other.offset && slice.begin == other.slice.begin &&
         slice.count == other.slice.count && width == other.width;
}

std::size_t Numbers::Hash::operator()(const Question& question) const {
  const Place& place = question.place;
  const std::uint64_t where =
      place.on_stack != 0 ? 0x10000u + static_cast<std::uint32_t>(place.offset) : place.reg;
  std::uint64_t hash = static_cast<std::uint64_t>(question.kind);
  for (const std::uint64_t part :
       {std::uint64_t{question.node}, where, question.number, question.offset,
        std::uint64_t{question.slice.begin}, std::uint64_t{question.slice.count},
        std::uint64_t{question.width}}) {
    hash = (hash ^ part) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 29;
  }
  return hash;
}

Numbers::Numbers(LinkGraph& graph, const Reach& reach)
    : graph_(graph), reach_(reach), last_call_(graph.size(), kNone) {
  index_callers();
}

void Numbers::look_again() {
  handed_on_ = 0;
  pointer_calls_.clear();
  by_question_.clear();
  questions_.clear();
  answers_.clear();
  uses_.clear();
  known_uses_.clear();
  is_changed_.clear();
  callers_.clear();
  index_callers();
}

void Numbers::index_callers() {
  const std::span<const std::uint32_t> live = reach_.order();
  for (; walked_ < live.size(); ++walked_) {
    const std::uint32_t node = live[walked_];
    const Function* function = graph_.function(node);
    if (function == nullptr) continue;
    const std::uint32_t object = graph_.object_of(node);
    const std::span<const CallSite> calls =
        cut(graph_.objects()[object].summary.calls, function->calls);
    for (std::uint32_t i = 0; i < calls.size(); ++i) {
      for (const std::uint32_t callee : graph_.nodes(object, calls[i].target)) {
        if (graph_.is_step_asleep(node, callee)) continue;
        live_calls_.push_back({node, function->calls.begin + i, last_call_[callee]});
        last_call_[callee] = static_cast<std::uint32_t>(live_calls_.size() - 1);
      }
    }
  }
}

std::span<const Numbers::Caller> Numbers::callers(std::uint32_t node) const {
  const auto [found, is_new] = callers_.try_emplace(node);
  std::vector<Caller>& callers = found->second;
  for (std::uint32_t at = last_call_[node]; is_new && at != kNone; at = live_calls_[at].before) {
    const LiveCall& call = live_calls_[at];
    callers.push_back({call.node, &graph_.summary_of(call.node).calls[call.site]});
  }
  if (is_new) std::reverse(callers.begin(), callers.end());
  return callers;
}

const Answer& Numbers::values(std::uint32_t node, Slice values) {
  Question question;
  question.node = node;
  question.slice = values;
  return solve(question);
}

const Answer& Numbers::passed_at(std::uint32_t caller, const CallSite& site, Place place) {
  const Summary& summary = graph_.summary_of(caller);
  const Passed* found = find_place(cut(summary.passed, site.passed), place);
  return values(caller, found != nullptr ? found->values : Slice{});
}

const Answer& Numbers::passed_to(std::uint32_t node, Place place) {
  Question question;
  question.kind = Question::Kind::kPassed;
  question.node = node;
  question.place = place;
  return solve(question);
}

const Answer& Numbers::solve(const Question& question) {
  const std::uint32_t at = ask(question);
  while (!unasked_.empty() || !changed_.empty()) {
    // First what hangs on what, then the values in the order in which they turn up: so each comes
    // by a short way, which is the way that is shown.
    if (!unasked_.empty()) {
      const std::uint32_t next = unasked_.back();
      unasked_.pop_back();
      answer(next);
    } else {
      const std::uint32_t source = changed_.front();
      changed_.pop_front();
      is_changed_[source] = 0;
      spread(source);
    }
  }
  return answers_[at];
}

std::uint32_t Numbers::ask(const Question& question) {
  const auto [found, is_new] =
      by_question_.emplace(question, static_cast<std::uint32_t>(questions_.size()));
  if (is_new) {
    unasked_.push_back(found->second);
    questions_.push_back(question);
    answers_.emplace_back();
    uses_.emplace_back();
    is_changed_.push_back(0);
  }
  return found->second;
}

void Numbers::touch(std::uint32_t at) {
  if (is_changed_[at] != 0 || uses_[at].empty()) return;
  is_changed_[at] = 1;
  changed_.push_back(at);
}

void Numbers::add(std::uint32_t at, const Known& known) {
  if (stop_at_any_ && answers_[at].any()) return;
  std::vector<Known>& have = answers_[at].known;
  for (const Known& other : have) {
    if (other.object == known.object && other.number == known.number) return;
  }
  if (have.size() >= (stop_at_any_ ? kMaxKnownArgs : kMaxKnown)) {
    doubt(at, Doubt::Kind::kTooMany, known.origin);
    return;
  }
  have.push_back(known);
  touch(at);
}

void Numbers::doubt(std::uint32_t at, Doubt::Kind kind, std::uint32_t node, std::uint32_t to) {
  if (answers_[at].any()) return;
  answers_[at].doubt = {kind, node, to};
  touch(at);
}

void Numbers::use(std::uint32_t at, const Question& source, std::uint8_t width) {
  const std::uint32_t from = ask(source);
  const std::uint64_t key =
      std::uint64_t{from} << 36 | std::uint64_t{at} << 4 | std::min<std::uint8_t>(width, 15);
  if (!known_uses_.insert(key).second) return;
  uses_[from].push_back({at, 0, width});
  touch(from);
}

void Numbers::spread(std::uint32_t at) {
  // By index: answers grow while they are walked where a question uses itself.
  for (std::size_t i = 0; i < uses_[at].size(); ++i) {
    const Use use = uses_[at][i];
    for (std::size_t k = use.seen; k < answers_[at].known.size(); ++k) {
      if (stop_at_any_ && (answers_[at].any() || answers_[use.by].any())) break;
      if (++handed_on_ > kMaxHandedOn) {
        doubt(use.by, Doubt::Kind::kTooMany, kNone);
        break;
      }
      Known known = answers_[at].known[k];
      if (known.object == kNone) known.number = cut_to(known.number, use.width);
      known.via = at;
      known.via_index = static_cast<std::uint32_t>(k);
      uses_[at][i].seen = static_cast<std::uint32_t>(k + 1);
      add(use.by, known);
    }
    if (answers_[at].any() && !answers_[use.by].any()) {
      answers_[use.by].doubt = answers_[at].doubt;
      touch(use.by);
    }
  }
}

void Numbers::answer(std::uint32_t at) {
  const Question question = questions_[at];
  switch (question.kind) {
    case Question::Kind::kValues: {
      const std::span<const Value> values =
          cut(graph_.summary_of(question.node).values, question.slice);
      if (values.empty()) doubt(at, Doubt::Kind::kHere, question.node);
      add_values(at, graph_.object_of(question.node), question.node, values);
      return;
    }
    case Question::Kind::kPassed:
    case Question::Kind::kPointee:
      answer_passed(at);
      return;
    case Question::Kind::kCell:
    case Question::Kind::kCellPointee:
      answer_cell(at);
      return;
  }
}

void Numbers::answer_passed(std::uint32_t at) {
  const Question question = questions_[at];
  const std::uint32_t to = question.node;
  if (question.kind == Question::Kind::kPointee && is_rewritten(question)) {
    doubt(at, Doubt::Kind::kHere, to);
  }
  switch (reach_.entry(to)) {
    case Reach::Entry::kCallsOnly:
      break;
    case Reach::Entry::kTaken:
      if (graph_.function(to)->held != 0) {
        for (const Caller& caller : pointer_calls(graph_.object_of(to))) answer_caller(at, caller);
      } else {
        doubt(at, Doubt::Kind::kTaken, reach_.entered_by(to), to);
      }
      break;
    case Reach::Entry::kJumped:
      doubt(at, Doubt::Kind::kJumped, reach_.entered_by(to), to);
      break;
    case Reach::Entry::kRoot:
      doubt(at, Doubt::Kind::kRoot, to, to);
      break;
  }
  for (const Caller& caller : callers(to)) {
    if (stop_at_any_ && answers_[at].any()) return;
    answer_caller(at, caller);
  }
}

/// Whether the word behind the pointer may be another by now than its caller left there.
bool Numbers::is_rewritten(const Question& question) const {
  const auto begin = static_cast<std::int64_t>(question.number);
  const std::span<const Rewrite> all =
      cut(graph_.summary_of(question.node).rewrites, graph_.function(question.node)->rewrites);
  return std::any_of(all.begin(), all.end(), [&](const Rewrite& rewrite) {
    return same_place(rewrite.place, question.place) && rewrite.begin < begin + question.width &&
           rewrite.end > begin;
  });
}

/// Adds what one caller passes.
void Numbers::answer_caller(std::uint32_t at, const Caller& caller) {
  const Question question = questions_[at];
  const std::uint32_t to = question.node;
  const std::uint32_t object = graph_.object_of(caller.node);
  const Summary& summary = graph_.objects()[object].summary;
  const Passed* passed = find_place(cut(summary.passed, caller.site->passed), question.place);
  const std::span<const Value> values =
      passed != nullptr ? cut(summary.values, passed->values) : std::span<const Value>();
  if (question.kind == Question::Kind::kPassed) {
    const Place first = argument_place(summary.machine, 0);
    const bool is_number = question.place.on_stack == 0 && question.place.reg == first.reg &&
                           graph_.is_c_library(graph_.object_of(to)) &&
                           graph_.symbol(to) == "syscall";
    if (const auto nr = is_number ? looked_up_number(summary, values) : std::nullopt) {
      add(at, {kNone, caller.node, *nr, kNone, kNone});
      return;
    }
    if (values.empty()) doubt(at, Doubt::Kind::kCaller, caller.node, to);
    add_values(at, object, caller.node, values);
    return;
  }
  Place word;
  word.on_stack = 1;
  word.offset = static_cast<std::int32_t>(question.number);
  const Passed* pointee =
      passed != nullptr ? find_place(cut(summary.pointees, passed->pointees), word) : nullptr;
  if (pointee != nullptr && pointee->values.count != 0) {
    add_values(at, object, caller.node, cut(summary.values, pointee->values));
  } else if (passed == nullptr || passed->pointees.count != 0 || values.empty()) {
    doubt(at, Doubt::Kind::kCaller, caller.node, to);
  } else {
    add_pointees(at, object, caller.node, values, question.number, question.width);
  }
}

std::span<const Numbers::Caller> Numbers::pointer_calls(std::uint32_t object) {
  const auto [at, is_new] = pointer_calls_.try_emplace(object);
  if (is_new) {
    const Summary& summary = graph_.objects()[object].summary;
    for (const std::uint32_t node : reach_.order()) {
      const Function* function = graph_.function(node);
      if (function == nullptr || graph_.object_of(node) != object) continue;
      for (const CallSite& site : cut(summary.calls, function->calls)) {
        if (site.target.kind == Target::Kind::kFunction && site.target.index == kNone) {
          at->second.push_back({node, &site});
        }
      }
    }
  }
  return at->second;
}

void Numbers::answer_cell(std::uint32_t at) {
  const Question question = questions_[at];
  const std::uint32_t object = question.node;
  const Summary& summary = graph_.objects()[object].summary;
  const bool pointer = question.kind == Question::Kind::kCellPointee;
  const std::uint64_t width = pointer ? 8 : question.width;  // what is in the word itself
  // Sorted by vaddr: begin where a store of 8 bytes could still reach in.
  const std::uint64_t from = question.number < 7 ? 0 : question.number - 7;
  auto store = std::lower_bound(summary.cells.begin(), summary.cells.end(), from,
                                [](const CellStore& a, std::uint64_t v) { return a.vaddr < v; });
  bool has_initial = pointer;
  bool has_store = false;
  for (; store != summary.cells.end() && store->vaddr < question.number + width; ++store) {
    const std::span<const Value> values = cut(summary.values, store->values);
    std::uint32_t node = kNone;
    if (store->function != kNone) {
      node = graph_.node_of_function(object, store->function);
      if (node == kNone || !reach_.live(node)) continue;
    }
    std::uint64_t stored = values.empty() ? 8 : 1;
    for (const Value& value : values) stored = std::max<std::uint64_t>(stored, value.width);
    if (store->vaddr + stored <= question.number) continue;
    has_store = true;
    // A store of a part, or of more that begins elsewhere, is not taken apart.
    if (store->vaddr != question.number || values.empty()) {
      doubt(at, Doubt::Kind::kCell, node);
    } else if (pointer) {
      add_pointees(at, object, node, values, question.offset, question.width);
    } else {
      if (stored < width) doubt(at, Doubt::Kind::kCell, node);
      add_values(at, object, node, values);
    }
    has_initial |= store->function == kNone;
  }
  if (!has_store || !has_initial) doubt(at, Doubt::Kind::kCell, kNone);
}

void Numbers::add_values(std::uint32_t at, std::uint32_t object, std::uint32_t node,
                         std::span<const Value> values) {
  for (const Value& value : values) {
    Question source;
    source.node = node;
    source.place = value.place;
    source.number = value.number;
    source.width = value.width;
    switch (value.kind) {
      case Value::Kind::kConstant:
        add(at, {kNone, node, cut_to(value.number, value.width), kNone, kNone});
        continue;
      case Value::Kind::kAddress:
        add(at, {object, node, value.number, kNone, kNone});
        continue;
      case Value::Kind::kPassed:
        source.kind = Question::Kind::kPassed;
        source.number = 0;
        source.width = 8;
        break;
      case Value::Kind::kPointee:
        source.kind = Question::Kind::kPointee;
        break;
      case Value::Kind::kCell:
        source.kind = Question::Kind::kCell;
        source.node = object;
        source.place = {};
        break;
      case Value::Kind::kCellPointee:
        source.kind = Question::Kind::kCellPointee;
        source.node = object;
        source.place = {};
        source.number = value.number >> 16;
        source.offset = value.number & 0xffff;
        break;
      case Value::Kind::kAny:
      default:
        doubt(at, Doubt::Kind::kHere, node);
        continue;
    }
    // Only a function has callers; the initial contents of a word have not.
    if (node == kNone && source.node == kNone) {
      doubt(at, Doubt::Kind::kCell, kNone);
      continue;
    }
    use(at, source, value.width);
  }
}

void Numbers::add_pointees(std::uint32_t at, std::uint32_t object, std::uint32_t node,
                           std::span<const Value> values, std::uint64_t offset,
                           std::uint8_t width) {
  for (const Value& value : values) {
    Question source;
    source.node = object;
    source.width = width;
    switch (value.kind) {
      case Value::Kind::kConstant:
        // Nobody reads through a null pointer and lives.
        if (value.number == 0) continue;
        doubt(at, Doubt::Kind::kHere, node);
        continue;
      case Value::Kind::kAddress:
        source.kind = Question::Kind::kCell;
        source.number = value.number + offset;
        break;
      case Value::Kind::kCell:
        source.kind = Question::Kind::kCellPointee;
        source.number = value.number;
        source.offset = offset;
        break;
      case Value::Kind::kPassed:
        if (node == kNone) {
          doubt(at, Doubt::Kind::kCell, kNone);
          continue;
        }
        source.kind = Question::Kind::kPointee;
        source.node = node;
        source.place = value.place;
        source.number = offset;
        break;
      default:
        doubt(at, node == kNone ? Doubt::Kind::kCell : Doubt::Kind::kHere, node);
        continue;
    }
    use(at, source, width);
  }
}

std::vector<std::uint32_t> Numbers::way(const Known& known) const {
  std::vector<std::uint32_t> nodes;
  const Known* at = &known;
  while (at->via != kNone) {
    const Question& question = questions_[at->via];
    if (question.kind == Question::Kind::kPassed || question.kind == Question::Kind::kPointee) {
      nodes.push_back(question.node);
    }
    // A value was in the answer that it came from before it came here, so this ends.
    at = &answers_[at->via].known[at->via_index];
  }
  if (at->origin != kNone && (nodes.empty() || nodes.back() != at->origin)) {
    nodes.push_back(at->origin);
  }
  std::reverse(nodes.begin(), nodes.end());
  return nodes;
}

std::string Numbers::explain(const Doubt& doubt) const {
  const auto name = [&](std::uint32_t node) {
    return node == kNone ? std::string("something") : graph_.describe(node);
  };
  switch (doubt.kind) {
    case Doubt::Kind::kNothing:
      return "nothing is in doubt";
    case Doubt::Kind::kHere:
      return fmt::format("the code of {} does not tell", name(doubt.node));
    case Doubt::Kind::kCaller:
      return fmt::format("{} calls {} with a value that is not known", name(doubt.node),
                         name(doubt.to));
    case Doubt::Kind::kTaken:
      return fmt::format("{} takes the address of {}, so anything may call it", name(doubt.node),
                         name(doubt.to));
    case Doubt::Kind::kJumped:
      return fmt::format("{} jumps to {} with registers that are not known", name(doubt.node),
                         name(doubt.to));
    case Doubt::Kind::kRoot:
      return fmt::format("{} is called from outside of the objects", name(doubt.to));
    case Doubt::Kind::kCell:
      return doubt.node == kNone
                 ? std::string("it stands in a variable whose contents are not known")
                 : fmt::format("it stands in a variable into which {} stores what is not known",
                               name(doubt.node));
    case Doubt::Kind::kTooMany:
      return "there are too many values to follow";
  }
  return {};
}

}  // namespace sysnare
