#include "record/ebpf/module_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cstring>
#include <filesystem>

#include "base/file.h"
#include "base/text.h"

namespace sysnare {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr unsigned kMinorBits = 20;

TEST(ModuleFiles, ReadsTheMountsOfTheKernel) {
  struct Case {
    const char* why;
    const char* line;
    std::size_t mounts;
    std::uint32_t device;
    std::string root;
    std::string path;
  };
  const Case cases[] = {
      {"the root", "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n", 1, 254u << kMinorBits, "/",
       "/"},
      {"a folder bound elsewhere", "90 22 0:41 /a /mnt/b rw - tmpfs none rw\n", 1, 41, "/a",
       "/mnt/b"},
      {"blanks are escaped", "1 2 0:1 / /a\\040b\\134 rw - tmpfs none rw\n", 1, 1, "/", "/a b\\"},
      {"a half escape stays", "1 2 0:1 / /a\\04 rw - tmpfs none rw\n", 1, 1, "/", "/a\\04"},
      {"too few fields", "1 2 0:1 /\n", 0, 0, "", ""},
      {"no device", "1 2 x:1 / / rw\n", 0, 0, "", ""},
      {"a minor number that is none", "1 2 0:1048576 / / rw\n", 0, 0, "", ""},
      {"nothing", "", 0, 0, "", ""},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const std::vector<MountPoint> mounts = parse_mountinfo(c.line);
    ASSERT_THAT(mounts, SizeIs(c.mounts));
    if (mounts.empty()) continue;
    EXPECT_EQ(mounts.front().device, c.device);
    EXPECT_EQ(mounts.front().root, c.root);
    EXPECT_EQ(mounts.front().path, c.path);
  }
}

/// The event of `path`, which lies at `below` in its file system.
sysnare_module_event event_of(const struct stat& file, std::string_view below) {
  sysnare_module_event event{};
  event.inode = file.st_ino;
  event.device = major(file.st_dev) << kMinorBits | minor(file.st_dev);
  auto names = split(below.substr(1), '/');
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    std::memcpy(event.names[event.depth++], name->data(), name->size());
  }
  return event;
}

TEST(ModuleFiles, FindsAFileOnlyWhereItIsTheSame) {
  const std::string path = std::filesystem::canonical("/proc/self/exe").string();
  struct stat file {};
  ASSERT_EQ(::stat(path.c_str(), &file), 0);
  const std::uint32_t device = major(file.st_dev) << kMinorBits | minor(file.st_dev);
  const Result<std::string> text = read_file("/proc/self/mountinfo");
  ASSERT_TRUE(text.has_value());
  std::string below;
  for (const MountPoint& mount : parse_mountinfo(*text)) {
    const std::string folder = mount.path == "/" ? "" : mount.path;
    if (mount.device != device || !path.starts_with(folder + "/")) continue;
    below = (mount.root == "/" ? "" : mount.root) + path.substr(folder.size());
  }
  if (below.empty()) GTEST_SKIP() << "stat(2) shows another device here than the mounts (btrfs)";

  const sysnare_place place{file.st_ino, 0x1002, device, SYSNARE_PLACE_FILE};
  ModuleFiles files;
  files.add(event_of(file, below));
  const Site site = files.site_of(place);
  EXPECT_EQ(site.module, path);
  EXPECT_NE(site.module_key, "");
#if defined(__x86_64__)
  EXPECT_EQ(site.offset, 0x1000u);
#elif defined(__aarch64__)
  EXPECT_EQ(site.offset, 0x0ffeu);
#endif

  ModuleFiles replaced;
  sysnare_module_event event = event_of(file, below);
  ++event.inode;
  replaced.add(event);
  sysnare_place other = place;
  ++other.inode;
  const Site gone = replaced.site_of(other);
  EXPECT_EQ(gone.module, below) << "a name, so that a person may guess";
  EXPECT_EQ(gone.module_key, "") << "but another file is not taken for it";

  ModuleFiles untold;
  EXPECT_THAT(untold.site_of(place).module, HasSubstr(std::to_string(file.st_ino)));
}

TEST(ModuleFiles, MemoryWithoutAFileHasNoAddress) {
  ModuleFiles files;
  const Site site = files.site_of({0, 0x7f0000001234, 0, SYSNARE_PLACE_ANONYMOUS});
  EXPECT_EQ(site.module, "[anon]");
  EXPECT_EQ(site.offset, 0u);
  EXPECT_EQ(files.site_of({0, 0x1002, 0, SYSNARE_PLACE_VDSO}).module, "[vdso]");
}

}  // namespace
}  // namespace sysnare
