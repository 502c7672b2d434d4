#include "root_fs.h"

#include <filesystem>
#include <sstream>
#include <stdexcept>

#include "harness.h"

namespace sysnare::live {
namespace {

namespace fs = std::filesystem;

// The shell of the story is bash, its mkdir that of coreutils: busybox says it in other words.
constexpr const char* kPrograms[] = {"bash", "busybox", "mkdir", "ls", "cat", "true"};

std::string path_of(const std::string& program) {
  for (const char* folder : {"/usr/bin/", "/bin/", "/usr/sbin/", "/sbin/"}) {
    if (fs::exists(folder + program)) return folder + program;
  }
  return "";
}

void copy_to(const std::string& from, const fs::path& to) {
  fs::create_directories(to.parent_path());
  fs::copy_file(from, to, fs::copy_options::skip_existing);
}

/// Copies the libraries of `program`, at the paths that ldd names. A static program has none.
void copy_libraries(const std::string& program, const fs::path& root) {
  std::istringstream words(run({"ldd", program}).out);
  for (std::string word; words >> word;) {
    if (word.starts_with("/")) copy_to(word, root / word.substr(1));
  }
}

}  // namespace

std::vector<std::string> missing_for_root_fs() {
  std::vector<std::string> missing;
  for (const char* program : kPrograms) {
    if (path_of(program).empty()) missing.emplace_back(program);
  }
  if (!fs::exists(victim("helloworld"))) missing.emplace_back("go (for the victim helloworld)");
  return missing;
}

void make_root_fs(const std::string& folder) {
  const fs::path root(folder);
  for (const char* each : {"bin", "dev", "etc", "home", "proc", "root", "sys", "tmp", "run"}) {
    fs::create_directories(root / each);
  }
  for (const char* program : kPrograms) {
    const std::string path = path_of(program);
    if (path.empty()) throw std::runtime_error(std::string("no ") + program + " on this machine");
    copy_to(path, root / "bin" / program);
    copy_libraries(path, root);
  }
  fs::create_symlink("busybox", root / "bin/sh");
  copy_to(victim("helloworld"), root / "bin/helloworld");
}

}  // namespace sysnare::live
