#include "process/unwind.h"

#include <algorithm>
#include <string_view>

#include "base/text.h"
#include "process/frame_walk.h"

namespace sysnare {
namespace {

/// How far behind its start a function without tables may make its call, when a direct call to that
/// start is taken for the one that is running. Functions without frames are short.
constexpr std::uint64_t kMaxLeafBytes = 4096;

/// What stands between a signal handler and what it interrupted, in gdb's words.
constexpr std::string_view kSignalFrame = "<signal handler called>";

/// "libc.so.6+0xf1234"
std::string unnamed(const CodePlace& place, std::uint64_t address) {
  if (!place.mapping) return "[unknown]+" + hex(address);
  const std::string_view path = place.mapping->path;
  if (path.empty() || path.starts_with("[anon")) return "[anon]+" + hex(address);
  const std::uint64_t offset = address - place.mapping->start + place.mapping->file_offset;
  const std::size_t slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1)) + "+" +
         hex(offset);
}

/// Whether there was room.
bool add(const std::string& name, UnwoundStack& stack) {
  if (stack.frames.size() >= kMaxFrames) return false;
  stack.frames.push_back(name);
  return true;
}

/// Adds the functions at `place`; whether all had room.
bool add_names(const CodePlace& place, std::uint64_t address, UnwoundStack& stack) {
  std::vector<std::string> own;
  const std::vector<std::string>* names = &own;
  if (place.module != nullptr) names = &place.module->functions_at(place.vaddr, place.go);
  if (names->empty()) {
    own.push_back(unnamed(place, address));
    names = &own;
  }
  return std::all_of(names->begin(), names->end(),
                     [&](const std::string& name) { return add(name, stack); });
}

}  // namespace

FrameWalk::FrameWalk(pid_t process, ModuleCache& modules, ThreadFrame frame)
    : process_(process), modules_(modules), frame_(frame), memory_(process), space_(process) {}

std::uint64_t FrameWalk::pc() const { return frame_.registers.value[frame_.machine.pc]; }
std::uint64_t FrameWalk::sp() const { return frame_.registers.value[frame_.machine.sp]; }

void FrameWalk::set_pc(std::uint64_t to) {
  frame_.registers.set(frame_.machine.pc, plain_address(frame_.machine, to));
}

std::optional<std::uint64_t> FrameWalk::word(std::uint64_t address) {
  return memory_.word(address, frame_.machine.word);
}

CodePlace FrameWalk::look_up(std::uint64_t address) {
  CodePlace place;
  if (const Mapping* found = space_.find(address)) place.mapping = *found;
  if (!place.mapping || !place.mapping->executable) return place;
  std::shared_ptr<Module> module = modules_.find(process_, *place.mapping);
  if (module == nullptr || module->image().machine() != frame_.machine.elf) return place;
  const auto at = address_in(module->image(), *place.mapping, address);
  if (!at) return place;
  place.vaddr = at->vaddr;
  place.file_offset = at->file_offset;
  place.go = module->go(process_, at->bias);
  if (place.go != nullptr) place.go_function = place.go->find(at->vaddr);
  place.module = std::move(module);
  return place;
}

bool FrameWalk::is_behind_system_call() {
  const std::string before = memory_.bytes(pc() - kCallLength, kCallLength);
  return before.size() == kCallLength && is_system_call(frame_.machine, before);
}

bool FrameWalk::is_return_address(std::uint64_t address) {
  const Mapping* mapping = space_.find(address);
  if (mapping == nullptr || !mapping->executable || address - mapping->start < kCallLength) {
    return false;
  }
  const std::string before = memory_.bytes(address - kCallLength, kCallLength);
  return before.size() == kCallLength && is_call(frame_.machine, before);
}

bool FrameWalk::called_this(std::uint64_t address) {
  if (!is_return_address(address)) return false;
  const std::string before = memory_.bytes(address - kCallLength, kCallLength);
  const auto target = call_target(frame_.machine, before, address);
  return target && *target < pc() && pc() - *target <= kMaxLeafBytes;
}

Leave FrameWalk::leave(const CodePlace& place, bool innermost) {
  if (place.go_function) return leave_go(place, innermost);
  Leave left = leave_by_tables(place);
  if (left == Leave::kUnknown) left = leave_trampoline();
  if (left == Leave::kUnknown) left = leave_by_frame_pointer(innermost);
  return left;
}

Leave FrameWalk::leave_by_tables(const CodePlace& place) {
  if (place.module == nullptr) return Leave::kUnknown;
  const ReadWord read = [this](std::uint64_t address, unsigned width) {
    return memory_.word(address, width);
  };
  const CallFrames::Step step = place.module->call_frames().caller_of(
      place.vaddr, frame_.registers, frame_.machine.sp, frame_.machine.word, read);
  switch (step.kind) {
    case CallFrames::Step::Kind::kUnknown:
      return Leave::kUnknown;
    case CallFrames::Step::Kind::kEnd:
      return Leave::kEnd;
    case CallFrames::Step::Kind::kDamaged:
      return Leave::kLost;
    case CallFrames::Step::Kind::kCaller:
      break;
  }
  frame_.registers = step.caller;
  set_pc(step.return_address);
  return step.signal_frame ? Leave::kInterrupted : Leave::kCaller;
}

Leave FrameWalk::leave_trampoline() {
  // In front of it after the handler, behind it in the call itself, which is its last instruction.
  bool found = is_signal_trampoline(frame_.machine, memory_.bytes(pc(), kTrampolineLength));
  for (const std::size_t length : kTrampolineLengths) {
    found = found || is_signal_trampoline(frame_.machine, memory_.bytes(pc() - length, length));
  }
  if (!found) return Leave::kUnknown;
  const ReadWord read = [this](std::uint64_t address, unsigned width) {
    return memory_.word(address, width);
  };
  const auto registers = interrupted_registers(frame_.machine, sp(), read);
  if (!registers) return Leave::kLost;
  frame_.registers = *registers;
  return Leave::kInterrupted;
}

Leave FrameWalk::leave_by_frame_pointer(bool innermost) {
  const unsigned size = frame_.machine.word;
  if (innermost) {
    // A function that makes its call without a frame of its own: the return address is still where
    // the call put it.
    const auto link = frame_.machine.link >= 0
                          ? frame_.registers.get(static_cast<unsigned>(frame_.machine.link))
                          : word(sp());
    if (link && called_this(plain_address(frame_.machine, *link))) {
      set_pc(*link);
      if (frame_.machine.link < 0) frame_.registers.set(frame_.machine.sp, sp() + size);
      return Leave::kCaller;
    }
  }
  const auto frame = frame_.registers.get(frame_.machine.fp);
  if (frame && *frame == 0) return Leave::kEnd;  // both ABIs: 0 marks the outermost frame
  if (!frame || *frame < sp() || *frame % size != 0 || *frame > UINT64_MAX - 2 * size) {
    return Leave::kLost;
  }
  const auto outer = word(*frame);
  const auto return_address = word(*frame + size);
  if (!outer || !return_address) return Leave::kLost;
  const std::uint64_t address = plain_address(frame_.machine, *return_address);
  if (!is_return_address(address)) return Leave::kLost;
  const FrameMachine machine = frame_.machine;
  const std::uint64_t base = *frame;
  // Nothing says what the other registers were.
  frame_.registers = FrameRegisters();
  frame_.registers.set(machine.fp, *outer);
  frame_.registers.set(machine.sp, base + 2 * size);
  set_pc(address);
  return Leave::kCaller;
}

struct Unwinder::State {
  pid_t process;
  std::shared_ptr<ModuleCache> modules;
};

Unwinder::Unwinder(pid_t process) : Unwinder(process, std::make_shared<ModuleCache>()) {}
Unwinder::Unwinder(pid_t process, std::shared_ptr<ModuleCache> modules)
    : state_(std::make_unique<State>(State{process, std::move(modules)})) {}
Unwinder::~Unwinder() = default;

UnwoundStack Unwinder::unwind(pid_t thread) {
  UnwoundStack stack;
  Result<ThreadFrame> frame = read_frame(thread);
  if (!frame) {
    stack.truncated = true;
    return stack;
  }
  FrameWalk walk(state_->process, *state_->modules, *frame);
  // Behind a call the pc may belong to the next function already: the call is what counts.
  bool exact = !walk.is_behind_system_call();
  // A frame has a name at least, so there are at most kMaxFrames rounds, whatever the stack says.
  for (bool innermost = true;; innermost = false) {
    const std::uint64_t address = walk.pc();
    CodePlace place = walk.look_up(exact ? address : address - 1);
    const bool code = place.mapping && place.mapping->executable;
    // A return address that leads nowhere is no frame; where the thread itself is, is one.
    if (!code && !innermost) {
      stack.truncated = true;
      return stack;
    }
    const std::uint64_t sp = walk.sp();
    const Leave left = code ? walk.leave(place, innermost) : Leave::kLost;
    // The stack grows down: a caller's frame lies above. Only a machine with a link register has
    // calls that leave the stack as it was.
    const bool same_frame = innermost && walk.machine().link >= 0 && walk.sp() == sp;
    const bool grew = walk.sp() > sp || same_frame;
    const bool all = left == Leave::kInterrupted ? add(std::string(kSignalFrame), stack)
                                                 : add_names(place, address, stack);
    if (!all) {
      stack.truncated = true;
      return stack;
    }
    if (left == Leave::kEnd) return stack;
    if (left == Leave::kLost || left == Leave::kUnknown || (left == Leave::kCaller && !grew)) {
      stack.truncated = true;
      return stack;
    }
    exact = left == Leave::kInterrupted;
  }
}

}  // namespace sysnare
