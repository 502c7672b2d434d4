#include "process/place.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "base/fd.h"
#include "base/file.h"
#include "process/memory.h"
#include "process/modules.h"

namespace sysnare {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::size_t kPage = 4096;

std::uint64_t address_of(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

/// Own memory, unmapped at the end of the test.
class Mapped {
 public:
  Mapped(int fd, std::size_t size, int protection, int flags)
      : size_(size), data_(::mmap(nullptr, size, protection, flags, fd, 0)) {}
  ~Mapped() { ::munmap(data_, size_); }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;
  [[nodiscard]] void* data() const { return data_; }

 private:
  std::size_t size_;
  void* data_;
};

TEST(Maps, OneAddressIsAnsweredAsTheWholeMapIs) {
  Result<std::vector<Mapping>> maps = read_maps(::getpid());
  ASSERT_TRUE(maps) << maps.error().message;
  ASSERT_GT(maps->size(), 5u);
  int compared = 0;
  for (const Mapping& line : *maps) {
    if (line.path == "[heap]" || line.path == "[vsyscall]" || line.path.empty()) continue;
    SCOPED_TRACE(line.path);
    Result<std::optional<Mapping>> one = find_mapping(::getpid(), line.start);
    ASSERT_TRUE(one && *one);
    EXPECT_EQ((*one)->start, line.start);
    EXPECT_EQ((*one)->end, line.end);
    EXPECT_EQ((*one)->file_offset, line.file_offset);
    EXPECT_EQ((*one)->inode, line.inode);
    EXPECT_EQ((*one)->device, line.device);
    EXPECT_EQ((*one)->executable, line.executable);
    EXPECT_EQ((*one)->path, line.path);
    ++compared;
  }
  EXPECT_GT(compared, 5);
}

TEST(Maps, SaysThatAProcessIsGone) {
  // Larger than any pid (PID_MAX_LIMIT is 2^22).
  EXPECT_EQ(read_maps(1 << 23).error().code, Errc::kNotFound);
  EXPECT_EQ(find_mapping(1 << 23, 0).error().code, Errc::kNotFound);
  EXPECT_EQ(Places().locate(1 << 23, 0x1000).module, "[unknown]");
}

TEST(Memory, IsReadUpToTheFirstHole) {
  Mapped two(-1, 2 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
  auto* bytes = static_cast<char*>(two.data());
  bytes[kPage - 1] = 'x';
  ASSERT_EQ(::munmap(bytes + kPage, kPage), 0);
  char buffer[2 * kPage];
  ASSERT_EQ(read_memory(::getpid(), address_of(bytes), buffer, sizeof buffer), kPage);
  EXPECT_EQ(buffer[kPage - 1], 'x');
  EXPECT_EQ(read_memory(::getpid(), 8, buffer, 8), 0u);
  EXPECT_EQ(read_memory(::getpid(), UINT64_MAX - 4, buffer, 8), 0u);
}

TEST(Places, NameAFunctionOfALibraryAndOfThisProgram) {
  Places places;
  const CallPlace libc =
      places.locate(::getpid(), address_of(reinterpret_cast<void*>(&::mkdir)) + 2);
  EXPECT_THAT(libc.module, HasSubstr("libc"));
  EXPECT_EQ(libc.symbol, "mkdir");
  EXPECT_EQ(libc.symbol_offset, 2u);
  EXPECT_FALSE(libc.module_key.empty());
  EXPECT_THAT(place_label(libc), StartsWith("libc"));
  EXPECT_THAT(place_label(libc), HasSubstr(" (mkdir+0x2)"));

  const CallPlace own =
      places.locate(::getpid(), address_of(reinterpret_cast<void*>(&read_memory)));
  EXPECT_EQ(own.symbol, "sysnare::read_memory(int, unsigned long, void*, unsigned long)");
}

TEST(Places, SayWhatKindOfMemoryItIs) {
  Places places;
  Mapped anonymous(-1, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
  const CallPlace anon = places.locate(::getpid(), address_of(anonymous.data()) + 5);
  EXPECT_EQ(anon.module, "[anon]");
  EXPECT_EQ(anon.offset, address_of(anonymous.data()) + 5);
  EXPECT_TRUE(anon.module_key.empty());

  EXPECT_EQ(places.locate(::getpid(), 8).module, "[unknown]");

  const std::uint64_t vdso_base = ::getauxval(AT_SYSINFO_EHDR);
  if (vdso_base != 0) {
    const CallPlace vdso = places.locate(::getpid(), vdso_base + 16);
    EXPECT_EQ(vdso.module, "[vdso]");
    EXPECT_EQ(vdso.offset, 16u);
    EXPECT_FALSE(vdso.module_key.empty());
  }

  Fd memory(::memfd_create("payload", MFD_CLOEXEC));
  ASSERT_EQ(::ftruncate(memory.get(), kPage), 0);
  Mapped mapped(memory.get(), kPage, PROT_READ | PROT_EXEC, MAP_PRIVATE);
  const CallPlace memfd = places.locate(::getpid(), address_of(mapped.data()) + 7);
  EXPECT_EQ(memfd.module, "/memfd:payload");
  EXPECT_TRUE(memfd.deleted);
  EXPECT_EQ(memfd.offset, 7u);
  EXPECT_TRUE(memfd.symbol.empty());
}

/// Copies this program, which has functions to be found, to a new file.
std::string copy_of_self() {
  char name[] = "/tmp/sysnare-place-XXXXXX";
  const int fd = ::mkstemp(name);
  if (fd >= 0) ::close(fd);
  Result<std::string> bytes = read_file("/proc/self/exe");
  EXPECT_TRUE(bytes && write_file_atomic(name, *bytes));
  return name;
}

/// File offset of a function of this program, which its copies share.
std::uint64_t offset_of_known_function() {
  return Places().locate(::getpid(), address_of(reinterpret_cast<void*>(&read_memory))).offset;
}

TEST(Places, NeverTakeSymbolsFromAFileThatReplacedTheMappedOne) {
  const std::string file = copy_of_self();
  const std::uint64_t offset = offset_of_known_function();
  const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  Mapped mapped(fd.get(), offset + kPage, PROT_READ | PROT_EXEC, MAP_PRIVATE);
  const std::uint64_t address = address_of(mapped.data()) + offset;
  EXPECT_THAT(Places().locate(::getpid(), address).symbol, HasSubstr("read_memory"));

  ASSERT_EQ(::unlink(file.c_str()), 0);
  Result<std::string> other = read_file("/bin/true");
  ASSERT_TRUE(other && write_file_atomic(file, *other));
  const CallPlace place = Places().locate(::getpid(), address);
  EXPECT_TRUE(place.deleted);
  EXPECT_EQ(place.module, file);
  // With the right to open map_files the deleted file itself still answers; without it, nothing.
  EXPECT_THAT(place.symbol, ::testing::AnyOf("", HasSubstr("read_memory")));
  ::unlink(file.c_str());
}

TEST(Places, SeeAFileThatWasWrittenToInPlace) {
  const std::string file = copy_of_self();
  const std::uint64_t offset = offset_of_known_function();
  const Fd fd(::open(file.c_str(), O_RDWR | O_CLOEXEC));
  Mapped mapped(fd.get(), offset + kPage, PROT_READ | PROT_EXEC, MAP_PRIVATE);
  const std::uint64_t address = address_of(mapped.data()) + offset;
  Places places;
  const CallPlace before = places.locate(::getpid(), address);
  EXPECT_THAT(before.symbol, HasSubstr("read_memory"));
  ASSERT_EQ(::pwrite(fd.get(), "no ELF", 6, 0), 6);
  // The times of a file move by clock ticks (4 ms): an equal one would say nothing was written.
  const timespec times[2] = {{1, 0}, {1, 0}};
  ASSERT_EQ(::futimens(fd.get(), times), 0);
  EXPECT_EQ(places.locate(::getpid(), address).symbol, "");
  ::unlink(file.c_str());
}

TEST(ModuleCache, KeepsABoundedNumberOfFilesOpen) {
  ModuleCache cache;
  const auto open_files = [] {
    int count = 0;
    for (int fd = 0; fd < 1024; ++fd) count += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    return count;
  };
  const int before = open_files();
  char folder[] = "/tmp/sysnare-many-XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  Result<std::string> bytes = read_file("/bin/true");
  ASSERT_TRUE(bytes);
  for (std::size_t i = 0; i < kMaxModules + 20; ++i) {
    const std::string file = fmt::format("{}/{}", folder, i);
    ASSERT_TRUE(write_file_atomic(file, *bytes));
    struct stat status {};
    ASSERT_EQ(::stat(file.c_str(), &status), 0);
    Mapping mapping;
    mapping.start = 1;  // in no map_files
    mapping.path = file;
    mapping.inode = status.st_ino;
    mapping.device = static_cast<std::uint32_t>(status.st_dev);
    EXPECT_NE(cache.find(::getpid(), mapping), nullptr);
    ::unlink(file.c_str());
  }
  ::rmdir(folder);
  EXPECT_LE(open_files() - before, static_cast<int>(kMaxModules));
}

}  // namespace
}  // namespace sysnare
