#include "cli/filter_json.h"

#include <nlohmann/json.hpp>

#include "arch/syscalls.h"
#include "base/text.h"
#include "filter/filter.h"

namespace sysnare::cli {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

std::string instructions_json(std::span<const sock_filter> program) {
  Json all = Json::array();
  const Result<std::vector<DisassembledLine>> lines = disassembled_lines(program);
  if (!lines) return all.dump();
  for (const DisassembledLine& line : *lines) {
    Json one = {{"pc", line.pc},
                {"code", line.insn.code},
                {"jt", line.insn.jt},
                {"jf", line.insn.jf},
                {"k", line.insn.k},
                {"text", line.text},
                {"target", line.is_target},
                {"runs", line.runs}};
    if (!line.comment.empty()) one["comment"] = line.comment;
    all.push_back(std::move(one));
  }
  return all.dump();
}

std::string call_json(const seccomp_data& call) {
  const auto nr = static_cast<std::uint32_t>(call.nr);
  const auto abi = abi_of(call.arch, nr);
  const std::string_view name = abi ? syscall_name({*abi, nr}) : std::string_view();
  Json json = {{"arch", hex(call.arch)}, {"nr", nr}};
  json["abi"] = abi ? Json(abi_name(*abi)) : Json(nullptr);
  json["call"] = name.empty() ? Json(nullptr) : Json(name);
  json["args"] = Json::array();
  for (const std::uint64_t arg : call.args) json["args"].push_back(hex(arg));
  return json.dump();
}

}  // namespace sysnare::cli
