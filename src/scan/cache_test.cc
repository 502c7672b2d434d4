// What the cache gives back, and what it makes of files that are cut, changed or not ours.

#include "scan/cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/file.h"

namespace sysnare {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t kNow = 1'000'000'000'000'000'000;

class Folder {
 public:
  Folder() {
    std::string pattern = ::testing::TempDir() + "cacheXXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::unique_ptr<ScanCache> open_cache(const std::string& path) {
  Result<std::unique_ptr<ScanCache>> cache = ScanCache::open(path);
  EXPECT_TRUE(cache.has_value()) << cache.error().message;
  return std::move(*cache);
}

void keep(ScanCache& cache, const std::string& name, std::string_view text,
          std::uint32_t version = 1) {
  cache.keep(name, version, std::as_bytes(std::span(text)));
}

std::optional<std::string> load(const ScanCache& cache, const std::string& name,
                                std::uint32_t version = 1) {
  const std::optional<CachedFile> file = cache.load(name, version);
  if (!file) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(file->bytes.data()), file->bytes.size());
}

void write(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;  // quicker than what waits for the disk
}

FileStamp stamp(std::uint64_t ino, std::int64_t changed_ns = 5) {
  return {1, ino, 100, changed_ns, changed_ns};
}
ContentIdentity identity(char digit, std::string build_id = "ab") {
  return {std::string(64, digit), std::move(build_id)};
}

TEST(ScanCache, GivesBackWhatWasKeptByTheSameVersion) {
  const Folder folder;
  const auto cache = open_cache(folder.path() + "/a/b");
  keep(*cache, "x", "some bytes");
  EXPECT_EQ(load(*cache, "x"), "some bytes");
  EXPECT_EQ(load(*cache, "x", 2), std::nullopt) << "another version's";
  EXPECT_EQ(load(*cache, "y"), std::nullopt);
  keep(*cache, "x", "others", 2);
  EXPECT_EQ(load(*cache, "x", 2), "others") << "written anew";
  keep(*cache, "empty", "");
  EXPECT_EQ(load(*cache, "empty"), "");
  struct stat info {};
  ASSERT_EQ(::stat((folder.path() + "/a/b").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0700u);
  ASSERT_EQ(::stat((folder.path() + "/a/b/x").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  EXPECT_EQ(cache->trouble(), "");
}

TEST(ScanCache, IgnoresEveryCutAndEveryFlippedByte) {
  const Folder folder;
  const auto cache = open_cache(folder.path());
  keep(*cache, "x", "0123456789abcdef0123456789abcdef0123456789abc");
  const std::string path = folder.path() + "/x";
  const std::string whole = *read_file(path);
  for (std::size_t size = 0; size <= whole.size() + 1; ++size) {
    write(path, (whole + "z").substr(0, size));
    EXPECT_EQ(load(*cache, "x").has_value(), size == whole.size()) << size;
  }
  for (std::size_t at = 0; at < whole.size(); ++at) {
    if (at >= 12 && at < 16) continue;  // unused
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x10);
    write(path, flipped);
    EXPECT_EQ(load(*cache, "x"), std::nullopt) << at;
  }
  keep(*cache, "x", "anew");
  EXPECT_EQ(load(*cache, "x"), "anew");
}

TEST(ScanCache, TakesNothingThatOthersCanHaveWritten) {
  const Folder folder;
  const auto cache = open_cache(folder.path());
  keep(*cache, "x", "bytes");
  ASSERT_EQ(::chmod((folder.path() + "/x").c_str(), 0622), 0);
  EXPECT_EQ(load(*cache, "x"), std::nullopt) << "a file that others can write to";
  keep(*cache, "x", "bytes");
  EXPECT_EQ(load(*cache, "x"), "bytes") << "replaced";
  std::filesystem::create_symlink(folder.path() + "/x", folder.path() + "/link");
  EXPECT_EQ(load(*cache, "link"), std::nullopt) << "a link";
  ASSERT_EQ(::mkfifo((folder.path() + "/pipe").c_str(), 0600), 0);
  EXPECT_EQ(load(*cache, "pipe"), std::nullopt) << "no regular file";

  for (const mode_t mode : {0720u, 0702u, 0777u}) {
    ASSERT_EQ(::chmod(folder.path().c_str(), mode), 0);
    const auto refused = ScanCache::open(folder.path());
    ASSERT_FALSE(refused.has_value()) << mode;
    EXPECT_THAT(refused.error().message, HasSubstr("others can write to the cache directory"));
  }
  ASSERT_EQ(::chmod(folder.path().c_str(), 0700), 0);
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(folder.path().c_str(), 12345, 12345), 0);
  }
  const auto foreign = ScanCache::open(::geteuid() == 0 ? folder.path() : std::string("/usr"));
  ASSERT_FALSE(foreign.has_value());
  EXPECT_THAT(foreign.error().message, HasSubstr("the cache directory belongs to uid"));
  EXPECT_FALSE(ScanCache::open(folder.path() + "/x/y").has_value()) << "below a file";
  EXPECT_FALSE(ScanCache::open("").has_value());
}

TEST(ScanCache, RemembersFilesThatHaveSettled) {
  const Folder folder;
  struct Case {
    const char* why;
    FileStamp stamp;
    ContentIdentity identity;
    bool remembered;
  };
  const std::vector<Case> cases = {
      {"old", stamp(1), identity('a'), true},
      {"Go's build id", stamp(2), identity('b', "go:" + std::string(83, 'x')), true},
      {"no build id", stamp(3), identity('c', ""), true},
      {"changed just now", stamp(4, kNow - 1'000'000'000), identity('d'), false},
      {"changed in the future", stamp(5, kNow + 1), identity('e'), false},
      {"a build id past what the index holds", stamp(6), identity('f', std::string(161, 'x')),
       false},
      {"no SHA-256", stamp(7), {"", "ab"}, false},
  };
  {
    const auto cache = open_cache(folder.path());
    for (const Case& c : cases) cache->remember(c.stamp, c.identity, kNow);
    cache->flush();
    EXPECT_EQ(cache->trouble(), "");
  }
  const auto cache = open_cache(folder.path());
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const auto found = cache->identity(c.stamp);
    EXPECT_EQ(found.has_value(), c.remembered);
    EXPECT_TRUE(!found || *found == c.identity);
  }
  FileStamp other = stamp(1);
  other.ctime_ns += 1;
  EXPECT_FALSE(cache->identity(other).has_value()) << "changed since";
}

TEST(ScanCache, ADamagedIndexLosesWhatIsDamagedAndIsWrittenAnew) {
  const Folder folder;
  const std::string path = folder.path() + "/index";
  {
    const auto cache = open_cache(folder.path());
    cache->remember(stamp(1), identity('a'), kNow);
    cache->remember(stamp(2), identity('b'), kNow);
    cache->flush();
  }
  const std::string whole = *read_file(path);
  const std::size_t record = whole.size() / 2;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    write(path, whole.substr(0, size));
    const auto cache = open_cache(folder.path());
    EXPECT_EQ(cache->identity(stamp(1)).has_value(), size >= record) << size;
    EXPECT_FALSE(cache->identity(stamp(2)).has_value()) << size;
  }
  for (std::size_t at = 0; at < 280; ++at) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ 1);
    write(path, flipped);
    const auto cache = open_cache(folder.path());
    EXPECT_FALSE(cache->identity(stamp(1)).has_value()) << at;
    EXPECT_TRUE(cache->identity(stamp(2)).has_value()) << at;
  }
  write(path, whole.substr(0, whole.size() - 1));
  for (int round = 0; round < 2; ++round) {
    const auto cache = open_cache(folder.path());
    cache->remember(stamp(3), identity('c'), kNow);
    cache->flush();
    EXPECT_EQ(read_file(path)->size(), record) << "begun anew, then left as it is";
  }
}

TEST(ScanCache, WritersAtOnceLoseNothing) {
  const Folder folder;
  constexpr std::uint64_t kWriters = 8;
  constexpr std::uint64_t kEach = 50;
  std::vector<std::thread> threads;
  for (std::uint64_t writer = 0; writer < kWriters; ++writer) {
    threads.emplace_back([&, writer] {
      const auto cache = open_cache(folder.path());
      for (std::uint64_t i = 0; i < kEach; ++i) {
        cache->remember(stamp(writer * kEach + i), identity('a'), kNow);
        keep(*cache, "shared", std::string(4096, static_cast<char>('a' + writer)));
        const auto read = load(*cache, "shared");
        ASSERT_TRUE(read.has_value()) << "always whole";
        EXPECT_EQ(*read, std::string(4096, read->front()));
      }
      cache->flush();
      EXPECT_EQ(cache->trouble(), "");
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto cache = open_cache(folder.path());
  for (std::uint64_t i = 0; i < kWriters * kEach; ++i) {
    EXPECT_TRUE(cache->identity(stamp(i)).has_value()) << i;
  }
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    files += entry.is_regular_file() ? 1 : 0;
  }
  EXPECT_EQ(files, 2u) << "index and the shared one: no temporary file stays";
}

TEST(ScanCache, KnowsItsDefaultPlace) {
  struct Case {
    const char* why;
    bool root;
    const char* xdg;
    const char* home;
    std::optional<std::string> path;
  };
  const Case cases[] = {
      {"root", true, "/x", "/home/u", "/var/cache/sysnare/scan"},
      {"XDG", false, "/x", "/home/u", "/x/sysnare/scan"},
      {"a relative one is ignored", false, "x", "/home/u", "/home/u/.cache/sysnare/scan"},
      {"home", false, nullptr, "/home/u", "/home/u/.cache/sysnare/scan"},
      {"neither", false, "", nullptr, std::nullopt},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(default_cache_directory(c.root, c.xdg, c.home), c.path) << c.why;
  }
}

TEST(ScanCache, SaysWhyItCannotKeep) {
  const Folder folder;
  const auto cache = open_cache(folder.path());
  std::filesystem::create_directory(folder.path() + "/x");
  keep(*cache, "x", "bytes");
  EXPECT_THAT(cache->trouble(), HasSubstr(folder.path() + "/x"));
  ScanCache none;
  keep(none, "x", "bytes");
  none.remember(stamp(1), identity('a'), kNow);
  EXPECT_FALSE(none.identity(stamp(1)).has_value());
  none.flush();
  EXPECT_EQ(none.trouble(), "");
}

}  // namespace
}  // namespace sysnare
