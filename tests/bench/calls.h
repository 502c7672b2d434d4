#pragma once
// What is a call of the loop measured under, what came of it, and how is that held against the
// targets?

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sysnare::bench {

/// What a target is a multiple of.
enum class Against {
  kNothing,
  kEntryAdded,  ///< what the empty program at the entry adds to bare
  kPairAdded,   ///< what the empty pair adds to bare
  kPair,        ///< a call under the empty pair, bare's part included
  kStrace,      ///< a call under `strace -c -f`
};

enum class Counted {
  kNothing,  ///< no table
  kAll,      ///< the tool's table has a line for getppid
  kLeftOut,  ///< it has a table, in which the loop's calls are not
};

struct Case {
  std::string name;
  std::vector<std::string> wrapper;  ///< words in front of the program
  std::uint64_t calls = 0;
  bool filtered = false;  ///< the program must find itself under a seccomp filter
  Counted counted = Counted::kNothing;
  std::size_t count_column = 0;  ///< of the tool's table, from 0: the number of calls
  Against against = Against::kNothing;
  double target = 0;  ///< at most that multiple

  [[nodiscard]] bool is_slow() const;
  [[nodiscard]] bool is_ours() const { return name == "bare" || name.starts_with("sysnare"); }
};

struct Measured {
  std::vector<double> ns;        ///< a call, one a turn
  std::vector<double> start_ms;  ///< of `true`
  std::optional<std::uint64_t> counted;
  std::string failure;  ///< why there is no figure
};

/// In the order of the table. `empty` is the program empty_ebpf, `profile` one that allows getppid.
std::vector<Case> cases_of(const std::string& sysnare, const std::string& profile,
                           const std::string& empty);

struct Results {
  std::string machine;
  int rounds = 0;
  std::vector<Case> cases;
  std::vector<Measured> measured;  ///< of the case in the same place
  int looks = 0;                   ///< whether others watch every call by eBPF
  int disturbed = 0;               ///< how many of the looks found such
};

void print_table(const Results& results);
void print_json(const Results& results);

}  // namespace sysnare::bench
