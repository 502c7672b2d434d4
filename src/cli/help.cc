#include "cli/help.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string_view>
#include <vector>

#include "base/text.h"

namespace sysnare::cli {
namespace {

constexpr std::size_t kIndent = 2;
constexpr std::size_t kGap = 2;
/// An option longer than this has a line of its own, so that one of them does not push all the
/// descriptions to the right.
constexpr std::size_t kWidestOption = 26;

/// `text` in lines of at most kHelpWidth, all but the first starting at column `indent`. Line ends
/// in it stay.
std::string wrap(std::string_view text, std::size_t indent) {
  std::string wrapped;
  const auto new_line = [&] { wrapped += "\n" + std::string(indent, ' '); };
  for (std::string_view line : split(text, '\n')) {
    if (line.data() != text.data()) new_line();
    std::size_t column = indent;
    bool first = true;
    for (std::string_view word : split(line, ' ')) {
      if (!first && column + 1 + word.size() > kHelpWidth) {
        new_line();
        column = indent;
      } else if (!first) {
        wrapped += ' ';
        ++column;
      }
      wrapped += word;
      column += word.size();
      first = false;
    }
  }
  return wrapped;
}

struct Row {
  std::string left;
  std::string right;
};

/// "-p, --pid PID"; a positional as it stands in the usage line.
std::string left_of(const CLI::Option& option) {
  if (!option.nonpositional()) return option.get_name(true);
  std::string text;
  for (const std::string& name : option.get_snames()) {
    text += fmt::format("{}-{}", text.empty() ? "" : ", ", name);
  }
  for (const std::string& name : option.get_lnames()) {
    text += fmt::format("{}--{}", text.empty() ? "" : ", ", name);
  }
  if (option.get_type_size() != 0 && !option.get_type_name().empty()) {
    text += " " + option.get_type_name();
  }
  return text;
}

std::string rows_text(const std::vector<Row>& rows) {
  std::size_t width = 0;
  for (const Row& row : rows) {
    if (row.left.size() <= kWidestOption) width = std::max(width, row.left.size());
  }
  const std::size_t column = kIndent + width + kGap;
  std::string text;
  for (const Row& row : rows) {
    text += std::string(kIndent, ' ') + row.left;
    if (row.left.size() > width) {
      text += "\n" + std::string(column, ' ');
    } else {
      text += std::string(width - row.left.size() + kGap, ' ');
    }
    text += wrap(row.right, column) + "\n";
  }
  return text;
}

}  // namespace

std::string help_text(const CLI::App& app, std::string_view command) {
  std::vector<Row> arguments;
  std::vector<Row> options;
  std::string usage = fmt::format("usage: sysnare {} [options]", app.get_name());
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;  // hidden
    const Row row{left_of(*option), option->get_description()};
    if (option->nonpositional()) {
      options.push_back(row);
      continue;
    }
    arguments.push_back(row);
    const std::string_view more = option->get_expected_max() > 1 ? "..." : "";
    usage += option->get_required() ? fmt::format(" {}{}", row.left, more)
                                    : fmt::format(" [{}{}]", row.left, more);
  }
  if (!command.empty()) usage += fmt::format(" {}", command);
  std::string text = usage + "\n\n" + wrap(app.get_description(), 0) + "\n";
  if (!arguments.empty()) text += "\narguments:\n" + rows_text(arguments);
  text += "\noptions:\n" + rows_text(options);
  if (!app.get_footer().empty()) text += "\n" + app.get_footer() + "\n";
  return text;
}

}  // namespace sysnare::cli
