// Trees and libraries that the tests make, and the programs of this machine as ld.so itself loads
// them.

#include "elf/closure.h"

#include <elf.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <map>
#include <set>

#include "base/file.h"
#include "base/text.h"
#include "elf/elf_builder.h"
#include "elf/identity.h"
#include "elf/library_cache.h"

namespace sysnare {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Tree : public ::testing::Test {
 protected:
  Tree() { EXPECT_NE(::mkdtemp(folder_), nullptr); }
  ~Tree() override { fs::remove_all(folder_); }
  /// Makes a file of these bytes, and its folders.
  void file(const std::string& path, const std::string& bytes) const {
    const fs::path full = folder_ + path;
    fs::create_directories(full.parent_path());
    ASSERT_TRUE(write_file_atomic(full.string(), bytes));
  }
  void link(const std::string& path, const std::string& target) const {
    const fs::path full = folder_ + path;
    fs::create_directories(full.parent_path());
    fs::create_symlink(target, full);
  }
  void library(const std::string& path, std::uint16_t machine = EM_X86_64) const {
    file(path, ElfBuilder(ET_DYN, machine).build());
  }
  [[nodiscard]] FileTree tree() const {
    Result<FileTree> made = FileTree::directory(folder_);
    EXPECT_TRUE(made);
    return std::move(*made);
  }
  char folder_[32] = "/tmp/sysnare-closure-XXXXXX";
};

TEST_F(Tree, StaysInside) {
  file("/etc/hostname", "inside\n");
  link("/absolute", "/etc/hostname");
  link("/up", "../../../../../etc/hostname");
  link("/etc/loop", "loop");
  link("/lib", "usr/lib");
  file("/usr/lib/x", "x");
  ASSERT_EQ(::mkfifo((std::string(folder_) + "/fifo").c_str(), 0600), 0);
  const FileTree tree = this->tree();
  EXPECT_FALSE(tree.is_host());
  for (const char* path : {"/etc/hostname", "/absolute", "/up", "/../../etc/hostname"}) {
    SCOPED_TRACE(path);
    Result<std::string> text = tree.read(path, 100);
    ASSERT_TRUE(text) << text.error().message;
    EXPECT_EQ(*text, "inside\n");
    EXPECT_EQ(tree.resolve(path).value_or(""), "/etc/hostname");
  }
  EXPECT_EQ(tree.resolve("/lib/x").value_or(""), "/usr/lib/x");
  EXPECT_EQ(tree.resolve("/..").value_or(""), "/");
  EXPECT_THAT(tree.list("/etc"), ElementsAre("hostname", "loop"));
  EXPECT_THAT(tree.list("/none"), IsEmpty());

  struct Case {
    const char* path;
    Errc code;
  };
  for (const Case& c : {Case{"/proc/self/exe", Errc::kNotFound}, Case{"/etc/loop", Errc::kNotFound},
                        Case{"/etc/hostname/x", Errc::kNotFound}, Case{"/etc", Errc::kBadInput},
                        Case{"/fifo", Errc::kBadInput}}) {
    SCOPED_TRACE(c.path);
    Result<Fd> opened = tree.open(c.path);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, c.code);
    EXPECT_THAT(opened.error().message, HasSubstr(c.path));
  }
  Result<std::string> limited = tree.read("/etc/hostname", 6);
  ASSERT_FALSE(limited);
  EXPECT_EQ(limited.error().code, Errc::kLimit);
  EXPECT_FALSE(FileTree::directory(std::string(folder_) + "/none"));
}

/// An ld.so.cache: name, path, flags, hwcap.
struct Cached {
  const char* name;
  const char* path;
  std::uint32_t flags = 0x0303;
  std::uint64_t hwcap = 0;
};
std::string cache_of(const std::vector<Cached>& entries) {
  const auto half = [](std::uint64_t value) { return bytes_of(static_cast<std::uint32_t>(value)); };
  std::string rows;
  std::string texts;
  const std::uint64_t texts_at = 48 + entries.size() * 24;
  for (const Cached& each : entries) {
    rows += half(each.flags) + half(texts_at + texts.size());
    texts += std::string(each.name) + '\0';
    rows += half(texts_at + texts.size()) + half(0) + bytes_of(each.hwcap);
    texts += std::string(each.path) + '\0';
  }
  return "glibc-ld.so.cache1.1" + half(entries.size()) + half(texts.size()) + "\2" +
         std::string(19, '\0') + rows + texts;
}

TEST(LibraryCache, KnowsTheLibrariesOfOneMachine) {
  const std::string cache = cache_of({{"liba.so", "/x/liba.so"},
                                      {"liba.so", "/y/liba.so"},
                                      {"libb.so", "/i386/libb.so", 0x0003},
                                      {"libb.so", "/arm/libb.so", 0x0a03},
                                      {"libc.so", "/old/libc.so", 0x0303, 4},
                                      {"libc.so", "/new/libc.so", 0x0303, 1ull << 62}});
  const auto libraries = read_library_cache(cache, EM_X86_64);
  ASSERT_EQ(libraries.size(), 2u);
  EXPECT_THAT(libraries.at("liba.so"), ElementsAre("/x/liba.so", "/y/liba.so"));
  EXPECT_THAT(libraries.at("libc.so"), ElementsAre("/new/libc.so"));
  EXPECT_THAT(read_library_cache(cache, EM_AARCH64).at("libb.so"), ElementsAre("/arm/libb.so"));

  // Behind a cache of the older kind with one entry.
  const std::string old =
      "ld.so-1.7.0" + std::string(1, '\0') + bytes_of(std::uint32_t{1}) + std::string(16, '\0');
  EXPECT_EQ(read_library_cache(old + cache, EM_X86_64), libraries);
  for (std::size_t size = 0; size < cache.size(); ++size) {
    EXPECT_LE(read_library_cache(cache.substr(0, size), EM_X86_64).size(), 2u);
  }
  std::string many = cache;
  many.replace(20, 4, bytes_of(UINT32_MAX));
  EXPECT_LE(read_library_cache(many, EM_X86_64).size(), 2u);
}

TEST_F(Tree, LibrariesAreFoundInTheOrderOfLdSo) {
  for (const char* path :
       {"/cached/liba.so", "/lib/x86_64-linux-gnu/liba.so", "/lib/x86_64-linux-gnu/libd.so",
        "/usr/lib64/libe.so", "/opt/app/lib/liba.so", "/opt/r/liba.so", "/opt/app/lib/libd.so",
        "/opt/app/lib64/libl.so", "/opt/app/x86_64/libp.so"}) {
    library(path);
  }
  library("/opt/app/bin/app");
  library("/opt/arm/libd.so", EM_AARCH64);
  file("/opt/text/libd.so", "INPUT(libd.so.1)");
  file("/etc/ld.so.cache", cache_of({{"liba.so", "/cached/liba.so"}, {"libgone.so", "/gone"}}));
  file("/etc/ld.so.preload", "/x.so liby.so # z.so\n\tlibw.so:libv.so\n");
  const FileTree tree = this->tree();
  const LibrarySearch search(tree, EM_X86_64, false);
  struct Case {
    const char* why;
    const char* name;
    std::vector<std::string> rpath, runpath;
    std::optional<std::string> path;
  };
  const std::vector<std::string> none;
  const Case cases[] = {
      {"the cache before the defaults", "liba.so", none, none, "/cached/liba.so"},
      {"DT_RUNPATH before the cache",
       "liba.so",
       none,
       {"$ORIGIN/../lib"},
       "/opt/app/bin/../lib/liba.so"},
      {"in braces", "liba.so", none, {"${ORIGIN}/../lib"}, "/opt/app/bin/../lib/liba.so"},
      {"DT_RPATH too", "liba.so", {"/opt/r"}, none, "/opt/r/liba.so"},
      {"but not where there is DT_RUNPATH", "liba.so", {"/opt/r"}, {"/none"}, "/cached/liba.so"},
      {"a default directory", "libd.so", none, none, "/lib/x86_64-linux-gnu/libd.so"},
      {"those of other distributions", "libe.so", none, none, "/usr/lib64/libe.so"},
      {"another machine's is passed over",
       "libd.so",
       none,
       {"/opt/arm"},
       "/lib/x86_64-linux-gnu/libd.so"},
      {"and what is no ELF file",
       "libd.so",
       none,
       {"/opt/text", "/opt/app/lib"},
       "/opt/app/lib/libd.so"},
      {"$LIB", "libl.so", none, {"/opt/app/$LIB"}, "/opt/app/lib64/libl.so"},
      {"$PLATFORM", "libp.so", none, {"/opt/app/$PLATFORM"}, "/opt/app/x86_64/libp.so"},
      {"no token", "liba.so", none, {"$ORIGINAL/../lib", "/opt/app/$LIBX"}, "/cached/liba.so"},
      {"a relative directory is nobody's", "liba.so", none, {"opt/r"}, "/cached/liba.so"},
      {"a path", "/opt/r/liba.so", none, none, "/opt/r/liba.so"},
      {"a path by origin", "$ORIGIN/../lib/liba.so", none, none, "/opt/app/bin/../lib/liba.so"},
      {"in the cache and gone", "libgone.so", none, none, std::nullopt},
      {"nowhere", "libz.so", none, none, std::nullopt},
      {"no name", "", none, none, std::nullopt},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(search.find(c.name, "/opt/app/bin/app", c.rpath, c.runpath), c.path);
  }
  EXPECT_THAT(search.preloaded(), ElementsAre("/x.so", "liby.so", "libw.so", "libv.so"));
  EXPECT_THAT(search.expand({"$ORIGIN/a", "b"}, "/o/p"), ElementsAre("/o/a"));
}

TEST_F(Tree, OtherProcessorsMayTakeOtherFiles) {
  library("/usr/lib64/liba.so");
  library("/usr/lib64/glibc-hwcaps/x86-64-v9/liba.so");
  file("/etc/ld.so.cache",
       cache_of({{"liba.so", "/usr/lib64/glibc-hwcaps/x86-64-v9/liba.so", 0x0303, 1ull << 62},
                 {"liba.so", "/usr/lib64/liba.so"}}));
  const FileTree tree = this->tree();
  const LibrarySearch search(tree, EM_X86_64, false);
  EXPECT_EQ(search.find("liba.so", "/bin/x", {}, {}), "/usr/lib64/liba.so");
  EXPECT_THAT(search.for_other_processors("/usr/lib64/liba.so"),
              ElementsAre("/usr/lib64/glibc-hwcaps/x86-64-v9/liba.so"));
  EXPECT_THAT(search.for_other_processors("/usr/lib64/glibc-hwcaps/x86-64-v9/liba.so"),
              ElementsAre("/usr/lib64/liba.so"));
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2") == 0 || __builtin_cpu_supports("popcnt") == 0) return;
  library("/usr/lib64/glibc-hwcaps/x86-64-v2/libb.so");
  library("/usr/lib64/libb.so");
  EXPECT_EQ(search.find("libb.so", "/bin/x", {}, {}), "/usr/lib64/glibc-hwcaps/x86-64-v2/libb.so");
#endif
}

/// glibc has searched these up to 2.36, before the directory itself.
TEST_F(Tree, OldDirectoriesForProcessorsComeFirst) {
#if defined(__x86_64__)
  struct Case {
    const char* why;
    const char* file;
  };
  constexpr Case kCases[] = {
      {"the directory itself", "/opt/liba.so"},
      {"of the machine", "/opt/x86_64/liba.so"},
      {"with thread-local storage", "/opt/tls/liba.so"},
      {"both", "/opt/tls/x86_64/liba.so"},
  };
  for (const Case& c : kCases) {  // each comes before those above
    SCOPED_TRACE(c.why);
    library(c.file);
    const FileTree tree = this->tree();
    const LibrarySearch search(tree, EM_X86_64, false);
    EXPECT_EQ(search.find("liba.so", "/bin/x", {}, {"/opt"}), c.file);
  }
  library("/usr/lib64/libb.so");
  library("/usr/lib64/tls/libb.so");
  const FileTree tree = this->tree();
  const LibrarySearch search(tree, EM_X86_64, false);
  EXPECT_EQ(search.find("libb.so", "/bin/x", {}, {}), "/usr/lib64/tls/libb.so") << "by default";
#endif
}

TEST_F(Tree, MuslHasItsOwnDirectories) {
  for (const char* path : {"/lib/ld-musl-x86_64.so.1", "/usr/local/lib/liba.so", "/m/liba.so",
                           "/n/libb.so", "/r/liba.so"}) {
    library(path);
  }
  file("/etc/ld.so.cache", cache_of({{"liba.so", "/r/liba.so"}}));
  const FileTree tree = this->tree();
  const LibrarySearch plain(tree, EM_X86_64, true);
  EXPECT_EQ(plain.find("liba.so", "/bin/x", {}, {}), "/usr/local/lib/liba.so");
  EXPECT_EQ(plain.find("liba.so", "/bin/x", {"/r"}, {}), "/r/liba.so");
  for (const char* name : {"libc.musl-x86_64.so.1", "libc.so", "libpthread.so.0", "libm.so"}) {
    EXPECT_EQ(plain.find(name, "/bin/x", {}, {}), "/lib/ld-musl-x86_64.so.1") << name;
  }
  EXPECT_EQ(plain.find("libcrypto.so", "/bin/x", {}, {}), std::nullopt);
  file("/etc/ld-musl-x86_64.path", "/m\n/n\n");
  const LibrarySearch listed(tree, EM_X86_64, true);
  EXPECT_EQ(listed.find("liba.so", "/bin/x", {}, {}), "/m/liba.so");
  EXPECT_EQ(listed.find("libb.so", "/bin/x", {}, {}), "/n/libb.so");
}

/// The files of all objects that a program is loaded with, by our reading.
std::set<std::string> closure_of(const FileTree& tree, const std::string& program) {
  struct Object {
    std::string path;
    std::vector<std::string> inherited;  ///< DT_RPATH of those that loaded it, expanded
  };
  const LibrarySearch search(tree, EM_X86_64, false);
  std::set<std::string> files;
  std::set<std::string> names;
  std::deque<Object> pending{{program, {}}};
  while (!pending.empty()) {
    const Object object = pending.front();
    pending.pop_front();
    const std::string path = tree.resolve(object.path).value_or("");
    if (!files.insert(path).second) continue;
    Result<Fd> file = tree.open(object.path);
    EXPECT_TRUE(file) << object.path;
    if (!file) continue;
    Result<ElfImage> image = ElfImage::from_fd(std::move(*file), object.path);
    EXPECT_TRUE(image);
    if (!image) continue;
    Result<ImageMemory> memory = ImageMemory::load(*image);
    EXPECT_TRUE(memory);
    if (!memory) continue;
    Result<Dynamic> dynamic = read_dynamic(*image, *memory);
    EXPECT_TRUE(dynamic);
    if (!dynamic) continue;
    if (!dynamic->soname.empty()) names.insert(dynamic->soname);
    std::vector<std::string> rpath;
    if (dynamic->runpath.empty()) rpath = search.expand(dynamic->rpath, path);
    rpath.insert(rpath.end(), object.inherited.begin(), object.inherited.end());
    Result<ElfIdentity> identity = elf_identity(*image);
    if (identity && !identity->interpreter.empty()) pending.push_back({identity->interpreter, {}});
    for (const std::string& name : dynamic->needed) {
      if (names.contains(name)) continue;
      const auto found = search.find(name, path, rpath, dynamic->runpath);
      EXPECT_TRUE(found) << name << " of " << path;
      if (found) pending.push_back({*found, rpath});
    }
  }
  return files;
}

/// The same by ld.so; a test alone may run it.
std::set<std::string> loaded_by_ld_so(const FileTree& tree, const std::string& program) {
  std::set<std::string> files{tree.resolve(program).value_or("")};
  const std::string command = "/lib64/ld-linux-x86-64.so.2 --list '" + program + "' 2>/dev/null";
  const std::unique_ptr<FILE, int (*)(FILE*)> out(::popen(command.c_str(), "r"), ::pclose);
  std::array<char, 4096> line{};
  while (out != nullptr && std::fgets(line.data(), line.size(), out.get()) != nullptr) {
    // "\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)", or the path alone for ld.so itself.
    const std::string text(trim(line.data()));
    const std::size_t arrow = text.find("=> ");
    const std::string rest = arrow == std::string::npos ? text : text.substr(arrow + 3);
    if (rest.starts_with('/'))
      files.insert(tree.resolve(rest.substr(0, rest.find(' '))).value_or(""));
  }
  return files;
}

TEST(LibrarySearch, FindsWhatLdSoLoads) {
  if (::access("/lib64/ld-linux-x86-64.so.2", X_OK) != 0) {
    GTEST_SKIP() << "no /lib64/ld-linux-x86-64.so.2 here";
  }
  Result<FileTree> tree = FileTree::host();
  ASSERT_TRUE(tree);
  EXPECT_TRUE(tree->is_host());
  int seen = 0;
  for (const char* program :
       {"/bin/true",        "/bin/ls",           "/bin/bash",          "/bin/tar",
        "/usr/bin/python3", "/usr/bin/perl",     "/usr/bin/git",       "/usr/bin/gcc",
        "/usr/bin/ld",      "/usr/bin/cmake",    "/usr/bin/ninja",     "/usr/bin/curl",
        "/usr/bin/openssl", "/usr/bin/sqlite3",  "/usr/sbin/nginx",    "/usr/bin/redis-server",
        "/usr/bin/podman",  "/usr/bin/runc",     "/usr/bin/clang",     "/usr/bin/strace",
        "/usr/bin/node",    "/usr/bin/mount",    "/usr/bin/systemctl", "/usr/bin/ps",
        "/usr/sbin/sshd",   "/usr/bin/bpftrace", "/usr/bin/jq",        "/usr/bin/xz",
        "/usr/bin/file"}) {
    if (::access(program, X_OK) != 0) continue;
    SCOPED_TRACE(program);
    EXPECT_EQ(closure_of(*tree, program), loaded_by_ld_so(*tree, program));
    ++seen;
  }
  EXPECT_GE(seen, 4);
}

}  // namespace
}  // namespace sysnare
