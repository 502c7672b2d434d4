#include "filter/raw.h"

#include <cstring>

#include "base/text.h"
#include "filter/filter.h"

namespace sysnare {

bool looks_like_filter(std::string_view bytes) {
  // Codes are below 256 and k mostly small: the first instruction alone has a NUL.
  return bytes.substr(0, sizeof(sock_filter)).find('\0') != std::string_view::npos;
}

Result<std::vector<sock_filter>> parse_filter(std::string_view bytes, std::string_view name) {
  const std::string file = printable(name);
  // What else people have at hand; no instruction has such a code.
  if (bytes.starts_with("\x7f"
                        "ELF")) {
    return fail(Errc::kBadInput, "{}: a program, where a profile or a filter is wanted", file);
  }
  if (bytes.starts_with("\xff\xfe") || bytes.starts_with("\xfe\xff")) {
    return fail(Errc::kBadInput, "{}: a text in UTF-16, where UTF-8 is wanted", file);
  }
  if (bytes.empty()) return fail(Errc::kBadInput, "{}: empty, where a filter is wanted", file);
  if (bytes.size() % sizeof(sock_filter) != 0) {
    return fail(Errc::kBadInput,
                "{}: {} bytes are no filter, whose instructions take {} each; {} are left over",
                file, bytes.size(), sizeof(sock_filter), bytes.size() % sizeof(sock_filter));
  }
  const std::size_t count = bytes.size() / sizeof(sock_filter);
  if (count > BPF_MAXINSNS) {
    return fail(Errc::kBadInput, "{}: a filter of {} instructions (allowed: 1 to {})", file, count,
                BPF_MAXINSNS);
  }
  std::vector<sock_filter> program(count);
  std::memcpy(program.data(), bytes.data(), bytes.size());
  if (Result<void> checked = check_program(program); !checked)
    return propagate(checked, "{}", file);
  return program;
}

std::string filter_bytes(std::span<const sock_filter> program) {
  return {reinterpret_cast<const char*>(program.data()), program.size_bytes()};
}

}  // namespace sysnare
