// sysnare dump -p PID: the filters of a running process.

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/text.h"
#include "cli/filter_input.h"
#include "cli/filter_json.h"
#include "cli/print.h"
#include "cli/recording.h"
#include "cli/verb.h"
#include "filter/raw.h"
#include "process/filters_of.h"

namespace sysnare::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kVerb = "dump";
/// pid_t's largest.
constexpr std::uint64_t kMaxPid = INT32_MAX;
/// A task has 32,768 instructions at most, and each filter one and four besides
/// (MAX_INSNS_PER_PATH, kernel/seccomp.c).
constexpr std::uint64_t kMaxFilters = 32768 / 5;

struct Wanted {
  std::string pid_word;
  std::string index_word;
  int pid = 0;
  std::optional<std::size_t> index;
  std::string out = "-";
  std::string abi;
  bool raw = false;
  bool decompile = false;
  bool lossy = false;
  bool json = false;
};

/// A filter and its place among those of its process.
struct Shown {
  std::size_t index = 0;
  std::vector<sock_filter> program;
};

std::string name_of(int pid) {
  const Result<std::string> name = read_file(fmt::format("/proc/{}/comm", pid));
  return name ? printable(trim(*name)) : std::string();
}

std::string place_text(std::size_t index, std::size_t count) {
  if (count == 1) return {};
  if (index == 0) return ", loaded first";
  return index + 1 == count ? ", loaded last" : "";
}

std::string listings(const Wanted& wanted, const std::vector<Shown>& shown, std::size_t count) {
  std::string text =
      fmt::format("process {} ({}): {}{}\n", wanted.pid, name_of(wanted.pid),
                  plural(count, "filter"), count > 1 ? "; the strictest answer counts" : "");
  for (const Shown& each : shown) {
    text += fmt::format("\nfilter {}{}: {}\n", each.index, place_text(each.index, count),
                        plural(each.program.size(), "instruction"));
    text += listing_text(each.program, "");
  }
  return text;
}

std::string json_of(const Wanted& wanted, const std::vector<Shown>& shown, std::size_t count) {
  Json document = {{"schema", kFilterSchema},
                   {"pid", wanted.pid},
                   {"name", name_of(wanted.pid)},
                   {"count", count},
                   {"filters", Json::array()}};
  for (const Shown& each : shown) {
    Json one = {{"index", each.index}};
    one["instructions"] = Json::parse(instructions_json(each.program));
    document["filters"].push_back(std::move(one));
  }
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<std::string> text_of(const Wanted& wanted, const std::vector<Shown>& shown,
                            std::size_t count) {
  if (wanted.json) return json_of(wanted, shown, count);
  if (!wanted.raw && !wanted.decompile) return listings(wanted, shown, count);
  if (shown.size() > 1) {
    return fail(Errc::kUsage, "process {} has {} filters; --index 0 to {} picks one", wanted.pid,
                count, count - 1);
  }
  const std::vector<sock_filter>& program = shown.front().program;
  if (wanted.raw) return filter_bytes(program);
  DecompileOptions options;
  if (!wanted.abi.empty()) {
    Result<Abi> abi = abi_of_word("--abi", wanted.abi);
    if (!abi) return propagate(abi);
    options.abis = {*abi};
  }
  std::vector<std::string> notes;
  Result<std::string> text = decompiled_text(program, options, wanted.lossy, notes);
  if (!text) return propagate(text, "filter {} of process {}", shown.front().index, wanted.pid);
  for (const std::string& note : notes) complain(kVerb, note);
  return text;
}

Result<void> read_numbers(Wanted& wanted) {
  Result<std::uint64_t> pid = number_of("-p", wanted.pid_word, 1, kMaxPid);
  if (!pid) return propagate(pid);
  wanted.pid = static_cast<int>(*pid);
  if (wanted.index_word.empty()) return {};
  Result<std::uint64_t> index = number_of("--index", wanted.index_word, 0, kMaxFilters - 1);
  if (!index) return propagate(index);
  wanted.index = static_cast<std::size_t>(*index);
  return {};
}

}  // namespace

int verb_dump(const Words& words) {
  CLI::App app(
      "Read the seccomp filters of a running process: all that are stacked on it, the first loaded "
      "first. The process stands still for the moment and goes on. Needs CAP_SYS_ADMIN.",
      std::string(kVerb));
  Wanted wanted;
  app.add_option("-p,--pid", wanted.pid_word, "the process, or one of its threads")
      ->type_name("PID")
      ->required();
  app.add_option("--index", wanted.index_word, "only this filter, from 0")->type_name("N");
  auto* const raw =
      app.add_flag("--raw", wanted.raw, "the bytes of one, as `sysnare disasm` reads them");
  auto* const decompile = app.add_flag("--decompile", wanted.decompile,
                                       "the profile that says the same as one, proven equal");
  app.add_flag("--lossy", wanted.lossy, "with --decompile: write what a profile can say of it")
      ->needs(decompile);
  app.add_option("--abi", wanted.abi, "with --decompile: look at the calls of this ABI alone")
      ->needs(decompile);
  app.add_option("-o,--output", wanted.out, "write here (default: standard output)")
      ->type_name("FILE");
  app.add_flag("--json", wanted.json, "one JSON document")->excludes(raw)->excludes(decompile);
  raw->excludes(decompile);
  app.footer(
      "examples:\n"
      "  sysnare dump -p $(pidof nginx)\n"
      "  sysnare dump -p 4242 --index 0 --decompile -o profile.json\n"
      "\n"
      "exit status: 0 done, 1 the process has no filter, 2 usage error,\n"
      "3 they cannot be read.");
  const Parsed parsed = parse(app, words, kUsageError, false);
  if (parsed.leave) return parsed.status;
  if (Result<void> numbers = read_numbers(wanted); !numbers) return failed(kVerb, numbers.error());
  if (wanted.raw && wanted.out == "-" && ::isatty(STDOUT_FILENO) != 0) {
    complain(kVerb, "--raw writes bytes that are no text: name a file by -o, or a pipe");
    return kUsageError;
  }

  Result<std::vector<std::vector<sock_filter>>> filters = filters_of(wanted.pid);
  if (!filters) return failed(kVerb, filters.error());
  if (filters->empty()) {
    if (wanted.json) say_text(stdout, json_of(wanted, {}, 0));
    complain(kVerb,
             fmt::format("process {} ({}) runs under no filter", wanted.pid, name_of(wanted.pid)));
    return kFoundSomething;
  }
  std::vector<Shown> shown;
  for (std::size_t i = 0; i < filters->size(); ++i) {
    if (!wanted.index || *wanted.index == i) shown.push_back({i, (*filters)[i]});
  }
  if (shown.empty()) {
    complain(kVerb, fmt::format("--index: process {} has {}, counted from 0", wanted.pid,
                                plural(filters->size(), "filter")));
    return kUsageError;
  }
  Result<std::string> text = text_of(wanted, shown, filters->size());
  if (!text) return failed(kVerb, text.error());
  if (Result<void> done = write_file_atomic(wanted.out, *text); !done) {
    return failed(kVerb, done.error());
  }
  return kOk;
}

}  // namespace sysnare::cli
