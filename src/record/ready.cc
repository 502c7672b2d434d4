#include "record/ready.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "arch/syscalls.h"
#include "base/text.h"

namespace sysnare {
namespace {

struct ReadyRow {
  std::string_view name;
  ReadyCall what;
};

constexpr ReadyRow kRows[] = {
    {"listen", ReadyCall::kListens},
    {"accept", ReadyCall::kAccepts},
    {"accept4", ReadyCall::kAccepts},
    {"epoll_wait", ReadyCall::kWaits},
    {"epoll_pwait", ReadyCall::kWaits},
    {"epoll_pwait2", ReadyCall::kWaits},
    {"poll", ReadyCall::kWaits},
    {"ppoll", ReadyCall::kWaits},
    {"ppoll_time64", ReadyCall::kWaits},
    {"select", ReadyCall::kWaits},
    {"_newselect", ReadyCall::kWaits},
    {"pselect6", ReadyCall::kWaits},
    {"pselect6_time64", ReadyCall::kWaits},
};

}  // namespace

ReadyCall ready_call(Call call) {
  const std::string_view name = syscall_name(call);
  const auto* row = std::find_if(std::begin(kRows), std::end(kRows),
                                 [&](const ReadyRow& each) { return each.name == name; });
  return row == std::end(kRows) ? ReadyCall::kNothing : row->what;
}

std::string ready_by(Call call) {
  return fmt::format("first {}{}", call_label(call),
                     ready_call(call) == ReadyCall::kWaits ? " after a listen" : "");
}

void add_ready(Evidence& evidence, const std::string& by, std::uint64_t after_ns) {
  evidence.ready[by] = ReadyMark{1, after_ns, after_ns};
}

}  // namespace sysnare
