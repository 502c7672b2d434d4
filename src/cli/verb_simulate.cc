// sysnare simulate FILE CALL [ARGS...]...: what would the kernel do with these calls?

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "arch/syscalls.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/filter_input.h"
#include "cli/filter_json.h"
#include "cli/print.h"
#include "cli/verb.h"
#include "filter/filter.h"
#include "filter/meaning.h"

namespace sysnare::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kVerb = "simulate";
/// Longest table: a row for every call of every ABI with some arguments, and more.
constexpr std::size_t kMaxRows = 1u << 20;

struct Row {
  seccomp_data call{};
  Abi abi = Abi::kX86_64;
  std::size_t arguments = 0;  ///< that were given
  std::optional<ActionValue> expected;
  ActionValue action;
  std::uint32_t steps = 0;
  [[nodiscard]] bool holds() const { return !expected || *expected == action; }
};

/// A number as C writes it, modes in octal; -1 as the register holds it.
std::optional<std::uint64_t> argument_of(std::string_view word) {
  if (word.starts_with('-')) {
    const auto value = parse_u64(word.substr(1));
    if (!value || *value > std::uint64_t{1} << 63) return std::nullopt;
    return 0 - *value;
  }
  if (word.size() > 1 && word[0] == '0' && word[1] >= '0' && word[1] <= '9') {
    std::uint64_t value = 0;
    for (const char digit : word) {
      if (digit < '0' || digit > '7' || value >> 61 != 0) return std::nullopt;
      value = value << 3 | static_cast<std::uint64_t>(digit - '0');
    }
    return value;
  }
  return parse_u64(word);
}

/// "allow", "errno EPERM", "errno 38", "kill process", "trap", "SCMP_ACT_ALLOW".
std::optional<ActionValue> action_of_words(std::span<const std::string_view> words) {
  if (words.empty() || words.size() > 2) return std::nullopt;
  const std::string_view data = words.size() == 2 ? words[1] : std::string_view();
  if (words[0] == "kill" && (data == "process" || data == "thread")) {
    return action_value(data == "process" ? Action::kKillProcess : Action::kKillThread, {});
  }
  std::string name(words[0]);
  for (char& c : name) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  const auto action = action_by_name(name.starts_with("SCMP_ACT_") ? name : "SCMP_ACT_" + name);
  if (!action) return std::nullopt;
  if (data.empty()) return action_value(*action, {});
  if (*action == Action::kErrno) {
    if (const auto number = errno_by_name(data)) {
      return action_value(*action, static_cast<std::uint32_t>(*number));
    }
  }
  if (*action != Action::kErrno && *action != Action::kTrace) return std::nullopt;
  const auto number = parse_u64(data);
  if (!number || *number > (*action == Action::kErrno ? kMaxErrno : kMaxTraceMessage)) {
    return std::nullopt;
  }
  return action_value(*action, static_cast<std::uint32_t>(*number));
}

/// Errors: kUsage.
Result<Row> row_of(Abi abi, std::string_view call, std::span<const std::string_view> args) {
  Row row;
  row.abi = abi;
  row.call.arch = audit_arch(abi);
  if (const auto nr = syscall_nr(abi, call)) {
    row.call.nr = static_cast<int>(*nr);
  } else if (const auto number = argument_of(call);
             number && (*number <= UINT32_MAX || *number >= UINT64_MAX - INT32_MAX)) {
    row.call.nr = static_cast<int>(static_cast<std::uint32_t>(*number));
  } else if (is_syscall_name(call)) {
    return fail(Errc::kUsage, "{} has no call {}", abi_name(abi), call);
  } else {
    const auto names = syscall_names();
    return fail(Errc::kUsage, "{}", unknown_word("call", call, {names.begin(), names.end()}));
  }
  if (args.size() > kArgCount) {
    return fail(Errc::kUsage, "{}: {} arguments (a call has at most {})", call, args.size(),
                kArgCount);
  }
  row.arguments = args.size();
  for (std::size_t i = 0; i < args.size(); ++i) {
    const auto value = argument_of(args[i]);
    if (!value) {
      return fail(
          Errc::kUsage,
          "{}: argument {}: \"{}\" is no number (decimal, 0x hexadecimal, 0 octal, or negative)",
          call, i, printable(args[i]));
    }
    row.call.args[i] = *value;
  }
  return row;
}

/// Words of the command line: a name begins the next call, numbers behind it are its arguments.
Result<std::vector<Row>> rows_of_words(Abi abi, const std::vector<std::string>& words) {
  std::vector<Row> rows;
  for (std::size_t at = 0; at < words.size();) {
    std::vector<std::string_view> args;
    std::size_t next = at + 1;
    while (next < words.size() && argument_of(words[next])) args.push_back(words[next++]);
    Result<Row> row = row_of(abi, words[at], args);
    if (!row) return propagate(row);
    rows.push_back(*row);
    at = next;
  }
  return rows;
}

/// Lines `ABI CALL [ARGS...] [-> ACTION]`. Errors: kBadInput, with file and line.
Result<std::vector<Row>> rows_of_table(std::string_view text, std::string_view name) {
  std::vector<Row> rows;
  std::size_t number = 0;
  for (const std::string_view line : split(text, '\n')) {
    ++number;
    const auto bad = [&](std::string_view what) {
      return fail(Errc::kBadInput, "{}:{}: {}", printable(name), number, what);
    };
    std::vector<std::string_view> words;
    std::string blanks(line.substr(0, line.find('#')));
    for (char& c : blanks) {
      if (c == '\t' || c == '\r' || c == ',') c = ' ';
    }
    for (const std::string_view word : split(blanks, ' ')) {
      if (!word.empty()) words.push_back(word);
    }
    if (words.empty()) continue;
    if (rows.size() >= kMaxRows) return bad(fmt::format("more than {} rows", kMaxRows));
    const auto arrow = std::find(words.begin(), words.end(), "->");
    const std::span<const std::string_view> all = words;
    const auto before = static_cast<std::size_t>(arrow - words.begin());
    if (before < 2) return bad("a row is ABI CALL [ARGS...] [-> ACTION]");
    Result<Abi> abi = abi_of_word("ABI", words[0]);
    if (!abi) return bad(abi.error().message);
    Result<Row> row = row_of(*abi, words[1], all.subspan(2, before - 2));
    if (!row) return bad(row.error().message);
    if (arrow != words.end()) {
      row->expected = action_of_words(all.subspan(before + 1));
      if (!row->expected) {
        return bad(
            "an action is allow, log, notify, trap, errno NAME, trace N, kill thread or kill "
            "process");
      }
      row->expected = normal_action(row->expected->value);
    }
    rows.push_back(*row);
  }
  if (rows.empty()) return fail(Errc::kBadInput, "{}: no rows", printable(name));
  return rows;
}

std::string call_text(const Row& row) {
  const auto nr = static_cast<std::uint32_t>(row.call.nr);
  // -1 and numbers of the other ABI on x86_64 have no name.
  const auto abi = abi_of(row.call.arch, nr);
  const std::string_view name = abi ? syscall_name({*abi, nr}) : std::string_view();
  return name.empty() ? std::to_string(row.call.nr) : std::string(name);
}

std::string arguments_text(const Row& row) {
  std::string text;
  for (std::size_t i = 0; i < row.arguments; ++i) {
    const std::uint64_t value = row.call.args[i];
    text += (i == 0 ? "" : " ") + (value < 10 ? std::to_string(value) : hex(value));
  }
  return text;
}

void print(const std::vector<Row>& rows) {
  std::vector<std::vector<std::string>> cells = {{"ABI", "CALL", "ARGUMENTS", "ACTION", "STEPS"}};
  const bool expects = std::any_of(rows.begin(), rows.end(),
                                   [](const Row& row) { return row.expected.has_value(); });
  if (expects) cells.front().insert(cells.front().end(), {"EXPECTED", ""});
  for (const Row& row : rows) {
    std::vector<std::string> line = {std::string(abi_name(row.abi)), call_text(row),
                                     arguments_text(row), action_label(row.action),
                                     std::to_string(row.steps)};
    if (expects) {
      line.push_back(row.expected ? action_label(*row.expected) : "");
      line.emplace_back(!row.expected ? "" : row.holds() ? "holds" : "WRONG");
    }
    cells.push_back(std::move(line));
  }
  std::vector<std::size_t> widths(cells.front().size());
  for (const auto& line : cells) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  constexpr std::size_t kNumbers = 4;
  for (const auto& line : cells) {
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (i > 0) text += "  ";
      text += i == kNumbers ? fmt::format("{:>{}}", line[i], widths[i])
                            : fmt::format("{:<{}}", line[i], widths[i]);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    say(stdout, "{}\n", text);
  }
}

void print_json(const FilterInput& input, const std::vector<Row>& rows, std::size_t wrong) {
  Json document = {
      {"schema", kFilterSchema}, {"file", input.name}, {"wrong", wrong}, {"rows", Json::array()}};
  for (const Row& row : rows) {
    Json one = Json::parse(call_json(row.call));
    one["abi"] = abi_name(row.abi);
    one["action"] = action_label(row.action);
    one["steps"] = row.steps;
    if (row.expected) {
      one["expected"] = action_label(*row.expected);
      one["holds"] = row.holds();
    }
    document["rows"].push_back(std::move(one));
  }
  say(stdout, "{}\n", document.dump(2, ' ', false, Json::error_handler_t::replace));
}

struct Wanted {
  std::string file;
  std::vector<std::string> calls;
  std::string abi;
  std::string table;
  MachineWords machine;
  bool json = false;
};

Result<std::vector<Row>> rows_of(const Wanted& wanted) {
  if (wanted.table.empty() == wanted.calls.empty()) {
    return fail(Errc::kUsage, "give calls, or a table of them by --table FILE{}",
                wanted.table.empty() ? "" : ", not both");
  }
  if (wanted.table == "-" && wanted.file == "-") {
    return fail(Errc::kUsage, "standard input can be the filter or the table, not both");
  }
  if (!wanted.table.empty()) {
    if (!wanted.abi.empty()) {
      return fail(Errc::kUsage, "--abi goes with calls; each row of a table names its own");
    }
    Result<std::string> text = read_file(wanted.table);
    if (!text) return propagate(text);
    return rows_of_table(*text, wanted.table == "-" ? "standard input" : wanted.table);
  }
  Abi abi = native_abi();
  if (!wanted.abi.empty()) {
    Result<Abi> found = abi_of_word("--abi", wanted.abi);
    if (!found) return propagate(found);
    abi = *found;
  }
  return rows_of_words(abi, wanted.calls);
}

}  // namespace

int verb_simulate(const Words& words) {
  CLI::App app(
      "Say what a filter decides about calls: the instructions are run as the kernel does. A "
      "profile is compiled first.",
      std::string(kVerb));
  Wanted wanted;
  app.add_option("FILE", wanted.file, "a profile or a filter's bytes; - is standard input")
      ->required();
  app.add_option("CALL [ARGS...]", wanted.calls,
                 "calls by name or number, each with the arguments that count; others are 0");
  app.add_option("--abi", wanted.abi, "the ABI of the calls (default: this machine's)");
  app.add_option("--table", wanted.table,
                 "read rows `ABI CALL [ARGS...] [-> ACTION]` instead; - is standard input")
      ->type_name("FILE");
  app.add_flag("--json", wanted.json, "one JSON document");
  add_machine_options(app, wanted.machine);
  app.footer(
      "examples:\n"
      "  sysnare simulate profile.json mkdir clone 0x10000000\n"
      "  echo 'x86_64 mkdir -> errno EPERM' | sysnare simulate profile.json --table -\n"
      "\n"
      "exit status: 0 done and every `->` holds, 1 one does not, 2 usage error,\n"
      "3 a file that cannot be used.");
  // A negative argument is no option.
  Words positive = words;
  for (std::string& word : positive) {
    if (word.size() < 2 || word[0] != '-' || word[1] < '0' || word[1] > '9') continue;
    if (const auto value = argument_of(word)) word = hex(*value);
  }
  const Parsed parsed = parse(app, positive, kUsageError, false);
  if (parsed.leave) return parsed.status;

  Result<Machine> machine = machine_of(wanted.machine);
  if (!machine) return failed(kVerb, machine.error());
  Result<std::vector<Row>> rows = rows_of(wanted);
  if (!rows) return failed(kVerb, rows.error());
  Result<FilterInput> input = read_filter_input(wanted.file, *machine);
  if (!input) return failed(kVerb, input.error());
  if (Result<void> done = runtime_reads_one(*machine, {&*input, 1}); !done) {
    return failed(kVerb, done.error());
  }
  complain_each(kVerb, input->notes);
  std::size_t wrong = 0;
  for (Row& row : *rows) {
    Result<Verdict> verdict = simulate(input->program, row.call);
    if (!verdict) return failed(kVerb, verdict.error());
    row.action = normal_action(verdict->action.value);
    row.steps = verdict->steps;
    if (!row.holds()) ++wrong;
  }
  if (wanted.json) {
    print_json(*input, *rows, wrong);
  } else {
    print(*rows);
  }
  if (wrong != 0)
    complain(kVerb,
             fmt::format("{} of {} are not as the table says", wrong, plural(rows->size(), "row")));
  return wrong == 0 ? kOk : kFoundSomething;
}

}  // namespace sysnare::cli
