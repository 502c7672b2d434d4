// What `convert --to` and `profile --to` write, read by the programs it is written for: systemd,
// bubblewrap, firejail, runc and crun.
//
// A program that is not there is skipped by name. A unit, firejail and bundles need root.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "engines.h"
#include "sandboxes.h"
#include "user_manager.h"

namespace sysnare::live {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// Refuses mkdir and chdir, allows all else; of one ABI, so that every format can say it.
constexpr const char* kDenyDir = R"({"defaultAction": "SCMP_ACT_ALLOW",
    "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [
    {"names": ["mkdir", "mkdirat", "chdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 30}]})";
constexpr const char* kReadOnlyFs = "Read-only file system";  // errno 30, which no one else answers

std::string converted(const TempDir& folder, const std::string& format,
                      const std::string& profile) {
  const std::string out = folder / (format + ".out");
  const Outcome done = sysnare({"convert", "--to", format, profile, "-o", out});
  EXPECT_EQ(done.status, 0) << done.err;
  return out;
}

/// The profile that allows just what `argv` does, in `format`.
std::string learned(const TempDir& folder, const std::string& format,
                    const std::vector<std::string>& options, const std::vector<std::string>& argv) {
  const std::string out = folder / ("learned." + format);
  std::vector<std::string> words = {"profile", "--runs", "3", "--to", format, "-o", out};
  words.insert(words.end(), options.begin(), options.end());
  words.emplace_back("--");
  words.insert(words.end(), argv.begin(), argv.end());
  const Outcome done = sysnare(words);
  EXPECT_EQ(done.status, 0) << done.err;
  return out;
}

/// `line` (options of firejail) and then `command`, by a shell, as the line is meant to be used.
/// Behind `--` firejail would start bash first, under the filter.
Outcome by_shell(const std::string& line, const std::string& command) {
  return run(
      with_own_etc({"/bin/sh", "-c", line.substr(0, line.find('\n')) + " --quiet " + command}));
}

TEST(SystemdDropIn, VerifyHasNothingToSay) {
  if (!have_program("systemd-analyze")) GTEST_SKIP() << "no systemd-analyze";
  TempDir folder;
  const std::string unit =
      folder.write("hello.service", "[Service]\nType=oneshot\nExecStart=/bin/true\n");
  std::filesystem::create_directory(folder / "hello.service.d");
  const std::string drop_in = folder / "hello.service.d/50-seccomp.conf";
  const auto verify = [&] { return run({"systemd-analyze", "verify", unit}); };
  int seen = 0;
  for (const auto& file : std::filesystem::directory_iterator(source_file("tests/profiles"))) {
    if (file.path().extension() != ".json") continue;
    SCOPED_TRACE(file.path());
    const Outcome done = sysnare({"convert", "--to", "systemd", file.path(), "-o", drop_in});
    ASSERT_EQ(done.status, 0) << done.err;
    const Outcome verified = verify();
    EXPECT_EQ(verified.status, 0);
    EXPECT_EQ(verified.err, "");
    ++seen;
  }
  EXPECT_GE(seen, 6);
  // That silence means something: a call that it does not know makes it speak, with status 0.
  folder.write("hello.service.d/60-wrong.conf", "[Service]\nSystemCallFilter=no_such_call\n");
  EXPECT_THAT(verify().err, HasSubstr("no_such_call"));
}

/// Runs hello.service of `folder` under a manager of the test's own.
Outcome start_unit(const TempDir& folder) {
  const UserManager manager(folder);
  const std::string units = folder / UserManager::units();
  std::filesystem::create_directories(units + "/hello.service.d");
  for (const std::string name : {"hello.service", "hello.service.d/50-seccomp.conf"}) {
    std::filesystem::copy(folder / name, units + "/" + name,
                          std::filesystem::copy_options::overwrite_existing);
  }
  return run(manager.running(R"(systemctl --user start hello.service
echo "started $?"
systemctl --user show hello.service -p Result
)"));
}

TEST(SystemdUnit, RunsUnderWhatWasWritten) {
  if (const std::string why = why_no_user_manager(); !why.empty()) GTEST_SKIP() << why;
  const std::vector<std::string> command = {"/bin/cat", "/proc/self/status"};
  TempDir folder;
  std::filesystem::create_directory(folder / "hello.service.d");
  const std::string out = folder / "out";
  folder.write("hello.service",
               "[Service]\nType=oneshot\nExecStart=/bin/cat /proc/self/status\n"
               "StandardOutput=file:" +
                   out + "\n");
  const std::string drop_in = folder / "hello.service.d/50-seccomp.conf";
  std::filesystem::copy(learned(folder, "systemd", {"--runtime", "systemd"}, command), drop_in);
  const Outcome started = start_unit(folder);
  EXPECT_THAT(started.out, HasSubstr("started 0\nResult=success\n"))
      << started.err << slurp(folder / "manager.log") << slurp(drop_in);
  EXPECT_THAT(slurp(out), HasSubstr("Seccomp:\t2"));

  // And the filter refuses: the same unit without `openat`, which cat cannot do without.
  std::string without = slurp(drop_in);
  const std::size_t at = without.find(" openat ");
  ASSERT_NE(at, std::string::npos) << without;
  folder.write("hello.service.d/50-seccomp.conf", without.erase(at, 7));
  const Outcome refused = start_unit(folder);
  EXPECT_THAT(refused.out, HasSubstr("Result=exit-code")) << refused.err;
}

TEST(SystemdUnit, AnswersTheErrnoOfADenyList) {
  if (const std::string why = why_no_user_manager(); !why.empty()) GTEST_SKIP() << why;
  TempDir folder;
  std::filesystem::create_directory(folder / "hello.service.d");
  const std::string out = folder / "out";
  folder.write("hello.service", "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'mkdir " +
                                    (folder / "made") + " 2>&1; true'\nStandardOutput=file:" + out +
                                    "\n");
  std::filesystem::copy(converted(folder, "systemd", folder.write("p.json", kDenyDir)),
                        folder / "hello.service.d/50-seccomp.conf");
  const Outcome started = start_unit(folder);
  EXPECT_THAT(started.out, HasSubstr("started 0\nResult=success\n"))
      << started.err << slurp(folder / "manager.log");
  EXPECT_THAT(slurp(out), HasSubstr(kReadOnlyFs));
  EXPECT_FALSE(std::filesystem::exists(folder / "made"));
}

Outcome in_bwrap(const std::string& filter, const std::string& command) {
  return run(
      {"/bin/bash", "-c", "exec bwrap --dev-bind / / --seccomp 9 " + command + " 9<" + filter});
}

TEST(Bubblewrap, LoadsTheBytes) {
  if (const std::string why = why_no_bwrap(); !why.empty()) GTEST_SKIP() << why;
  TempDir folder;
  // bwrap execs under the filter, as systemd does.
  const std::string tight =
      learned(folder, "filter", {"--runtime", "systemd"}, {"/bin/cat", "/proc/self/status"});
  const Outcome allowed = in_bwrap(tight, "/bin/cat /proc/self/status");
  EXPECT_EQ(allowed.status, 0) << allowed.err;
  EXPECT_THAT(allowed.out, HasSubstr("Seccomp:\t2"));
  EXPECT_NE(in_bwrap(tight, "/bin/mkdir " + (folder / "made")).status, 0);
  const std::string deny = converted(folder, "filter", folder.write("p.json", kDenyDir));
  const Outcome refused = in_bwrap(deny, "/bin/mkdir " + (folder / "made"));
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.err, HasSubstr(kReadOnlyFs));
  EXPECT_FALSE(std::filesystem::exists(folder / "made"));
}

TEST(Firejail, TheLineStartsTheProgram) {
  if (const std::string why = why_no_firejail(); !why.empty()) GTEST_SKIP() << why;
  TempDir folder;
  const std::string line = slurp(
      learned(folder, "firejail", {"--runtime", "firejail"}, {"/bin/cat", "/proc/self/status"}));
  const Outcome allowed = by_shell(line, "/bin/cat /proc/self/status");
  EXPECT_EQ(allowed.status, 0) << allowed.err << line;
  EXPECT_THAT(allowed.out, HasSubstr("Seccomp:\t2"));
  EXPECT_NE(by_shell(line, "/bin/mkdir " + (folder / "made")).status, 0);
  EXPECT_FALSE(std::filesystem::exists(folder / "made"));
  const std::string deny = slurp(converted(folder, "firejail", folder.write("p.json", kDenyDir)));
  const Outcome refused = by_shell(deny, "/bin/mkdir " + (folder / "made"));
  EXPECT_EQ(refused.status, 1) << deny;
  EXPECT_THAT(refused.err, HasSubstr(kReadOnlyFs));
}

TEST(CArray, CompilesAndRefuses) {
  if (!have_program("cc")) GTEST_SKIP() << "no cc";
  TempDir folder;
  const std::string source =
      slurp(converted(folder, "c", folder.write("deny.json", kDenyDir))) + R"(
#include <stdio.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(int argc, char **argv) {
  if (argc < 2 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 2;
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &deny_program) != 0) return 3;
  if (mkdir(argv[1], 0700) != 0) perror("mkdir");
  return 0;
}
)";
  const std::string file = folder.write("filter.c", source);
  const Outcome built = run({"cc", "-Wall", "-Wextra", "-Werror", "-o", folder / "filter", file});
  ASSERT_EQ(built.status, 0) << built.err << source;
  const Outcome done = run({folder / "filter", folder / "made"});
  EXPECT_EQ(done.status, 0);
  EXPECT_THAT(done.err, HasSubstr(kReadOnlyFs));
}

/// What went through another program's format and back is still a bundle's profile.
class Bundles : public ::testing::TestWithParam<const char*> {};

TEST_P(Bundles, ReadWhatCameBackFromOtherFormats) {
  Engines engines;
  Engine* engine = engines.get(GetParam());
  if (engine == nullptr) GTEST_SKIP() << engines.why_not(GetParam());
  TempDir folder;
  const std::string profile = folder.write("p.json", kDenyDir);
  for (const char* format : {"k8s", "systemd", "filter", "oci"}) {
    SCOPED_TRACE(format);
    const std::string oci = folder / "back.json";
    const Outcome back = sysnare({"convert", converted(folder, format, profile), "-o", oci});
    ASSERT_EQ(back.status, 0) << back.err;
    const Outcome done = engine->start({"/bin/sh", "-c", "mkdir /made; echo alive"}, {oci, true});
    EXPECT_THAT(done.out + done.err, HasSubstr(kReadOnlyFs));
    EXPECT_THAT(done.out, HasSubstr("alive"));
  }
}
INSTANTIATE_TEST_SUITE_P(Runtimes, Bundles, ::testing::Values("runc", "crun"));

TEST(ConvertFormats, WhatAFormatCannotSayWritesNothingUnlessLossy) {
  TempDir folder;
  const std::string profile = folder.write("p.json", R"({"defaultAction": "SCMP_ACT_ERRNO",
    "syscalls": [{"names": ["personality"], "action": "SCMP_ACT_ALLOW",
                  "args": [{"index": 0, "value": 0, "op": "SCMP_CMP_EQ"}]}]})");
  const std::string out = folder.write("out", "old");
  const Outcome strict = sysnare({"convert", "--to", "systemd", profile, "-o", out});
  EXPECT_EQ(strict.status, 3);
  EXPECT_THAT(strict.err, HasSubstr("p.json:2: syscalls[0]: personality: systemd cannot look at "
                                    "arguments"));
  EXPECT_EQ(std::count(strict.err.begin(), strict.err.end(), '\n'), 1) << strict.err;
  EXPECT_EQ(slurp(out), "old");
  const Outcome lossy = sysnare({"convert", "--to", "systemd", "--lossy", profile, "-o", out});
  EXPECT_EQ(lossy.status, 0);
  EXPECT_THAT(lossy.err, HasSubstr("warning: "));
  EXPECT_THAT(slurp(out), HasSubstr("[Service]"));
  EXPECT_THAT(slurp(out), Not(HasSubstr("personality")));
  EXPECT_EQ(sysnare({"convert", "--to", "sytemd", profile}).status, 2);
  EXPECT_EQ(sysnare({"convert", "--from", "kafel", profile}).status, 2);
}

}  // namespace
}  // namespace sysnare::live
