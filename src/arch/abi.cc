#include "arch/abi.h"

#include <linux/audit.h>
#include <linux/elf-em.h>

#include <algorithm>
#include <array>

// Newer than Debian 12's headers may be on an old build machine.
#ifndef AUDIT_ARCH_LOONGARCH64
#define AUDIT_ARCH_LOONGARCH64 (258 | __AUDIT_ARCH_64BIT | __AUDIT_ARCH_LE)
#endif

namespace sysnare {
namespace {

struct Row {
  Abi abi;
  std::string_view name;
  std::string_view oci_name;
  std::uint32_t audit_arch;
  unsigned register_bits;
  bool big_endian;
};

// Legend: our name, OCI's name, AUDIT_ARCH_*, register width, byte order.
constexpr std::array<Row, kAbiCount> kRows = {{
    {Abi::kX86_64, "x86_64", "SCMP_ARCH_X86_64", AUDIT_ARCH_X86_64, 64, false},
    {Abi::kX32, "x32", "SCMP_ARCH_X32", AUDIT_ARCH_X86_64, 64, false},
    {Abi::kI386, "i386", "SCMP_ARCH_X86", AUDIT_ARCH_I386, 32, false},
    {Abi::kAarch64, "aarch64", "SCMP_ARCH_AARCH64", AUDIT_ARCH_AARCH64, 64, false},
    {Abi::kArm, "arm", "SCMP_ARCH_ARM", AUDIT_ARCH_ARM, 32, false},
    {Abi::kRiscv64, "riscv64", "SCMP_ARCH_RISCV64", AUDIT_ARCH_RISCV64, 64, false},
    {Abi::kS390x, "s390x", "SCMP_ARCH_S390X", AUDIT_ARCH_S390X, 64, true},
    {Abi::kPpc64le, "ppc64le", "SCMP_ARCH_PPC64LE", AUDIT_ARCH_PPC64LE, 64, false},
    {Abi::kLoongarch64, "loongarch64", "SCMP_ARCH_LOONGARCH64", AUDIT_ARCH_LOONGARCH64, 64, false},
    {Abi::kMips64, "mips64", "SCMP_ARCH_MIPS64", AUDIT_ARCH_MIPS64, 64, true},
}};

constexpr std::array<Abi, kAbiCount> kAll = {
    Abi::kX86_64,  Abi::kX32,   Abi::kI386,    Abi::kAarch64,     Abi::kArm,
    Abi::kRiscv64, Abi::kS390x, Abi::kPpc64le, Abi::kLoongarch64, Abi::kMips64};

// Names by which people and other tools know the same ABIs.
constexpr std::pair<std::string_view, Abi> kAliases[] = {
    {"amd64", Abi::kX86_64},     {"x86-64", Abi::kX86_64},   {"x86", Abi::kI386},
    {"i686", Abi::kI386},        {"386", Abi::kI386},        {"arm64", Abi::kAarch64},
    {"armhf", Abi::kArm},        {"ppc64el", Abi::kPpc64le}, {"loong64", Abi::kLoongarch64},
    {"mips64n64", Abi::kMips64},
};

// Known to OCI (config-linux.md 1.2), with no table here.
constexpr std::string_view kOtherOciArchs[] = {
    "SCMP_ARCH_MIPS",        "SCMP_ARCH_MIPS64N32", "SCMP_ARCH_MIPSEL", "SCMP_ARCH_MIPSEL64",
    "SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PPC",       "SCMP_ARCH_PPC64",  "SCMP_ARCH_S390",
    "SCMP_ARCH_PARISC",      "SCMP_ARCH_PARISC64",  "SCMP_ARCH_M68K",   "SCMP_ARCH_SH",
    "SCMP_ARCH_SHEB",
};

const Row& row(Abi abi) { return kRows[static_cast<std::size_t>(abi)]; }

}  // namespace

std::span<const Abi> all_abis() { return kAll; }

std::string_view abi_name(Abi abi) { return row(abi).name; }

std::optional<Abi> abi_by_name(std::string_view name) {
  for (const Row& r : kRows) {
    if (r.name == name) return r.abi;
  }
  for (const auto& [alias, abi] : kAliases) {
    if (alias == name) return abi;
  }
  return std::nullopt;
}

std::string_view abi_oci_name(Abi abi) { return row(abi).oci_name; }

std::optional<Abi> abi_by_oci_name(std::string_view name) {
  for (const Row& r : kRows) {
    if (r.oci_name == name) return r.abi;
  }
  return std::nullopt;
}

bool is_oci_arch(std::string_view name) {
  return abi_by_oci_name(name).has_value() ||
         std::find(std::begin(kOtherOciArchs), std::end(kOtherOciArchs), name) !=
             std::end(kOtherOciArchs);
}

std::uint32_t audit_arch(Abi abi) { return row(abi).audit_arch; }

std::optional<Abi> abi_of(std::uint32_t audit_arch, std::uint32_t nr) {
  // -1 is what a tracer writes to skip a call; with the x32 bit set it is still no x32 call.
  if (audit_arch == AUDIT_ARCH_X86_64) {
    return (nr & kX32Bit) != 0 && nr != UINT32_MAX ? Abi::kX32 : Abi::kX86_64;
  }
  for (const Row& r : kRows) {
    if (r.audit_arch == audit_arch) return r.abi;
  }
  return std::nullopt;
}

Abi native_abi() {
#if defined(__x86_64__) && defined(__ILP32__)
  return Abi::kX32;
#elif defined(__x86_64__)
  return Abi::kX86_64;
#elif defined(__aarch64__)
  return Abi::kAarch64;
#else
#error "sysnare runs on x86_64 and aarch64"
#endif
}

std::span<const Abi> sibling_abis(Abi native) {
  static constexpr Abi kX86Siblings[] = {Abi::kX32, Abi::kI386};
  static constexpr Abi kAarch64Siblings[] = {Abi::kArm};
  if (native == Abi::kX86_64) return kX86Siblings;
  if (native == Abi::kAarch64) return kAarch64Siblings;
  return {};
}

unsigned register_bits(Abi abi) { return row(abi).register_bits; }

bool is_big_endian(Abi abi) { return row(abi).big_endian; }

}  // namespace sysnare
