// sysnare diff A B: on which calls do two profiles or filters decide differently?

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "arch/syscalls.h"
#include "base/text.h"
#include "cli/filter_input.h"
#include "cli/filter_json.h"
#include "cli/print.h"
#include "cli/verb.h"
#include "filter/differences.h"

namespace sysnare::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kVerb = "diff";
/// Conditions of one difference that are printed; --json has all.
constexpr std::size_t kShownConditions = 6;
/// Ranges of numbers in one row; the same.
constexpr std::size_t kShownRanges = 4;

struct Row {
  std::string call;
  std::string abis;
  std::string before;
  std::string after;
  Change change = Change::kOther;
  std::vector<std::string> details;  ///< the first stands in the row, the others below
};

struct Compared {
  std::vector<Difference> differences;
  /// ABIs of which one side treats every call alike: it does not list them.
  std::set<Abi> whole;
};

Result<Compared> compare(const FilterInput& a, const FilterInput& b) {
  DecisionDiagram diagram;
  Result<FilterMeaning> first = meaning_of(diagram, a.program);
  if (!first) return propagate(first, "{}", printable(a.name));
  Result<FilterMeaning> second = meaning_of(diagram, b.program);
  if (!second) return propagate(second, "{}", printable(b.name));
  Result<std::vector<Difference>> found = differences(diagram, *first, *second);
  if (!found) return propagate(found);
  Compared compared{std::move(*found), {}};
  for (const Abi abi : all_abis()) {
    if (whole_abi(diagram, *first, abi) || whole_abi(diagram, *second, abi)) {
      compared.whole.insert(abi);
    }
  }
  return compared;
}

std::string number_text(std::uint32_t nr) { return nr < kX32Bit ? std::to_string(nr) : hex(nr); }

std::string range_text(const Difference& difference) {
  if (difference.first == difference.last) return number_text(difference.first);
  return number_text(difference.first) + "-" + number_text(difference.last);
}

std::vector<std::string> condition_texts(const Difference& difference) {
  if (difference.always) return {};
  std::vector<std::string> texts;
  for (const Conjunction& all : difference.when) {
    texts.push_back(conjunction_text(all, difference.name));
  }
  if (texts.empty()) texts.push_back("some calls: " + difference.unsaid);
  return texts;
}

/// "clone(0x2000000)": trailing zeros are left out.
std::string witness_text(const Difference& difference) {
  std::size_t count = std::size(difference.witness.args);
  while (count > 1 && difference.witness.args[count - 1] == 0) --count;
  std::string text =
      difference.name.empty() ? fmt::format("call {}", difference.first) : difference.name;
  for (std::size_t i = 0; i < count; ++i) {
    text += (i == 0 ? "(" : ", ") + hex(difference.witness.args[i]);
  }
  return text + ")";
}

std::string abi_text(const Difference& difference) {
  return difference.abi ? std::string(abi_name(*difference.abi)) : "other";
}

/// Rows in the order of the call's name; those without a name behind.
class Rows {
 public:
  explicit Rows(const Compared& compared) {
    for (const Difference& each : compared.differences) {
      const bool whole = each.abi && compared.whole.contains(*each.abi) && each.always;
      const std::string key_abi = each.name.empty() || whole ? abi_text(each) : "";
      const Key key{each.name.empty() || whole,
                    whole || each.name.empty() ? "" : each.name,
                    key_abi,
                    action_label(each.before),
                    action_label(each.after),
                    whole,
                    condition_texts(each)};
      groups_[key].push_back(&each);
    }
  }

  std::vector<Row> rows() const {
    std::vector<Row> rows;
    for (const auto& [key, all] : groups_) {
      Row row;
      row.before = key.before;
      row.after = key.after;
      row.change = all.front()->change();
      std::set<std::pair<std::optional<Abi>, std::string>> abis_there;
      for (const Difference* each : all) abis_there.emplace(each->abi, abi_text(*each));
      std::vector<std::string> abis;
      for (const auto& [abi, name] : abis_there) abis.push_back(name);
      row.abis = fmt::format("{}", fmt::join(abis, " "));
      if (key.whole) {
        const auto named = std::count_if(
            all.begin(), all.end(), [](const Difference* each) { return !each->name.empty(); });
        row.call = named == 0
                       ? "(numbers without a call)"
                       : fmt::format("({})", plural(static_cast<std::uint64_t>(named), "call"));
      } else if (key.nameless) {
        nameless(all, row);
      } else {
        named(all, key, row);
      }
      rows.push_back(std::move(row));
    }
    return rows;
  }

 private:
  struct Key {
    bool nameless = false;
    std::string name;
    std::string abi;
    std::string before;
    std::string after;
    bool whole = false;
    std::vector<std::string> when;
    auto operator<=>(const Key&) const = default;
  };

  static void nameless(const std::vector<const Difference*>& all, Row& row) {
    if (!all.front()->abi) {
      row.call = "(other architectures)";
      row.details = condition_texts(*all.front());
      return;
    }
    row.call = "(numbers without a call)";
    std::vector<std::string> ranges;
    for (const Difference* each : all) ranges.push_back(range_text(*each));
    const std::size_t more = ranges.size() > kShownRanges ? ranges.size() - kShownRanges : 0;
    ranges.resize(ranges.size() - more);
    row.details.push_back(fmt::format("{}{}", fmt::join(ranges, ", "),
                                      more == 0 ? "" : fmt::format(" and {} more", more)));
  }

  static void named(const std::vector<const Difference*>& all, const Key& key, Row& row) {
    row.call = key.name;
    if (key.when.empty()) return;
    for (std::size_t i = 0; i < key.when.size() && i < kShownConditions; ++i) {
      row.details.push_back((i == 0 ? "when " : "  or ") + key.when[i]);
    }
    if (key.when.size() > kShownConditions) {
      row.details.push_back(fmt::format("  or {} more conditions (--json has all)",
                                        key.when.size() - kShownConditions));
    }
    row.details.push_back("e.g. " + witness_text(*all.front()));
  }

  std::map<Key, std::vector<const Difference*>> groups_;
};

void print(const Compared& compared) {
  const std::vector<Row> rows = Rows(compared).rows();
  std::size_t call = 0;
  std::size_t abis = 0;
  std::size_t change = 0;
  for (const Row& row : rows) {
    call = std::max(call, row.call.size());
    abis = std::max(abis, row.abis.size());
    change = std::max(change, row.before.size() + row.after.size() + 4);
  }
  for (const Row& row : rows) {
    std::string line =
        fmt::format("{:<{}}  {:<{}}  {:<{}}  {:<7}", row.call, call, row.abis, abis,
                    row.before + " -> " + row.after, change, change_name(row.change));
    const std::size_t width = line.size();
    if (!row.details.empty()) line += "  " + row.details.front();
    line.erase(line.find_last_not_of(' ') + 1);
    say(stdout, "{}\n", line);
    for (std::size_t i = 1; i < row.details.size(); ++i) {
      say(stdout, "{:{}}  {}\n", "", width, row.details[i]);
    }
  }
}

std::map<Change, std::size_t> counts(const std::vector<Difference>& all) {
  std::map<Change, std::size_t> count;
  for (const Difference& each : all) ++count[each.change()];
  return count;
}

Json condition_json(const ValueTest& test) {
  using Kind = ValueTest::Kind;
  Json json = {{"index", test.index}, {"bits", test.bits}};
  switch (test.kind) {
    case Kind::kEqual:
    case Kind::kNotEqual:
      json["op"] = test.kind == Kind::kEqual ? "==" : "!=";
      json["value"] = hex(test.first);
      break;
    case Kind::kRange:
      json["op"] = "in";
      json["low"] = hex(test.first);
      json["high"] = hex(test.second);
      break;
    case Kind::kMaskedEqual:
    case Kind::kMaskedNotEqual:
      json["op"] = test.kind == Kind::kMaskedEqual ? "&==" : "&!=";
      json["mask"] = hex(test.first);
      json["value"] = hex(test.second);
      break;
  }
  return json;
}

void print_json(const FilterInput& a, const FilterInput& b, const std::vector<Difference>& all) {
  const auto count = counts(all);
  const auto of = [&](Change change) {
    const auto found = count.find(change);
    return found == count.end() ? std::size_t{0} : found->second;
  };
  Json document = {{"schema", kFilterSchema},
                   {"a", a.name},
                   {"b", b.name},
                   {"same", all.empty()},
                   {"looser", of(Change::kLooser)},
                   {"tighter", of(Change::kTighter)},
                   {"other", of(Change::kOther)},
                   {"differences", Json::array()}};
  for (const Difference& each : all) {
    Json one = {{"call", each.name.empty() ? Json(nullptr) : Json(each.name)},
                {"abi", each.abi ? Json(abi_name(*each.abi)) : Json(nullptr)},
                {"arch", hex(each.arch)},
                {"first", each.first},
                {"last", each.last},
                {"before", action_label(each.before)},
                {"after", action_label(each.after)},
                {"change", change_name(each.change())},
                {"always", each.always}};
    if (!each.always) {
      one["when"] = condition_texts(each);
      one["conditions"] = Json::array();
      for (const Conjunction& conjunction : each.when) {
        Json tests = Json::array();
        for (const ValueTest& test : conjunction) tests.push_back(condition_json(test));
        one["conditions"].push_back(std::move(tests));
      }
    }
    one["witness"] = Json::parse(call_json(each.witness));
    document["differences"].push_back(std::move(one));
  }
  say(stdout, "{}\n", document.dump(2, ' ', false, Json::error_handler_t::replace));
}

void print_summary(const std::vector<Difference>& all) {
  const auto count = counts(all);
  std::vector<std::string> parts;
  for (const Change change : {Change::kLooser, Change::kTighter, Change::kOther}) {
    if (const auto found = count.find(change); found != count.end()) {
      parts.push_back(fmt::format("{} {}", with_commas(found->second), change_name(change)));
    }
  }
  say(stderr, "{}: {}\n", plural(all.size(), "difference"), fmt::join(parts, ", "));
}

}  // namespace

int verb_diff(const Words& words) {
  CLI::App app(
      "Compare two profiles or filters by what they decide: every call, number and argument value. "
      "Looser and tighter are said of B.",
      std::string(kVerb));
  std::vector<std::string> files(2);
  std::string fail_on = "any";
  MachineWords machine_words;
  MachineWords second_words;
  bool json = false;
  app.add_option("A", files[0], "a profile, or a filter as bytes; - is standard input")->required();
  app.add_option("B", files[1], "what it is compared with")->required();
  app.add_option("--fail-on", fail_on, "which differences end with 1: any, looser, tighter")
      ->type_name("WHICH");
  app.add_flag("--json", json, "one JSON document, with a witness call for each difference");
  add_machine_options(app, machine_words);
  add_second_machine_options(app, second_words);
  app.footer(
      "examples:\n"
      "  sysnare diff old.json new.json\n"
      "  sysnare diff --fail-on looser main.json branch.json\n"
      "  sysnare diff --as runc --as-b crun profile.json profile.json\n"
      "\n"
      "exit status: 0 the same, 1 they differ (with --fail-on: so), 2 usage error,\n"
      "3 a file that cannot be used.");
  const Parsed parsed = parse(app, words, kUsageError, false);
  if (parsed.leave) return parsed.status;
  const std::vector<std::string_view> changes = {"any", "looser", "tighter"};
  if (std::find(changes.begin(), changes.end(), fail_on) == changes.end()) {
    complain(kVerb,
             fmt::format("--fail-on: {}; there are: {}", unknown_word("change", fail_on, changes),
                         fmt::join(changes, ", ")));
    return kUsageError;
  }
  if (reads_stdin_twice(files)) {
    complain(kVerb, "standard input can be one of the two, not both");
    return kUsageError;
  }

  Result<Machine> machine = machine_of(machine_words);
  if (!machine) return failed(kVerb, machine.error());
  Result<Machine> second_machine = second_machine_of(machine_words, second_words);
  if (!second_machine) return failed(kVerb, second_machine.error());
  std::vector<FilterInput> inputs;
  for (const std::string& file : files) {
    Result<FilterInput> input =
        read_filter_input(file, inputs.empty() ? *machine : *second_machine);
    if (!input) return failed(kVerb, input.error());
    complain_each(kVerb, input->notes);
    inputs.push_back(std::move(*input));
  }
  const std::span<const FilterInput> both = inputs;
  // --as-b is about B alone, --as about whichever is a profile.
  Result<void> read = second_words.as.empty() ? runtime_reads_one(*machine, both)
                                              : runtime_reads_one(*second_machine, both.subspan(1));
  if (!read) return failed(kVerb, read.error());
  Result<Compared> compared = compare(inputs[0], inputs[1]);
  if (!compared) return failed(kVerb, compared.error());
  const std::vector<Difference>& all = compared->differences;
  if (json) {
    print_json(inputs[0], inputs[1], all);
  } else if (!all.empty()) {
    print(*compared);
    print_summary(all);
  }
  const bool found = std::any_of(all.begin(), all.end(), [&](const Difference& each) {
    return fail_on == "any" || change_name(each.change()) == fail_on;
  });
  return found ? kFoundSomething : kOk;
}

}  // namespace sysnare::cli
