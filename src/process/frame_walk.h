#pragma once
// How does the walk get from one frame to its caller? For unwind.cc and unwind_go.cc alone.

#include <memory>
#include <optional>

#include "process/address_space.h"
#include "process/isa_frame.h"
#include "process/modules.h"
#include "process/stack_memory.h"

namespace sysnare {

/// What is at a code address.
struct CodePlace {
  std::optional<Mapping> mapping;  ///< empty where nothing is mapped
  std::shared_ptr<Module> module;  ///< null for memory without an image
  std::uint64_t file_offset = 0;
  std::uint64_t vaddr = 0;
  const GoTable* go = nullptr;
  std::optional<GoTable::Function> go_function;
};

/// The outcome of leaving a frame.
enum class Leave : std::uint8_t {
  kCaller,       ///< the registers are those of the caller now
  kInterrupted,  ///< the same, but a signal interrupted it: its address is exact
  kSwitched,     ///< the same, on another stack
  kEnd,          ///< there is no caller
  kLost,         ///< there is one, but no way to it
  kUnknown,      ///< this way does not know the frame; another may
};

/// One walk: everything that is read while the thread stands.
class FrameWalk {
 public:
  FrameWalk(pid_t process, ModuleCache& modules, ThreadFrame frame);

  [[nodiscard]] std::uint64_t pc() const;
  [[nodiscard]] std::uint64_t sp() const;
  [[nodiscard]] const FrameMachine& machine() const { return frame_.machine; }
  CodePlace look_up(std::uint64_t address);

  /// Leaves the frame at `place`. `innermost` is the one that was running.
  Leave leave(const CodePlace& place, bool innermost);
  /// The instruction in front of the pc enters the kernel.
  bool is_behind_system_call();

 private:
  Leave leave_go(const CodePlace& place, bool innermost);
  Leave leave_systemstack(const CodePlace& place);
  Leave leave_asmcgocall();
  Leave go_on_at(std::uint64_t return_address_at, std::uint64_t sp);
  Leave leave_by_tables(const CodePlace& place);
  Leave leave_trampoline();
  Leave leave_by_frame_pointer(bool innermost);

  std::optional<std::uint64_t> word(std::uint64_t address);
  /// `address` stands behind a call in executable memory.
  bool is_return_address(std::uint64_t address);
  /// The function that runs was called by the instruction in front of `address`, as far as its
  /// direct target tells.
  bool called_this(std::uint64_t address);
  void set_pc(std::uint64_t to);

  pid_t process_;
  ModuleCache& modules_;
  ThreadFrame frame_;
  StackMemory memory_;
  AddressSpace space_;
};

}  // namespace sysnare
