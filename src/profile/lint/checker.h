#pragma once
// What do the rules of lint know about a profile, and how do they report?

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "profile/lint/lint.h"

namespace sysnare::linting {

/// What becomes of a call, over all its arguments.
enum class Fate : std::uint8_t {
  kOpen,     ///< always made
  kLimited,  ///< depends on its arguments, or a supervisor decides
  kRefused,  ///< never made
};

struct Outcome {
  Abi abi = Abi::kX86_64;
  Fate fate = Fate::kRefused;
  ActionValue base;       ///< of the strongest rule without conditions, or the default
  bool by_entry = false;  ///< whether `base` is that of an entry
  std::size_t entry = 0;  ///< that entry
};

/// Whether a call of this action is made: ALLOW and LOG.
bool lets_pass(ActionValue value);
/// Whether it is not: ERRNO, TRAP and the kills. NOTIFY and TRACE are neither.
bool refuses(ActionValue value);

/// "a, b, c and 4 more"
std::string names_text(const std::vector<std::string_view>& names);

/// Words of one blank-separated list of the tables.
std::vector<std::string_view> words_of(std::string_view list);

class Checker {
 public:
  Checker(const Profile& profile, const ResolvedProfile& resolved, const LintOptions& options);

  const Profile& profile;
  const ResolvedProfile& resolved;
  const LintOptions& options;

  /// What becomes of `name` in each listed ABI that has it.
  const std::vector<Outcome>& outcomes(std::string_view name);
  bool open_somewhere(std::string_view name);
  bool refused_somewhere(std::string_view name);  ///< in one listed ABI at least
  bool limited_somewhere(std::string_view name);
  [[nodiscard]] bool lists(Abi abi) const;

  /// Whether entry `index` applies with the options.
  [[nodiscard]] bool applies_here(std::size_t index) const { return applies_[index]; }

  /// Reports about the profile as a whole.
  void report(std::string_view rule, std::string path, std::uint32_t line, std::string message,
              std::string fix, bool fixable = false);
  /// About names of an entry; all of it when `names` is empty.
  void report_names(std::string_view rule, std::size_t entry, std::vector<std::size_t> names,
                    std::string message, std::string fix, bool fixable = false);
  /// About condition `arg` of an entry.
  void report_arg(std::string_view rule, std::size_t entry, std::size_t arg, std::string message,
                  std::string fix);

  LintReport report_out;

 private:
  void add(LintFinding finding);

  std::vector<bool> applies_;
  std::map<std::string_view, std::size_t> said_;  ///< findings of each rule
  std::map<std::string, std::vector<Outcome>, std::less<>> outcomes_;
};

/// The calls of rule `rule` (exit-refused …) that the default action refuses.
std::vector<std::string_view> needed_by_default(Checker& checker, std::string_view rule);
/// The calls with an older way that the default action refuses with another error than ENOSYS.
std::vector<std::string_view> fallbacks_by_default(Checker& checker);

// One function a family of rules, each in its own file.
void check_arguments(Checker& checker);  ///< int and pointer arguments, repeated indices
void check_abis(Checker& checker);       ///< architectures, x32, multiplexers
void check_grants(Checker& checker);     ///< what lets a program do much
void check_families(Checker& checker);   ///< equal calls closed by halves
void check_lifecycle(Checker& checker);  ///< libc's fallbacks, exit, exec
void check_actions(Checker& checker);    ///< kill, notify, log, trace
void check_names(Checker& checker);      ///< unknown and unapplied names
void check_entries(Checker& checker);    ///< dead, shadowed and contradicting rules

}  // namespace sysnare::linting
