#include <utility>

#include "profile/profile.h"

namespace sysnare {
namespace {

constexpr std::pair<std::string_view, Action> kActions[] = {
    {"SCMP_ACT_KILL", Action::kKill},
    {"SCMP_ACT_KILL_THREAD", Action::kKillThread},
    {"SCMP_ACT_KILL_PROCESS", Action::kKillProcess},
    {"SCMP_ACT_TRAP", Action::kTrap},
    {"SCMP_ACT_ERRNO", Action::kErrno},
    {"SCMP_ACT_TRACE", Action::kTrace},
    {"SCMP_ACT_ALLOW", Action::kAllow},
    {"SCMP_ACT_LOG", Action::kLog},
    {"SCMP_ACT_NOTIFY", Action::kNotify},
};

constexpr std::pair<std::string_view, Op> kOps[] = {
    {"SCMP_CMP_NE", Op::kNe},
    {"SCMP_CMP_LT", Op::kLt},
    {"SCMP_CMP_LE", Op::kLe},
    {"SCMP_CMP_EQ", Op::kEq},
    {"SCMP_CMP_GE", Op::kGe},
    {"SCMP_CMP_GT", Op::kGt},
    {"SCMP_CMP_MASKED_EQ", Op::kMaskedEq},
};

}  // namespace

std::string_view action_name(Action action) {
  for (const auto& [name, each] : kActions) {
    if (each == action) return name;
  }
  return {};
}

std::optional<Action> action_by_name(std::string_view name) {
  for (const auto& [each, action] : kActions) {
    if (each == name) return action;
  }
  return std::nullopt;
}

std::string_view op_name(Op op) {
  for (const auto& [name, each] : kOps) {
    if (each == op) return name;
  }
  return {};
}

std::optional<Op> op_by_name(std::string_view name) {
  for (const auto& [each, op] : kOps) {
    if (each == name) return op;
  }
  return std::nullopt;
}

std::vector<std::string_view> action_names() {
  std::vector<std::string_view> names;
  for (const auto& [name, action] : kActions) names.push_back(name);
  return names;
}

std::vector<std::string_view> op_names() {
  std::vector<std::string_view> names;
  for (const auto& [name, op] : kOps) names.push_back(name);
  return names;
}

}  // namespace sysnare
