// Runs a fuzz target over every file of a folder, without libFuzzer: whole, and cut short at
// several places, for a file cut in half is the hostile input that needs no attacker.
//
// usage: NAME_fuzz FOLDER

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

/// Enough to cut inside every part of a small file; a corpus file costs this many runs and one.
constexpr std::size_t kCuts = 16;

void replay(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  for (std::size_t cut = 0; cut <= kCuts; ++cut) {
    const std::size_t size = bytes.size() * cut / kCuts;
    // A copy of just that size, so that the sanitizer sees a read behind the end.
    const std::vector<std::uint8_t> input(bytes.begin(),
                                          bytes.begin() + static_cast<std::ptrdiff_t>(size));
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
    return 2;
  }
  std::error_code error;
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1], error)) {
    if (!entry.is_regular_file()) continue;
    std::printf("%s\n", entry.path().c_str());
    std::fflush(stdout);
    replay(entry.path());
    ++files;
  }
  if (files == 0) {
    std::fprintf(stderr, "%s: no file to replay\n", argv[1]);
    return 1;
  }
  return 0;
}
