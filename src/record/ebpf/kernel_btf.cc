#include "record/ebpf/kernel_btf.h"

#include <bpf/btf.h>

#include <memory>

namespace sysnare {
namespace {

struct BtfCloser {
  void operator()(btf* types) const { btf__free(types); }
};
using BtfPtr = std::unique_ptr<btf, BtfCloser>;

const btf_type* type_at(const BtfPtr& types, __s32 id) {
  return id > 0 ? btf__type_by_id(types.get(), static_cast<__u32>(id)) : nullptr;
}

/// What a pointer, typedef or const leads to, a step further.
const btf_type* behind(const BtfPtr& types, const btf_type* type) {
  return type == nullptr ? nullptr : type_at(types, static_cast<__s32>(type->type));
}

}  // namespace

std::optional<int> kernel_enum_value(const std::string& type, const std::string& name) {
  const BtfPtr types(btf__load_vmlinux_btf());
  if (!types) return std::nullopt;
  const btf_type* found =
      type_at(types, btf__find_by_name_kind(types.get(), type.c_str(), BTF_KIND_ENUM));
  if (found == nullptr) return std::nullopt;
  const struct btf_enum* const values = ::btf_enum(found);  // a type and a function
  for (int i = 0; i < btf_vlen(found); ++i) {
    if (name == btf__name_by_offset(types.get(), values[i].name_off)) return values[i].val;
  }
  return std::nullopt;
}

bool tracepoint_takes(const std::string& tracepoint, const std::string& structure) {
  const BtfPtr types(btf__load_vmlinux_btf());
  if (!types) return false;
  // typedef void (*btf_trace_NAME)(void *, first, ...): include/trace/bpf_probe.h
  const btf_type* alias = type_at(
      types,
      btf__find_by_name_kind(types.get(), ("btf_trace_" + tracepoint).c_str(), BTF_KIND_TYPEDEF));
  const btf_type* function = behind(types, behind(types, alias));
  if (function == nullptr || !btf_is_func_proto(function) || btf_vlen(function) < 2) return false;
  const btf_type* first = type_at(types, static_cast<__s32>(btf_params(function)[1].type));
  const btf_type* pointed = first != nullptr && btf_is_ptr(first) ? behind(types, first) : nullptr;
  return pointed != nullptr && btf_is_struct(pointed) &&
         structure == btf__name_by_offset(types.get(), pointed->name_off);
}

}  // namespace sysnare
