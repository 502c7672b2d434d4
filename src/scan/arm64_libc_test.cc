// The analysis of aarch64 against binutils: every system call that a disassembler sees in the C
// library is a calling instruction for us, and no other.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <set>
#include <string>

#include "elf/image.h"
#include "scan/analyse.h"

namespace sysnare {
namespace {

constexpr const char* kLibrary = "/usr/aarch64-linux-gnu/lib/";

std::string output_of(const std::string& command) {
  std::string all;
  FILE* pipe = ::popen(command.c_str(), "re");
  if (pipe == nullptr) return all;
  std::array<char, 1 << 16> bytes{};
  for (std::size_t got = 0; (got = ::fread(bytes.data(), 1, bytes.size(), pipe)) > 0;) {
    all.append(bytes.data(), got);
  }
  return ::pclose(pipe) == 0 ? all : std::string();
}

std::set<std::string> sites_of(const std::string& path, std::size_t& unknown) {
  std::set<std::string> sites;
  Result<ElfImage> image = ElfImage::from_path(path);
  if (!image) {
    ADD_FAILURE() << image.error().message;
    return sites;
  }
  Result<Summary> summary = analyse_object(*image, nullptr);
  if (!summary) {
    ADD_FAILURE() << summary.error().message;
    return sites;
  }
  for (const SyscallSite& site : summary->sites) {
    EXPECT_EQ(site.abi, Abi::kAarch64);
    sites.insert(fmt::format("{:x}", site.vaddr));
    for (const Value& value : summary->values.subspan(site.nr.begin, site.nr.count)) {
      unknown += value.kind == Value::Kind::kAny;
    }
  }
  return sites;
}

std::string without(const std::set<std::string>& all, const std::set<std::string>& some) {
  std::string rest;
  for (const std::string& each : all) {
    if (!some.contains(each)) rest += each + " ";
  }
  return rest;
}

TEST(Arm64Libc, HasTheCallsThatADisassemblerSees) {
  struct Case {
    const char* why;
    const char* library;
    std::size_t unknown;      ///< most sites of which the number is not known
    std::size_t behind_stop;  ///< most sites behind a brk, which nothing comes to
  };
  constexpr Case kCases[] = {
      {"the C library", "libc.so.6", 1, 1},
      {"the dynamic linker", "ld-linux-aarch64.so.1", 0, 1},
      {"C++, which has none", "libgcc_s.so.1", 0, 0},
  };
  if (output_of("aarch64-linux-gnu-objdump --version").empty()) {
    GTEST_SKIP() << "no aarch64-linux-gnu-objdump here";
  }
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const std::string path = std::string(kLibrary) + c.library;
    const std::string listed = output_of("aarch64-linux-gnu-objdump -d --no-show-raw-insn " + path +
                                         " 2>/dev/null | awk '$2 == \"svc\" {print $1}'");
    if (::access(path.c_str(), R_OK) != 0) GTEST_SKIP() << "no " << path << " here";
    std::set<std::string> wanted;
    for (std::size_t at = 0, end = 0; (end = listed.find(':', at)) != std::string::npos;
         at = end + 2)
      wanted.insert(listed.substr(at, end - at));
    std::size_t unknown = 0;
    const std::set<std::string> sites = sites_of(path, unknown);
    EXPECT_LE(wanted.size(), sites.size() + c.behind_stop) << without(wanted, sites);
    EXPECT_EQ(without(sites, wanted), "") << "are none";
    EXPECT_LE(unknown, c.unknown);
  }
}

}  // namespace
}  // namespace sysnare
