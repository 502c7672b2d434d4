#include "filter/number_regions.h"

#include "filter/machine.h"

namespace sysnare {
namespace {

/// Most steps: a tree takes a few for each of its leaves, libseccomp's list of 350 calls 60,000.
constexpr std::size_t kMaxSteps = 1u << 16;

class Explorer {
 public:
  explicit Explorer(std::span<const sock_filter> program) : program_(program) {}

  std::optional<std::vector<NumberRegion>> run() {
    todo_.push_back({});
    while (!todo_.empty()) {
      State state = todo_.back();
      todo_.pop_back();
      if (!follow(state)) return std::nullopt;
    }
    return std::move(regions_);
  }

 private:
  enum class A : std::uint8_t { kConstant, kArch, kNr };
  struct State {
    NumberRegion region;
    A a = A::kConstant;
    std::uint32_t constant = 0;
  };

  /// Follows one path to its end and leaves the others for later; false for what is not modelled.
  bool follow(State& state) {
    for (std::size_t& pc = state.region.pc; ++steps_ <= kMaxSteps;) {
      const sock_filter& insn = program_[pc];
      switch (insn.code) {
        case BPF_LD | BPF_W | BPF_ABS:
          if (insn.k / 4 >= kIpWord) return done(state);
          state.a = insn.k / 4 == kArchWord ? A::kArch : A::kNr;
          ++pc;
          break;
        case BPF_LD | BPF_IMM:
          state.a = A::kConstant;
          state.constant = insn.k;
          ++pc;
          break;
        case BPF_JMP | BPF_JA:
          pc += 1 + insn.k;
          break;
        case BPF_JMP | BPF_JEQ | BPF_K:
        case BPF_JMP | BPF_JGE | BPF_K:
        case BPF_JMP | BPF_JGT | BPF_K:
          branch(state, insn);
          break;
        case BPF_RET | BPF_K:
          state.region.value = insn.k;
          return done(state);
        case BPF_RET | BPF_A:
          if (state.a != A::kConstant) return false;
          state.region.value = state.constant;
          return done(state);
        default:
          return false;
      }
    }
    return false;
  }

  bool done(const State& state) {
    regions_.push_back(state.region);
    return true;
  }

  /// Goes on with the values for which the jump is taken, or with those for which it is not.
  void branch(State& state, const sock_filter& insn) {
    NumberRegion& region = state.region;
    const std::size_t yes = region.pc + 1 + insn.jt;
    const std::size_t no = region.pc + 1 + insn.jf;
    std::uint32_t& first = state.a == A::kArch ? region.first_arch : region.first_nr;
    std::uint32_t& last = state.a == A::kArch ? region.last_arch : region.last_nr;
    // What the jump is taken for: [from, to], perhaps nothing.
    std::uint64_t from = insn.k;
    std::uint64_t to = UINT32_MAX;
    if (BPF_OP(insn.code) == BPF_JEQ) to = insn.k;
    if (BPF_OP(insn.code) == BPF_JGT) ++from;
    if (state.a == A::kConstant) {
      region.pc = from <= state.constant && state.constant <= to ? yes : no;
      return;
    }
    if (to < first || last < from) {
      region.pc = no;
      return;
    }
    const auto later = [&](std::uint64_t low, std::uint64_t high) {
      State rest = state;
      (state.a == A::kArch ? rest.region.first_arch : rest.region.first_nr) =
          static_cast<std::uint32_t>(low);
      (state.a == A::kArch ? rest.region.last_arch : rest.region.last_nr) =
          static_cast<std::uint32_t>(high);
      rest.region.pc = no;
      todo_.push_back(rest);
    };
    if (first < from) later(first, from - 1);
    if (to < last) later(to + 1, last);
    if (first < from) first = static_cast<std::uint32_t>(from);
    if (to < last) last = static_cast<std::uint32_t>(to);
    region.pc = yes;
  }

  std::span<const sock_filter> program_;
  std::vector<State> todo_;
  std::vector<NumberRegion> regions_;
  std::size_t steps_ = 0;
};

}  // namespace

std::optional<std::vector<NumberRegion>> number_regions(std::span<const sock_filter> program) {
  return Explorer(program).run();
}

}  // namespace sysnare
