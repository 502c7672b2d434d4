#include "scan/surroundings.h"

#include <unistd.h>

namespace sysnare {

std::string read_beginning(const Surroundings& around, const std::string& path, std::size_t limit) {
  Result<Fd> file = around.open(path);
  if (!file) return {};
  std::string text(limit, '\0');
  const ssize_t got = ::pread(file->get(), text.data(), text.size(), 0);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

}  // namespace sysnare
