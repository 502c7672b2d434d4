// sysnare disasm FILE: a filter's instructions, or the profile that says the same.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/text.h"
#include "cli/filter_input.h"
#include "cli/filter_json.h"
#include "cli/print.h"
#include "cli/verb.h"

namespace sysnare::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kVerb = "disasm";

struct Wanted {
  std::string file;
  std::string out = "-";
  std::string abi;
  MachineWords machine;
  bool decompile = false;
  bool lossy = false;
  bool json = false;
};

Result<std::string> text_of(const Wanted& wanted, const FilterInput& input) {
  if (wanted.json) {
    Json document = {{"schema", kFilterSchema}, {"file", input.name}};
    document["instructions"] = Json::parse(instructions_json(input.program));
    return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  }
  if (!wanted.decompile) return listing_text(input.program, "");
  DecompileOptions options;
  if (!wanted.abi.empty()) {
    Result<Abi> abi = abi_of_word("--abi", wanted.abi);
    if (!abi) return propagate(abi);
    options.abis = {*abi};
  }
  std::vector<std::string> notes;
  Result<std::string> text = decompiled_text(input.program, options, wanted.lossy, notes);
  if (!text) return propagate(text, "{}", printable(input.name));
  for (const std::string& note : notes) complain(kVerb, input.name + ": " + note);
  return text;
}

}  // namespace

int verb_disasm(const Words& words) {
  CLI::App app(
      "Print the instructions of a seccomp filter: its bytes as seccomp(2) takes them, whoever "
      "made "
      "them, or the filter that a profile is compiled to.",
      std::string(kVerb));
  Wanted wanted;
  app.add_option("FILE", wanted.file, "a filter's bytes or a profile; - is standard input")
      ->required();
  auto* const decompile = app.add_flag("--decompile", wanted.decompile,
                                       "print the profile that says the same, proven equal");
  app.add_flag("--lossy", wanted.lossy, "with --decompile: write what a profile can say of it")
      ->needs(decompile);
  app.add_option("--abi", wanted.abi, "with --decompile: look at the calls of this ABI alone")
      ->needs(decompile);
  app.add_option("-o,--output", wanted.out, "write here (default: standard output)")
      ->type_name("FILE");
  app.add_flag("--json", wanted.json, "one JSON document")->excludes(decompile);
  add_machine_options(app, wanted.machine);
  app.footer(
      "examples:\n"
      "  sysnare disasm profile.json\n"
      "  sysnare disasm filter.bpf --decompile -o profile.json\n"
      "\n"
      "exit status: 0 done, 2 usage error, 3 a file that cannot be used or written.");
  const Parsed parsed = parse(app, words, kUsageError, false);
  if (parsed.leave) return parsed.status;

  Result<Machine> machine = machine_of(wanted.machine);
  if (!machine) return failed(kVerb, machine.error());
  Result<FilterInput> input = read_filter_input(wanted.file, *machine);
  if (!input) return failed(kVerb, input.error());
  if (Result<void> done = runtime_reads_one(*machine, {&*input, 1}); !done) {
    return failed(kVerb, done.error());
  }
  complain_each(kVerb, input->notes);
  Result<std::string> text = text_of(wanted, *input);
  if (!text) return failed(kVerb, text.error());
  if (wanted.out == "-") {
    say_text(stdout, *text);
    return kOk;
  }
  if (Result<void> done = write_file_atomic(wanted.out, *text); !done) {
    return failed(kVerb, done.error());
  }
  return kOk;
}

}  // namespace sysnare::cli
