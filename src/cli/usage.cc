#include "cli/usage.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>

#include "base/text.h"

namespace sysnare::cli {
namespace {

bool is_flag(const CLI::Option& option) { return option.get_items_expected_max() == 0; }

bool is_repeatable(const CLI::Option& option) { return option.get_expected_max() > 1; }

/// "FILE"; CLI11 names what has no name of ours by its type in C++, "TEXT".
std::string value_name(const CLI::Option& option) {
  const std::string& name = option.get_type_name();
  return name.empty() || name == "TEXT" ? "VALUE" : name;
}

std::string own_name(const CLI::Option& option) {
  if (!option.get_lnames().empty()) return "--" + option.get_lnames().front();
  return "-" + option.get_snames().front();
}

/// The first half of "the profile; - is standard input".
std::string_view meaning(const CLI::Option& option) {
  const std::string_view text = option.get_description();
  return text.substr(0, text.find(';'));
}

class Walk {
 public:
  Walk(const CLI::App& app, const Words& words, bool takes_command)
      : app_(app), words_(words), takes_command_(takes_command) {
    for (const CLI::Option* option : app.get_options()) {
      for (const std::string& name : option->get_lnames()) options_["--" + name] = option;
      for (const std::string& name : option->get_snames()) options_["-" + name] = option;
      if (!option->nonpositional()) positionals_.push_back(option);
    }
  }

  std::optional<std::string> mistake() {
    while (at_ < words_.size()) {
      const std::string& word = words_[at_];
      if (word == "--") {
        if (takes_command_) break;
        plain_.insert(plain_.end(), words_.begin() + static_cast<std::ptrdiff_t>(at_) + 1,
                      words_.end());
        break;
      }
      ++at_;
      if (word.starts_with("--")) {
        take_long(word);
      } else if (is_cluster(word)) {
        take_cluster(word);
      } else if (takes_command_) {
        break;
      } else {
        plain_.push_back(word);
      }
    }
    if (help_) return std::nullopt;
    if (!mistake_) check_whole();
    return mistake_;
  }

 private:
  template <typename... Args>
  void wrong(fmt::format_string<Args...> format, Args&&... args) {
    if (!mistake_) mistake_ = fmt::vformat(format, fmt::make_format_args(args...));
  }

  [[nodiscard]] const CLI::Option* find(const std::string& name) const {
    const auto found = options_.find(name);
    return found == options_.end() ? nullptr : found->second;
  }

  /// "-o" or "-fp", but not "-" or "-5".
  [[nodiscard]] bool is_cluster(const std::string& word) const {
    if (word.size() < 2 || word[0] != '-') return false;
    return word[1] < '0' || word[1] > '9' || find(word.substr(0, 2)) != nullptr;
  }

  void unknown(const std::string& name) {
    std::vector<std::string_view> names;
    for (const auto& [known, option] : options_) {
      if (known.starts_with("--")) names.push_back(known);
    }
    mistake_ = mistake_.value_or(name.starts_with("--")
                                     ? unknown_word("option", name, names)
                                     : fmt::format("unknown option \"{}\"", printable(name)));
  }

  void take_long(const std::string& word) {
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    const CLI::Option* option = find(name);
    if (option == nullptr) return unknown(name);
    use(*option, name);
    if (is_flag(*option)) {
      if (equals != std::string::npos) {
        wrong("{}: \"{}\" is not allowed, this option takes no value", name,
              printable(word.substr(equals + 1)));
      }
    } else if (equals != std::string::npos) {
      check_value(*option, name, word.substr(equals + 1));
    } else {
      take_value(*option, name);
    }
  }

  void take_cluster(const std::string& word) {
    for (std::size_t i = 1; i < word.size(); ++i) {
      const std::string name = {'-', word[i]};
      const CLI::Option* option = find(name);
      // Of a whole word that begins with no option of ours the word is shown: "-frob", not "-f".
      if (option == nullptr) return unknown(i == 1 ? word : name);
      use(*option, name);
      if (is_flag(*option)) continue;
      if (i + 1 < word.size()) {
        check_value(*option, name, word.substr(i + 1));
      } else {
        take_value(*option, name);
      }
      return;
    }
  }

  void use(const CLI::Option& option, const std::string& name) {
    help_ = help_ || &option == app_.get_help_ptr();
    if (++used_[&option] > 1 && !is_flag(option) && !is_repeatable(option)) {
      wrong("{} stands twice, and one {} is allowed", name, value_name(option));
    }
  }

  void take_value(const CLI::Option& option, const std::string& name) {
    if (at_ == words_.size()) return wrong("{}: {} is missing behind it", name, value_name(option));
    const std::string& next = words_[at_];
    // What is meant is the option: a file of such a name can be given as --output=--json.
    if (next == "--" || find(next.substr(0, next.find('='))) != nullptr) {
      return wrong("{}: {} is missing between it and {}", name, value_name(option),
                   printable(next));
    }
    ++at_;
    check_value(option, name, next);
  }

  void check_value(const CLI::Option& option, const std::string& name, const std::string& value) {
    if (value.empty())
      return wrong("{}: \"\" is not allowed, {} is empty", name, value_name(option));
    if (option.get_delimiter() == '\0') return;
    for (std::string_view part : split(value, option.get_delimiter())) {
      if (part.empty()) {
        return wrong("{}: \"{}\" has an empty {} in it", name, printable(value),
                     value_name(option));
      }
    }
  }

  /// What shows only when all words are known.
  void check_whole() {
    std::size_t room = 0;
    std::vector<std::string> names;
    for (const CLI::Option* option : positionals_) {
      const auto most = static_cast<std::size_t>(option->get_items_expected_max());
      room += most;
      names.push_back(option->get_name(true) + (most > 1 ? "..." : ""));
    }
    for (const std::string& word : plain_) {
      if (word.empty()) {
        return wrong("\"\" is not allowed, {} is empty",
                     names.empty() ? "the word" : names.front());
      }
    }
    if (plain_.size() > room) {
      const std::string extra = printable(plain_[room]);
      if (room == 0) return wrong("\"{}\" is not allowed, only options are", extra);
      return wrong("\"{}\" is one word too many, {} is all that is allowed", extra,
                   join_and(names));
    }
    std::size_t filled = 0;
    for (const CLI::Option* option : positionals_) {
      if (option->get_required() && filled++ >= plain_.size()) {
        return wrong("{} is missing: {}", option->get_name(true), meaning(*option));
      }
    }
    for (const CLI::Option* option : app_.get_options()) {
      if (!option->nonpositional()) continue;
      const bool used = used_.contains(option);
      if (option->get_required() && !used) {
        return wrong("{} {} is missing: {}", own_name(*option), value_name(*option),
                     meaning(*option));
      }
      if (!used) continue;
      for (const CLI::Option* other : option->get_excludes()) {
        if (used_.contains(other)) {
          return wrong("{} does not go with {}", own_name(*option), own_name(*other));
        }
      }
    }
  }

  const CLI::App& app_;
  const Words& words_;
  bool takes_command_;
  std::size_t at_ = 0;
  bool help_ = false;
  std::map<std::string, const CLI::Option*> options_;
  std::vector<const CLI::Option*> positionals_;
  std::map<const CLI::Option*, unsigned> used_;
  Words plain_;
  std::optional<std::string> mistake_;
};

}  // namespace

std::optional<std::string> usage_mistake(const CLI::App& app, const Words& words,
                                         bool takes_command) {
  return Walk(app, words, takes_command).mistake();
}

}  // namespace sysnare::cli
