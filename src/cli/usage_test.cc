#include "cli/usage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

namespace sysnare::cli {
namespace {

/// A verb with every kind of option that ours have.
class Verb {
 public:
  explicit Verb(bool with_words) : app_("", "verb") {
    app_.set_help_flag("-h,--help", "help");
    CLI::Option* follow = app_.add_flag("-f,--follow", follow_, "children too");
    app_.add_flag("--alone", alone_, "no children")->excludes(follow);
    app_.add_option("-o,--output", output_, "save; or not")->type_name("FILE");
    app_.add_option("-p", pids_, "attach")->type_name("PID")->delimiter(',');
    app_.add_option("--untyped", untyped_, "without a name of its own");
    if (!with_words) return;
    app_.add_option("FILE", file_, "the first; - is standard input")->required();
    app_.add_option("--to", to_, "the format")->type_name("FORMAT")->required();
  }
  [[nodiscard]] const CLI::App& app() const { return app_; }

 private:
  bool follow_ = false;
  bool alone_ = false;
  std::string output_, untyped_, file_, to_;
  std::vector<std::string> pids_;
  CLI::App app_;
};

struct Case {
  const char* why;
  Words words;
  std::string mistake;  ///< empty: none
};

void expect_mistakes(const std::vector<Case>& cases, bool takes_command) {
  const Verb verb(!takes_command);
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(usage_mistake(verb.app(), c.words, takes_command).value_or(""), c.mistake);
  }
}

TEST(Usage, BeforeACommand) {
  expect_mistakes(
      {
          {"nothing", {}, ""},
          {"all of the command is its own", {"ls", "-x", "--alone=1", ""}, ""},
          {"also behind dashes", {"-f", "--", "-x"}, ""},
          {"a value with =", {"--output=a", "ls"}, ""},
          {"a value in the same word", {"-oa", "ls"}, ""},
          {"a cluster, its last with a value", {"-fp", "12", "ls"}, ""},
          {"a value that looks like a number", {"-p", "-5"}, ""},
          {"a value that looks like an unknown option", {"-o", "-x", "ls"}, ""},
          {"standard output", {"-o", "-", "ls"}, ""},
          {"a list", {"-p", "1,2", "-p", "3"}, ""},
          {"a flag twice", {"-f", "-f"}, ""},
          {"help goes before a mistake", {"--nope", "--help"}, ""},
          {"help of the command is its own",
           {"--nope", "ls", "--help"},
           "unknown option \"--nope\""},
          {"unknown, near one",
           {"--folow"},
           "unknown option \"--folow\", did you mean \"--follow\"?"},
          {"unknown with a value",
           {"--otput=x"},
           "unknown option \"--otput\", did you mean \"--output\"?"},
          {"unknown letter", {"-x"}, "unknown option \"-x\""},
          {"unknown letters", {"-xyz"}, "unknown option \"-xyz\""},
          {"unknown letter in a cluster", {"-fx"}, "unknown option \"-x\""},
          {"three dashes",
           {"---output"},
           "unknown option \"---output\", did you mean \"--output\"?"},
          {"control bytes", {"--\x1b[2J"}, "unknown option \"--\\x1b[2J\""},
          {"the first of two", {"--frobnicate", "-x"}, "unknown option \"--frobnicate\""},
          {"no value at the end", {"-o"}, "-o: FILE is missing behind it"},
          {"no value before dashes", {"-o", "--", "ls"}, "-o: FILE is missing between it and --"},
          {"no value before an option",
           {"--output", "--follow", "ls"},
           "--output: FILE is missing between it and --follow"},
          {"an option without a name for its value",
           {"--untyped"},
           "--untyped: VALUE is missing behind it"},
          {"empty", {"-o", ""}, "-o: \"\" is not allowed, FILE is empty"},
          {"empty behind =", {"--output=", "x"}, "--output: \"\" is not allowed, FILE is empty"},
          {"empty in a list", {"-p", "1,"}, "-p: \"1,\" has an empty PID in it"},
          {"a flag with a value",
           {"--follow=yes"},
           "--follow: \"yes\" is not allowed, this option takes no value"},
          {"twice", {"-o", "a", "--output", "b"}, "--output stands twice, and one FILE is allowed"},
          {"two that exclude each other", {"--alone", "-f"}, "--follow does not go with --alone"},
      },
      true);
}

TEST(Usage, WithWords) {
  expect_mistakes(
      {
          {"in any order", {"a", "--to", "x"}, ""},
          {"standard input", {"--to", "x", "-"}, ""},
          {"a name like an option", {"--to", "x", "--", "-f"}, ""},
          {"help alone", {"-h"}, ""},
          {"no word", {"--to", "x"}, "FILE is missing: the first"},
          {"no option that is needed", {"a"}, "--to FORMAT is missing: the format"},
          {"one too many",
           {"a", "b", "--to", "x"},
           "\"b\" is one word too many, FILE is all that is allowed"},
          {"an empty word", {"", "--to", "x"}, "\"\" is not allowed, FILE is empty"},
          {"the word behind a list is no more of it", {"--to", "x", "-p", "1", "a"}, ""},
      },
      false);
}

}  // namespace
}  // namespace sysnare::cli
