#include "cli/merge_profiles.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/file.h"
#include "base/text.h"
#include "cli/print.h"
#include "cli/verb.h"
#include "filter/join.h"

namespace sysnare::cli {
namespace {

constexpr std::string_view kVerb = "merge";
/// Differences that are said one by one; the rest is counted.
constexpr std::size_t kShown = 12;

struct Joined {
  DecisionDiagram diagram;
  std::vector<FilterInput> inputs;
  FilterMeaning meaning;
};

Result<void> join_inputs(const std::vector<NamedText>& texts, const MergeWords& words,
                         const Machine& machine, Joined& joined) {
  std::vector<FilterMeaning> meanings;
  for (const NamedText& text : texts) {
    Result<FilterInput> input = filter_input(text.text, text.name, machine);
    if (!input) return propagate(input);
    Result<FilterMeaning> meaning = meaning_of(joined.diagram, input->program);
    if (!meaning) return propagate(meaning, "{}", printable(text.name));
    meanings.push_back(std::move(*meaning));
    joined.inputs.push_back(std::move(*input));
  }
  joined.meaning =
      join(joined.diagram, meanings, words.intersect ? Joining::kIntersection : Joining::kUnion);
  if (joined.diagram.full()) {
    return fail(Errc::kLimit, "the argument rules of these profiles are too entangled together");
  }
  return {};
}

/// What loading flags the result has: those of any. With other listeners there is no one answer.
Result<void> take_loading(const std::vector<FilterInput>& inputs, Profile& profile) {
  for (const FilterInput& input : inputs) {
    if (!input.profile) continue;
    for (const std::string& flag : input.profile->flags) {
      if (std::find(profile.flags.begin(), profile.flags.end(), flag) == profile.flags.end()) {
        profile.flags.push_back(flag);
      }
    }
    const auto take = [](std::string& mine, const std::string& theirs) {
      if (mine.empty()) mine = theirs;
      return theirs.empty() || mine == theirs;
    };
    if (!take(profile.listener_path, input.profile->listener_path) ||
        !take(profile.listener_metadata, input.profile->listener_metadata)) {
      return fail(Errc::kBadInput, "{}: another listenerPath or listenerMetadata than before it",
                  printable(input.name));
    }
  }
  std::sort(profile.flags.begin(), profile.flags.end());
  return {};
}

int compare_with(Joined& joined, const MergeWords& words, const Machine& machine) {
  Result<FilterInput> there = read_filter_input(words.check, machine);
  if (!there) return failed(kVerb, there.error());
  Result<FilterMeaning> meaning = meaning_of(joined.diagram, there->program);
  if (!meaning) return failed(kVerb, meaning.error());
  Result<std::vector<Difference>> found = differences(joined.diagram, joined.meaning, *meaning);
  if (!found) return failed(kVerb, found.error());
  const std::string file = printable(there->name);
  if (found->empty()) {
    say(stderr, "{} decides every call as the {} of {} does\n", file,
        words.intersect ? "intersection" : "union", plural(joined.inputs.size(), "input"));
    return kOk;
  }
  for (std::size_t i = 0; i < found->size() && i < kShown; ++i) {
    say(stdout, "{}\n", difference_text((*found)[i], "in the result", "in " + file));
  }
  if (found->size() > kShown) say(stdout, "and {} more\n", found->size() - kShown);
  complain(kVerb, fmt::format("{} is not that {}: {}; merge again with -o in place of --check",
                              file, words.intersect ? "intersection" : "union",
                              plural(found->size(), "difference")));
  return kFoundSomething;
}

}  // namespace

int merge_profiles(const std::vector<NamedText>& texts, const MergeWords& words,
                   const std::string& output) {
  Result<Machine> machine = machine_of(words.machine);
  if (!machine) return failed(kVerb, machine.error());
  Joined joined;
  if (Result<void> done = join_inputs(texts, words, *machine, joined); !done) {
    return failed(kVerb, done.error());
  }
  if (Result<void> done = runtime_reads_one(*machine, joined.inputs); !done) {
    return failed(kVerb, done.error());
  }
  for (const FilterInput& input : joined.inputs) complain_each(kVerb, input.notes);
  if (!words.check.empty()) return compare_with(joined, words, *machine);

  Result<Decompiled> made = decompile(joined.diagram, joined.meaning);
  if (!made) return failed(kVerb, made.error());
  if (Result<void> done = take_loading(joined.inputs, made->profile); !done) {
    return failed(kVerb, done.error());
  }
  std::vector<std::string> notes;
  if (Result<void> done = judge_residue(*made, words.lossy, notes); !done) {
    return failed(kVerb, done.error());
  }
  for (const std::string& note : notes) complain(kVerb, note);
  if (Result<void> done = write_file_atomic(output, write_profile(made->profile)); !done) {
    return failed(kVerb, done.error());
  }
  say(stderr, "{} of {}: {} in {}\n", words.intersect ? "intersection" : "union",
      plural(joined.inputs.size(), "input"),
      plural(std::accumulate(
                 made->profile.entries.begin(), made->profile.entries.end(), std::size_t{0},
                 [](std::size_t sum, const Entry& entry) { return sum + entry.names.size(); }),
             "name"),
      made->profile.entries.size() == 1 ? "1 entry"
                                        : fmt::format("{} entries", made->profile.entries.size()));
  return kOk;
}

}  // namespace sysnare::cli
