// Frames of Go functions, by the frame sizes that .gopclntab gives, and from the system stack (g0)
// back to the goroutine's stack: where Go's own traceback goes on too.
//
// Source: Go's src/runtime/traceback.go, runtime2.go (g, m, gobuf), asm_amd64.s and asm_arm64.s
// (systemstack, asmcgocall, gosave_systemstack_switch), 1.18 to 1.24. Offsets into the runtime's
// structures are guesses until what they lead to is proven: wrong ones end the walk.

#include <algorithm>
#include <string_view>

#include "process/frame_walk.h"

namespace sysnare {
namespace {

// runtime.g, in words: stack.lo, stack.hi, two guards, _panic, _defer, m, sched (sp, pc, …).
constexpr std::uint64_t kStackLow = 0;
constexpr std::uint64_t kStackHigh = 1;
constexpr std::uint64_t kMachineOfG = 6;
constexpr std::uint64_t kSavedSp = 7;
constexpr std::uint64_t kSavedPc = 8;
/// runtime.m's curg, in bytes: behind g0, morebuf, divmod, procid, gsignal, goSigStack, sigmask,
/// tls and mstartfn. The same in all versions above for 64-bit machines; unknown for others.
constexpr std::uint64_t kCurrentG = 192;

std::string_view plain_name(std::string_view name) {
  constexpr std::string_view kAbi0 = ".abi0";
  if (name.ends_with(kAbi0)) name.remove_suffix(kAbi0.size());
  return name;
}

}  // namespace

Leave FrameWalk::go_on_at(std::uint64_t return_address_at, std::uint64_t sp) {
  const auto address = word(return_address_at);
  if (!address) return Leave::kLost;
  frame_.registers.set(frame_.machine.sp, sp);
  set_pc(*address);
  return Leave::kCaller;
}

Leave FrameWalk::leave_go(const CodePlace& place, bool innermost) {
  const GoTable::Function& function = *place.go_function;
  const std::string_view name = plain_name(function.name);
  // The kernel returns into it when a handler of Go is done.
  if (name.starts_with("runtime.sigreturn")) return leave_trampoline();
  if (function.top) return Leave::kEnd;
  // The scheduler's stack begins here: the goroutine that gave way to it has been put aside.
  if (!innermost && (name == "runtime.mcall" || name == "runtime.morestack")) return Leave::kEnd;
  if (!innermost && name == "runtime.systemstack") return leave_systemstack(place);
  if (!innermost && name == "runtime.asmcgocall") return leave_asmcgocall();
  // What else switches stacks keeps no record that others could read.
  if (!innermost && function.writes_sp) return Leave::kLost;

  const auto size = place.go->frame_size(function, place.vaddr);
  if (!size || *size > UINT64_MAX - sp() - 64) return Leave::kLost;
  const unsigned width = frame_.machine.word;
  if (frame_.machine.link < 0) {
    const std::uint64_t at = sp() + *size;
    // Compiled functions that have a frame keep the caller's frame pointer at its top.
    const auto frame = *size >= width && width == 8 ? word(at - width) : std::nullopt;
    if (frame) frame_.registers.set(frame_.machine.fp, *frame);
    return go_on_at(at, at + width);
  }
  if (*size == 0) {
    const auto link = frame_.registers.get(static_cast<unsigned>(frame_.machine.link));
    if (!innermost || !link) return Leave::kLost;
    set_pc(*link);
    return Leave::kCaller;
  }
  // arm64: the return address stands at the bottom of the frame, the frame pointer below it.
  if (const auto frame = word(sp() - width)) frame_.registers.set(frame_.machine.fp, *frame);
  return go_on_at(sp(), sp() + *size);
}

Leave FrameWalk::leave_systemstack(const CodePlace& place) {
  if (frame_.machine.go < 0 || frame_.machine.word != 8) return Leave::kLost;
  const auto g0 = frame_.registers.get(static_cast<unsigned>(frame_.machine.go));
  const auto m = g0 ? word(*g0 + 8 * kMachineOfG) : std::nullopt;
  const auto g = m ? word(*m + kCurrentG) : std::nullopt;
  if (!g || *g == *g0 || word(*g + 8 * kMachineOfG) != m) return Leave::kLost;
  const auto pc = word(*g + 8 * kSavedPc);
  const auto saved = word(*g + 8 * kSavedSp);
  if (!pc || !saved) return Leave::kLost;
  // systemstack() saves where it left the goroutine's stack, and says that it was in this function.
  const CodePlace left = look_up(*pc);
  if (left.module != place.module || !left.go_function ||
      plain_name(left.go_function->name) != "runtime.systemstack_switch") {
    return Leave::kLost;
  }
  // From here on it is an ordinary frame of systemstack(), which has no room of its own; on arm64
  // 16 bytes with the return address.
  frame_.registers.set(static_cast<unsigned>(frame_.machine.go), *g);
  const std::uint64_t size = frame_.machine.link < 0 ? 8 : 16;
  const Leave gone = go_on_at(*saved, *saved + size);
  return gone == Leave::kCaller && is_return_address(FrameWalk::pc()) ? Leave::kSwitched
                                                                      : Leave::kLost;
}

Leave FrameWalk::leave_asmcgocall() {
  if (frame_.machine.word != 8) return Leave::kLost;
  // Where asmcgocall keeps g, and how deep in its stack it was: Go 1.22 and later, before, arm64.
  struct Slots {
    std::uint64_t g;
    std::uint64_t depth;
  };
  constexpr Slots kSlots[] = {{8, 0}, {48, 40}, {0, 8}};
  const std::uint64_t bottom = sp();
  for (const Slots& slots : kSlots) {
    const auto g = word(bottom + slots.g);
    const auto depth = word(bottom + slots.depth);
    if (!g || !depth) continue;
    std::uint64_t saved = *depth;  // already on a system stack: the stack pointer itself, and no g
    if (*g != 0) {
      const auto low = word(*g + 8 * kStackLow);
      const auto high = word(*g + 8 * kStackHigh);
      if (!low || !high || *low >= *high || *depth > *high - *low) continue;
      saved = *high - *depth;
    } else if (saved <= bottom) {
      continue;
    }
    const auto address = word(saved);
    if (!address || !is_return_address(plain_address(frame_.machine, *address))) continue;
    if (!look_up(plain_address(frame_.machine, *address) - 1).go_function) continue;
    if (*g != 0 && frame_.machine.go >= 0) {
      frame_.registers.set(static_cast<unsigned>(frame_.machine.go), *g);
    }
    const std::uint64_t size = frame_.machine.link < 0 ? 8 : 16;
    go_on_at(saved, saved + size);
    return Leave::kSwitched;
  }
  return Leave::kLost;
}

}  // namespace sysnare
