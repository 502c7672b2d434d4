#include "elf/call_frames.h"

#include <dwarf.h>

#include <cstdlib>

#include "elf/dwarf_expression.h"
#include "elf/libelf_file.h"

namespace sysnare {
namespace {

struct FrameFree {
  void operator()(Dwarf_Frame* frame) const { std::free(frame); }
};
using FrameHandle = std::unique_ptr<Dwarf_Frame, FrameFree>;

}  // namespace

struct CallFrames::State {
  State(const ElfImage& image, const ElfImage* debug) : file(image) {
    if (file.elf != nullptr) eh_frame.reset(::dwarf_getcfi_elf(file.elf.get()));
    if (image.section(".debug_frame") == nullptr && debug != nullptr) {
      debug_file = std::make_unique<LibElfFile>(*debug);
    }
  }
  /// Opened when it is needed: libdw reads, and unpacks, all debug sections with it.
  Dwarf_CFI* debug_frame() {
    if (!debug_frame_tried) {
      debug_frame_tried = true;
      LibElfFile& from = debug_file != nullptr ? *debug_file : file;
      if (from.image.section(".debug_frame") == nullptr) return nullptr;
      if (Dwarf* dwarf = from.dwarf()) debug_frame_cfi = ::dwarf_getcfi(dwarf);
    }
    return debug_frame_cfi;
  }
  FrameHandle find(std::uint64_t vaddr) {
    Dwarf_Frame* frame = nullptr;
    if (eh_frame != nullptr && ::dwarf_cfi_addrframe(eh_frame.get(), vaddr, &frame) == 0) {
      return FrameHandle(frame);
    }
    Dwarf_CFI* other = debug_frame();
    if (other == nullptr || ::dwarf_cfi_addrframe(other, vaddr, &frame) != 0) return nullptr;
    return FrameHandle(frame);
  }

  LibElfFile file;
  std::unique_ptr<LibElfFile> debug_file;
  CfiHandle eh_frame;  ///< ends before `file`, which stands above
  bool debug_frame_tried = false;
  Dwarf_CFI* debug_frame_cfi = nullptr;  ///< belongs to the DWARF
};

CallFrames::CallFrames(const ElfImage& image, const ElfImage* debug)
    : state_(std::make_unique<State>(image, debug)) {}
CallFrames::~CallFrames() = default;

CallFrames::Step CallFrames::caller_of(std::uint64_t vaddr, const FrameRegisters& registers,
                                       unsigned sp, unsigned word, const ReadWord& read) {
  Step step;
  const FrameHandle frame = state_->find(vaddr);
  if (frame == nullptr) return step;
  step.kind = Step::Kind::kDamaged;
  const int return_register = ::dwarf_frame_info(frame.get(), nullptr, nullptr, &step.signal_frame);
  if (return_register < 0 || return_register >= static_cast<int>(kFrameRegisters)) return step;

  Dwarf_Op* ops = nullptr;
  std::size_t count = 0;
  if (::dwarf_frame_cfa(frame.get(), &ops, &count) != 0 || count == 0) return step;
  const auto cfa = evaluate({ops, count}, registers, std::nullopt, word, read);
  if (!cfa) return step;
  step.cfa = cfa->value;

  step.caller.set(sp, step.cfa);  // by definition, unless a rule says otherwise
  for (unsigned number = 0; number < kFrameRegisters; ++number) {
    Dwarf_Op memory[3];
    if (::dwarf_frame_register(frame.get(), static_cast<int>(number), memory, &ops, &count) != 0) {
      continue;
    }
    if (count == 0) {
      // No operations at all: the same value; ours, but none in it: undefined.
      if (ops == nullptr && registers.known[number] && number != sp) {
        step.caller.set(number, registers.value[number]);
      }
      if (ops != nullptr && static_cast<int>(number) == return_register) {
        step.kind = Step::Kind::kEnd;
        return step;
      }
      continue;
    }
    // DW_CFA_register: the value is in another register.
    const Dwarf_Op& first = ops[0];
    const bool in_register =
        count == 1 &&
        ((first.atom >= DW_OP_reg0 && first.atom <= DW_OP_reg31) || first.atom == DW_OP_regx);
    if (in_register) {
      const auto other = registers.get(first.atom == DW_OP_regx
                                           ? first.number
                                           : static_cast<Dwarf_Word>(first.atom - DW_OP_reg0));
      if (other) step.caller.set(number, *other);
      continue;
    }
    const auto place = evaluate({ops, count}, registers, step.cfa, word, read);
    if (!place) continue;
    const auto value = place->is_value ? std::optional(place->value) : read(place->value, word);
    if (value) step.caller.set(number, *value);
  }
  const auto return_address = step.caller.get(static_cast<unsigned>(return_register));
  if (!return_address) return step;
  step.return_address = *return_address;
  step.kind = Step::Kind::kCaller;
  return step;
}

}  // namespace sysnare
