// sysnare trace --save-every: what is on the disk when sysnare is killed in the midst of a
// recording.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "harness.h"
#include "processes.h"

namespace sysnare::live {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;
using Words = std::vector<std::string>;

Json parsed(const std::string& text) { return Json::parse(text, nullptr, false); }

/// Each save is a new file.
ino_t inode_of(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? info.st_ino : 0;
}

std::uint64_t calls_of(const Json& evidence, const std::string& name) {
  std::uint64_t sum = 0;
  if (!evidence.is_object()) return 0;
  for (const Json& call : evidence["calls"]) {
    if (call["name"] == name) sum += call["count"].get<std::uint64_t>();
  }
  return sum;
}

class Saving : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (GetParam() == std::string("ebpf") &&
        sysnare({"trace", "--recorder", "ebpf", "--", "true"}).status != 0) {
      GTEST_SKIP() << "this user or kernel takes no eBPF programs of ours";
    }
  }
  [[nodiscard]] Words words(const Words& options, const Words& command) const {
    Words all = {sysnare_path(), "trace", "--recorder",   GetParam(),
                 "-o",           file(),  "--save-every", "1"};
    all.insert(all.end(), options.begin(), options.end());
    all.emplace_back("--");
    all.insert(all.end(), command.begin(), command.end());
    return all;
  }
  [[nodiscard]] std::string file() const { return dir_ / "e.json"; }
  [[nodiscard]] Json saved() const { return parsed(slurp(file())); }

  TempDir dir_;
};

TEST_P(Saving, AKillLosesNoMoreThanSinceTheLastSave) {
  const std::string progress = dir_ / "progress";
  // It outlives its tracer, and ends when this folder does.
  const std::string script = "while [ -e " + progress + " ]; do cd /; echo x; done >> " + progress;
  Background tracer(words({}, {"sh", "-c", script}));
  ASSERT_TRUE(eventually([&] { return exists(file()) && !slurp(progress).empty(); }))
      << tracer.err_so_far();
  const std::uint64_t steps = slurp(progress).size() / 2;
  // The save after the next begins later than now.
  for (int i = 0; i < 2; ++i) {
    const ino_t before = inode_of(file());
    ASSERT_TRUE(eventually([&] { return inode_of(file()) != before; }));
  }
  tracer.signal(SIGKILL);
  tracer.wait();
  const Json evidence = saved();
  ASSERT_TRUE(evidence.is_object()) << "a whole file";
  EXPECT_GE(calls_of(evidence, "chdir"), steps);
  EXPECT_GT(steps, 0u);
  EXPECT_EQ(evidence["lost"], 0);
  EXPECT_EQ(evidence["recorder"], GetParam());
  EXPECT_THAT(evidence["notes"].dump(), HasSubstr("had not ended"));
  // It makes a profile, which says so.
  const Outcome made = sysnare({"profile", file(), "-o", dir_ / "p.json"});
  EXPECT_EQ(made.status, 0) << made.err;
  EXPECT_THAT(made.err, HasSubstr("had not ended"));
  // The program went on.
  const std::size_t so_far = slurp(progress).size();
  EXPECT_TRUE(eventually([&] { return slurp(progress).size() > so_far; }));
}

/// What a program did before it fell silent is saved although no further call wakes us.
TEST_P(Saving, ASilentProgramIsSavedToo) {
  Background tracer(words({}, {"sh", "-c", "cd /; cd /; exec sleep 1000"}));
  EXPECT_TRUE(eventually([&] { return calls_of(saved(), "chdir") == 2; })) << tracer.err_so_far();
  tracer.signal(SIGTERM);
  EXPECT_EQ(tracer.wait().status, 128 + SIGTERM);
  EXPECT_THAT(saved()["notes"].dump(), Not(HasSubstr("had not ended"))) << "it has";
}

TEST_P(Saving, ARunningProcessIsSavedToo) {
  if (!may_attach()) GTEST_SKIP() << kMayNotAttach;
  Background process({"sh", "-c", "while :; do cd /; done"});
  Background tracer({sysnare_path(), "trace", "--recorder", GetParam(), "-o", file(),
                     "--save-every", "1", "-p", std::to_string(process.pid())});
  EXPECT_TRUE(eventually([&] { return calls_of(saved(), "chdir") > 0; })) << tracer.err_so_far();
  tracer.signal(SIGKILL);
  tracer.wait();
  EXPECT_THAT(saved()["notes"].dump(), HasSubstr("had not ended"));
}

TEST_P(Saving, ManyShortRunsAreAsSafeAsALongOne) {
  Background tracer(words({"--runs", "1000000"}, {"true"}));
  // That of the second is whole once a third has begun.
  ASSERT_TRUE(eventually([&] {
    const Json so_far = saved();
    return so_far.is_object() && so_far["runs"] > 2;
  })) << tracer.err_so_far();
  tracer.signal(SIGKILL);
  tracer.wait();
  const Json evidence = saved();
  ASSERT_TRUE(evidence.is_object());
  EXPECT_GT(evidence["runs"], 1);
  EXPECT_GT(calls_of(evidence, "exit_group"), 1u);
}

TEST_P(Saving, AFailureIsSaidOnceAndEndsNothing) {
  const std::string folder = dir_ / "folder";
  const std::string go = dir_ / "go";
  ASSERT_EQ(::mkdir(folder.c_str(), 0700), 0);
  // The place to save goes away, and comes back when it is told to.
  Background tracer({sysnare_path(), "trace", "--recorder", GetParam(), "-o", folder + "/e.json",
                     "--save-every", "1", "--", "sh", "-c",
                     // Until no save comes between.
                     "until rm -r " + folder + "; do :; done; until test -e " + go +
                         "; do sleep 0.1; done; mkdir " + folder});
  const std::string said = "the evidence so far cannot be saved: ";
  ASSERT_TRUE(eventually([&] { return tracer.err_so_far().find(said) != std::string::npos; }));
  // A second one fails meanwhile. Where it does not, this test asks for less.
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  dir_.write("go", "");
  const Outcome outcome = tracer.wait();
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.err.rfind(said), outcome.err.find(said)) << "once";
  EXPECT_GE(calls_of(parsed(slurp(folder + "/e.json")), "mkdir"), 1u);
}

INSTANTIATE_TEST_SUITE_P(Live, Saving, ::testing::Values("ptrace", "ebpf"),
                         [](const auto& tested) { return std::string(tested.param); });

}  // namespace
}  // namespace sysnare::live
