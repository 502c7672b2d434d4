#include "process/stack_memory.h"

#include <algorithm>
#include <cstring>

#include "process/memory.h"

namespace sysnare {
namespace {

/// Granularity of reading. Memory is mapped in multiples of it on every machine that Linux runs on.
constexpr std::uint64_t kPage = 4096;

}  // namespace

const StackMemory::Page* StackMemory::page(std::uint64_t address) {
  const std::uint64_t start = address & ~(kPage - 1);
  if (last_ != nullptr && last_->address == start) return last_;
  const auto known = pages_.find(start);
  if (known != pages_.end()) return last_ = &known->second;
  if (pages_.size() >= kMaxStackPages) return nullptr;
  Page page;
  page.address = start;
  page.bytes.resize(kPage);
  page.bytes.resize(read_memory(process_, start, page.bytes.data(), kPage));
  return last_ = &pages_.emplace(start, std::move(page)).first->second;
}

std::string StackMemory::bytes(std::uint64_t address, std::size_t length) {
  std::string text;
  while (text.size() < length) {
    const std::uint64_t at = address + text.size();
    const Page* part = page(at);
    const std::uint64_t offset = at & (kPage - 1);
    if (part == nullptr || offset >= part->bytes.size()) break;
    text += std::string_view(part->bytes).substr(offset, length - text.size());
  }
  return text;
}

std::optional<std::uint64_t> StackMemory::word(std::uint64_t address, unsigned width) {
  std::uint64_t value = 0;
  const Page* part = page(address);
  const std::uint64_t offset = address & (kPage - 1);
  if (part == nullptr || width > sizeof value) return std::nullopt;
  if (offset + width <= part->bytes.size()) {
    // Both machines that we run on are little-endian, and so are their tracees.
    std::memcpy(&value, part->bytes.data() + offset, width);
    return value;
  }
  const std::string text = bytes(address, width);
  if (text.size() < width) return std::nullopt;
  std::memcpy(&value, text.data(), width);
  return value;
}

}  // namespace sysnare
