#include "record/program.h"

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/file.h"

namespace sysnare {
namespace {

namespace fs = std::filesystem;

TEST(IdentifyProgram, KeepsTheNameOfAProgramWhoseFileIsGone) {
  std::string folder = fs::canonical("/tmp").string() + "/sysnare-program-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const std::string path = folder + "/sleeper";
  fs::copy_file("/bin/sleep", path);
  char name[] = "sleeper";
  char seconds[] = "60";
  char* argv[] = {name, seconds, nullptr};
  pid_t pid = 0;
  // Returns once the child has executed the file: it is made by vfork.
  ASSERT_EQ(::posix_spawn(&pid, path.c_str(), nullptr, nullptr, argv, environ), 0);
  fs::remove_all(folder);

  const ProgramIdentity program = identify_program(fmt::format("/proc/{}/exe", pid));
  EXPECT_EQ(program.path, path);
  EXPECT_EQ(program.sha256, sha256_file("/bin/sleep").value()) << "the kernel still has the file";
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}

}  // namespace
}  // namespace sysnare
