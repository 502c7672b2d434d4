#pragma once
// An object for tests: small functions, data that can be written, and tables as the test says.
//
// Function i lies at kText + i * kFunctionSize; x86-64, position-independent, with no symbols.

#include <elf.h>

#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>

#include "elf/elf_builder.h"
#include "scan/object_map.h"
#include "scan/one_function.h"
#include "scan/x86_decoder.h"

namespace sysnare {

inline constexpr std::uint64_t kFunctionSize = 0x80;
/// Of the data, all of them 0.
inline constexpr std::uint64_t kDataSize = 0x100;

class OneObject {
 public:
  /// `functions`: their code, in hex.
  explicit OneObject(std::initializer_list<std::string_view> functions)
      : OneObject(made(functions)) {
    dynamic.position_independent = true;
    dynamic.symbols.emplace_back();
    for (std::size_t i = 0; i < functions.size(); ++i) {
      FunctionRange range;
      range.start = vaddr(i);
      range.end = vaddr(i + 1);
      table.functions.push_back(range);
    }
  }
  /// Any image; its tables are empty.
  explicit OneObject(const std::string& bytes) : image_(read(bytes)), memory_(loaded(image_)) {}
  // What is asked about it has its address.
  OneObject(const OneObject&) = delete;
  OneObject& operator=(const OneObject&) = delete;

  Dynamic dynamic;
  FunctionTable table;

  static std::uint64_t vaddr(std::size_t function) { return kText + function * kFunctionSize; }
  /// A symbol, and the slot of the dynamic linker's at `slot` that has its address; its index.
  std::uint32_t symbol(std::string_view name, std::uint64_t slot) {
    const auto index = static_cast<std::uint32_t>(dynamic.symbols.size());
    dynamic.symbols.emplace_back();
    dynamic.symbols.back().name = name;
    Relocation relocation;
    relocation.kind = Relocation::Kind::kSymbol;
    relocation.slot = true;
    relocation.symbol = index;
    relocation.vaddr = slot;
    dynamic.relocations.push_back(relocation);
    return index;
  }
  [[nodiscard]] const Decoder& decoder() const { return decoder_; }
  /// Of what the tables say now, which stay as they are.
  [[nodiscard]] ObjectMap map() const { return {image_, memory_, dynamic, table, decoder_}; }

 private:
  static std::string made(std::initializer_list<std::string_view> functions) {
    std::string code;
    for (const std::string_view hex : functions) {
      const std::vector<std::uint8_t> bytes = bytes_of(hex);
      code.append(bytes.begin(), bytes.end());
      code.resize((code.size() + kFunctionSize - 1) / kFunctionSize * kFunctionSize, '\xcc');
    }
    ElfBuilder builder;
    builder.load(kText, PF_R | PF_X, code);
    builder.load(kData, PF_R | PF_W, std::string(kDataSize, '\0'));
    return builder.build();
  }
  static ElfImage read(const std::string& bytes) {
    Result<ElfImage> image = ElfImage::from_bytes(bytes, "x");
    if (!image) throw std::runtime_error(image.error().message);
    return std::move(*image);
  }
  static ImageMemory loaded(const ElfImage& image) {
    Result<ImageMemory> memory = ImageMemory::load(image);
    if (!memory) throw std::runtime_error(memory.error().message);
    return std::move(*memory);
  }

  X86Decoder decoder_;
  ElfImage image_;
  ImageMemory memory_;
};

}  // namespace sysnare
