// A seccomp policy of minijail.
//
// Source: tools/parser.py (compile_seccomp_policy) and syscall_filter.c (minijail0 -S), 2026. The
// two read `EXPR; return N` in opposite ways, so a line of that form is refused unless it stands in
// braces, which the first alone reads. Filters in braces are tried in order; a profile asks its
// strictest rule first, so a rule behind milder ones is written with their negations. That a policy
// is a deny-list is an option of the compiler and not in the file: a comment with --denylist, as
// export_minijail.cc writes one, says it here.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "arch/syscalls.h"
#include "base/text.h"
#include "profile/condition_sets.h"
#include "profile/import_readers.h"

#ifndef SECCOMP_RET_USER_NOTIF
#define SECCOMP_RET_USER_NOTIF 0x7fc00000U
#endif

namespace sysnare {
namespace {

/// Largest policy: one that lists every call ten times with conditions is below 200 KB.
constexpr std::size_t kMaxPolicy = 1u << 20;

bool is_word_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '@';
}

/// One filter: when `when` holds (null: always), `action`.
struct Filter {
  std::optional<Alternatives> when;
  ActionValue action;
};

/// One logical line, read from left to right.
class Line {
 public:
  Line(std::string_view text, std::string_view file_name, std::uint32_t line)
      : text_(text), file_name_(file_name), line_(line) {}

  [[nodiscard]] std::uint32_t number() const { return line_; }

  template <typename... Args>
  Failure bad(fmt::format_string<Args...> format, Args&&... args) const {
    return fail(Errc::kBadInput, "{}:{}: {}", file_name_, line_,
                fmt::vformat(format, fmt::make_format_args(args...)));
  }

  std::string_view peek() {
    const std::size_t begin = text_.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return {};
    const std::string_view rest = text_.substr(begin);
    for (const std::string_view two : {"||", "&&", "==", "!=", "<=", ">="}) {
      if (rest.starts_with(two)) return rest.substr(0, 2);
    }
    if (!is_word_byte(rest.front())) return rest.substr(0, 1);
    std::size_t length = 1;
    while (length < rest.size() && is_word_byte(rest[length])) ++length;
    return rest.substr(0, length);
  }

  std::string_view take() {
    const std::string_view token = peek();
    if (token.empty()) return token;
    text_.remove_prefix(static_cast<std::size_t>(token.data() - text_.data()) + token.size());
    return token;
  }

  bool take_if(std::string_view token) {
    if (peek() != token) return false;
    take();
    return true;
  }

  Result<void> want(std::string_view token) {
    const std::string_view got = take();
    if (got == token) return {};
    if (got.empty()) return bad("\"{}\" is missing at the end of the line", token);
    return bad("\"{}\" is missing before \"{}\"", token, printable(got));
  }

  /// `return` N, or the word of an action; the word is taken already.
  Result<ActionValue> action(std::string_view word) {
    if (word == "1" || word == "allow") return ActionValue{SECCOMP_RET_ALLOW};
    if (word == "kill-process") return ActionValue{SECCOMP_RET_KILL_PROCESS};
    if (word == "kill-thread") return ActionValue{SECCOMP_RET_KILL_THREAD};
    if (word == "trap") return ActionValue{SECCOMP_RET_TRAP};
    if (word == "trace") return ActionValue{SECCOMP_RET_TRACE};
    if (word == "log") return ActionValue{SECCOMP_RET_LOG};
    if (word == "user-notify") return ActionValue{SECCOMP_RET_USER_NOTIF};
    if (word == "kill") {
      return bad("\"kill\" is what the compiler's options say; write kill-process or kill-thread");
    }
    if (word != "return") {
      return bad(
          "unknown action \"{}\", allowed: 1, allow, kill-process, kill-thread, trap, trace, "
          "log, user-notify, return ERRNO",
          printable(word));
    }
    const std::string_view name = take();
    const std::optional<std::uint16_t> number = errno_of(name);
    if (!number) {
      return bad("return: \"{}\" is no errno, allowed: a name such as EPERM, or a number up to {}",
                 printable(name), kMaxErrno);
    }
    return ActionValue{SECCOMP_RET_ERRNO | *number};
  }

  /// A number, ~number, or several joined by |, in parentheses or not.
  Result<std::uint64_t> constant(unsigned depth = 0) {
    // Deeper ones say nothing more; the bound keeps a line of parentheses from the stack.
    constexpr unsigned kMaxDepth = 16;
    if (depth > kMaxDepth) return bad("a constant nested deeper than {} levels", kMaxDepth);
    std::uint64_t value = 0;
    do {
      bool complement = false;
      while (take_if("~")) complement = !complement;
      Result<std::uint64_t> one = term(depth);
      if (!one) return one;
      value |= complement ? ~*one : *one;
    } while (take_if("|"));
    return value;
  }

  /// argN OP VALUE && … || …
  Result<Alternatives> expression() {
    Alternatives all;
    do {
      Alternatives clause{{}};
      do {
        Result<Alternatives> one = atom();
        if (!one) return one;
        Result<Alternatives> joined = both(clause, *one);
        if (!joined) return bad("{}", joined.error().message);
        clause = std::move(*joined);
      } while (take_if("&&"));
      for (Conjunction& each : clause) all.push_back(std::move(each));
      if (all.size() > kMaxAlternatives) {
        return bad("more than {} alternatives for one call", kMaxAlternatives);
      }
    } while (take_if("||"));
    return all;
  }

 private:
  Result<std::uint64_t> term(unsigned depth) {
    if (take_if("(")) {
      Result<std::uint64_t> inner = constant(depth + 1);
      if (!inner) return inner;
      if (Result<void> closed = want(")"); !closed) return propagate(closed);
      return inner;
    }
    const std::string_view word = take();
    std::optional<std::uint64_t> number = parse_u64(word);
    const bool octal = word.size() > 1 && word.front() == '0' && word[1] != 'x' && word[1] != 'X';
    if (octal) {
      // strtol(…, 0): a leading 0 means octal.
      number = 0;
      for (const char c : word) {
        if (c < '0' || c > '7' || *number > UINT64_MAX >> 3) return not_a_number(word);
        number = *number << 3 | static_cast<std::uint64_t>(c - '0');
      }
    }
    if (!number) return not_a_number(word);
    return *number;
  }

  Failure not_a_number(std::string_view word) const {
    return bad(
        "\"{}\" is no number; names of constants are known to the machine that compiles the "
        "policy, write the value",
        printable(word));
  }

  Result<Alternatives> atom() {
    const std::string_view arg = take();
    if (arg.size() != 4 || !arg.starts_with("arg") || arg[3] < '0' ||
        static_cast<unsigned>(arg[3] - '0') >= kArgCount) {
      return bad("\"{}\" is no argument, allowed: arg0 to arg{}", printable(arg), kArgCount - 1);
    }
    const std::string_view op = take();
    Result<std::uint64_t> value = constant();
    if (!value) return propagate(value);
    ArgCondition condition;
    condition.index = static_cast<unsigned>(arg[3] - '0');
    condition.value = *value;
    if (op == "in") {
      condition.op = Op::kMaskedEq;
      condition.value = ~*value;
      return Alternatives{{condition}};
    }
    if (op == "&") {
      // Any of the bits: not all of them clear.
      condition.op = Op::kMaskedEq;
      return negated(condition);
    }
    static constexpr std::pair<std::string_view, Op> kOps[] = {{"==", Op::kEq}, {"!=", Op::kNe},
                                                               {"<", Op::kLt},  {"<=", Op::kLe},
                                                               {">", Op::kGt},  {">=", Op::kGe}};
    for (const auto& [text, each] : kOps) {
      if (text != op) continue;
      condition.op = each;
      return Alternatives{{condition}};
    }
    return bad("\"{}\" is no comparison, allowed: == != < <= > >= & in", printable(op));
  }

  std::string_view text_;
  std::string_view file_name_;
  std::uint32_t line_;
};

/// The filters of one call, and where they stand.
struct CallFilters {
  std::vector<Filter> filters;
  std::uint32_t line = 0;
};

class Policy {
 public:
  explicit Policy(const ImportRequest& request) : request_(request) {}

  void comment(std::string_view text) {
    if (text.find("--denylist") == std::string_view::npos) return;
    deny_list_ = true;
    default_ = {SECCOMP_RET_ALLOW};
  }

  Result<void> line(std::string_view text, std::uint32_t number) {
    Line line(text, request_.file_name, number);
    const std::string_view first = line.peek();
    if (first == "@default") return default_action(line);
    if (first == "@frequency") return {};  // where calls stand in the filter, not what they get
    if (first.starts_with("@")) {
      return line.bad("\"{}\" is not read; put what it stands for into this file",
                      printable(first));
    }
    std::vector<std::string> names;
    if (line.take_if("{")) {
      do {
        if (Result<void> name = call_name(line, names); !name) return name;
      } while (line.take_if(","));
      if (Result<void> closed = line.want("}"); !closed) return closed;
    } else if (Result<void> name = call_name(line, names); !name) {
      return name;
    }
    if (Result<void> colon = line.want(":"); !colon) return colon;
    std::vector<Filter> filters;
    if (Result<void> read = filters_of(line, filters); !read) return read;
    if (const std::string_view more = line.peek(); !more.empty()) {
      return line.bad("\"{}\" is too much", printable(more));
    }
    for (const std::string& name : names) {
      CallFilters& call = calls_[name];
      if (call.filters.empty()) call.line = number;
      // Filters of several lines are one list, in which only the last may be unconditional.
      if (!call.filters.empty() && !call.filters.back().when) {
        return line.bad("{}: line {} already says what it always gets", printable(name), call.line);
      }
      call.filters.insert(call.filters.end(), filters.begin(), filters.end());
    }
    return {};
  }

  Result<Imported> finish() {
    if (only_refuses()) {
      return fail(Errc::kBadInput,
                  "{}: no line allows a call; if this is a deny-list, say so by a comment line "
                  "\"# --denylist\"",
                  request_.file_name);
    }
    Imported imported;
    Profile& profile = imported.profile;
    profile.source = std::string(request_.file_name);
    profile.architectures = {std::string(abi_oci_name(request_.arch))};
    set_default(profile, default_);
    // Calls that always get the same stand together.
    std::map<ActionValue, std::size_t> plain;
    for (const auto& [name, call] : calls_) {
      if (call.filters.size() == 1 && !call.filters.front().when) {
        const ActionValue action = call.filters.front().action;
        const auto [at, added] = plain.emplace(action, profile.entries.size());
        if (added) push(profile, entry_of(action, "", call.line));
        profile.entries[at->second].names.push_back(name);
      } else if (Result<void> done = conditional(profile, name, call); !done) {
        return propagate(done);
      }
    }
    return imported;
  }

 private:
  /// No program starts under such a policy, so something else must be meant.
  [[nodiscard]] bool only_refuses() const {
    if (deny_list_ || default_said_ || calls_.empty()) return false;
    return std::all_of(calls_.begin(), calls_.end(), [](const auto& each) {
      return std::all_of(
          each.second.filters.begin(), each.second.filters.end(),
          [](const Filter& filter) { return filter.action.action() == SECCOMP_RET_ERRNO; });
    });
  }

  static void push(Profile& profile, Entry entry) {
    entry.path = fmt::format("syscalls[{}]", profile.entries.size());
    profile.entries.push_back(std::move(entry));
  }

  Result<void> call_name(Line& line, std::vector<std::string>& names) {
    const std::string_view name = line.take();
    if (name.empty() || !is_word_byte(name.front())) {
      return line.bad("a call's name is missing before \"{}\"", printable(name));
    }
    if (line.peek() == "[") {
      return line.bad("{}: conditions on the architecture are not read", printable(name));
    }
    names.emplace_back(name);
    return {};
  }

  Result<void> default_action(Line& line) {
    line.take();
    if (default_said_) return line.bad("@default stands twice");
    default_said_ = true;
    Result<ActionValue> action = line.action(line.take());
    if (!action) return propagate(action);
    default_ = *action;
    return {};
  }

  Result<void> filters_of(Line& line, std::vector<Filter>& filters) {
    const bool braces = line.take_if("{");
    do {
      Filter filter;
      filter.action = {SECCOMP_RET_ALLOW};
      if (line.peek().starts_with("arg")) {
        Result<Alternatives> when = line.expression();
        if (!when) return propagate(when);
        filter.when = std::move(*when);
        if (line.take_if(";")) {
          Result<ActionValue> action = line.action(line.take());
          if (!action) return propagate(action);
          filter.action = *action;
          if (!braces && !deny_list_ && filter.action.action() != SECCOMP_RET_ALLOW) {
            return line.bad(
                "\"EXPR; ACTION\" means one thing to minijail0 -S (EXPR allows) and the "
                "opposite to compile_seccomp_policy; write {{ EXPR; ACTION, ACTION }}");
          }
        }
      } else {
        Result<ActionValue> action = line.action(line.take());
        if (!action) return propagate(action);
        filter.action = *action;
      }
      if (!filters.empty() && !filters.back().when) {
        return line.bad("a filter behind one that always holds");
      }
      filters.push_back(std::move(filter));
    } while (braces && line.take_if(","));
    if (braces) return line.want("}");
    return {};
  }

  /// Entries for filters that are tried in order.
  Result<void> conditional(Profile& profile, const std::string& name, const CallFilters& call) {
    std::vector<Filter> before;
    for (const Filter& filter : call.filters) {
      // What no filter takes gets the default as it is.
      if (!filter.when && filter.action == default_) continue;
      Alternatives when = filter.when.value_or(Alternatives{{}});
      for (const Filter& earlier : before) {
        // Where both hold the profile takes the stricter one, which is the earlier already, or of
        // equal actions the first in the file.
        if (!outranks(filter.action, earlier.action)) continue;
        Result<Alternatives> not_earlier = negated(*earlier.when);
        if (not_earlier) not_earlier = both(when, *not_earlier);
        if (!not_earlier) {
          return fail(Errc::kBadInput, "{}:{}: {}: {}", request_.file_name, call.line,
                      printable(name), not_earlier.error().message);
        }
        when = std::move(*not_earlier);
      }
      for (Conjunction& conditions : when) {
        Entry entry = entry_of(filter.action, "", call.line);
        entry.names = {name};
        entry.args = merged(conditions);
        push(profile, std::move(entry));
      }
      if (filter.when) before.push_back(filter);
    }
    return {};
  }

  const ImportRequest& request_;
  ActionValue default_{SECCOMP_RET_KILL_PROCESS};
  bool default_said_ = false;
  bool deny_list_ = false;
  std::map<std::string, CallFilters> calls_;
};

}  // namespace

Result<Imported> read_minijail(const ImportRequest& request) {
  if (request.text.size() > kMaxPolicy) {
    return fail(Errc::kBadInput, "{}: {} bytes of policy, at most {} are read", request.file_name,
                request.text.size(), kMaxPolicy);
  }
  Policy policy(request);
  std::string joined;
  std::uint32_t first = 0;
  std::uint32_t number = 0;
  for (std::string_view raw : split(request.text, '\n')) {
    ++number;
    if (joined.empty()) first = number;
    if (const std::size_t hash = raw.find('#'); hash != std::string_view::npos) {
      policy.comment(raw.substr(hash));
      raw = raw.substr(0, hash);
    }
    const bool continued = trim(raw).ends_with('\\');
    if (continued) raw = raw.substr(0, raw.rfind('\\'));
    joined += raw;
    joined += ' ';
    if (continued) continue;
    if (!trim(joined).empty()) {
      if (Result<void> done = policy.line(trim(joined), first); !done) return propagate(done);
    }
    joined.clear();
  }
  if (!trim(joined).empty()) {
    if (Result<void> done = policy.line(trim(joined), first); !done) return propagate(done);
  }
  return policy.finish();
}

}  // namespace sysnare
