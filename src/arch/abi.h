#pragma once
// Which ABI does a call belong to? A call is always (ABI, number), never a number alone.
//
// Source: include/uapi/linux/audit.h (AUDIT_ARCH_*), arch/x86/include/uapi/asm/unistd.h
// (__X32_SYSCALL_BIT), Linux 6.18; names of the OCI runtime specification 1.2, "seccomp".
// Not modelled: the ABIs that OCI knows and we have no table for (mips o32/n32, ppc, s390, parisc).

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sysnare {

enum class Abi : std::uint8_t {
  kX86_64,
  kX32,
  kI386,
  kAarch64,
  kArm,
  kRiscv64,
  kS390x,
  kPpc64le,
  kLoongarch64,
  kMips64,
};
inline constexpr std::size_t kAbiCount = 10;

/// Set in the number of every x32 call.
inline constexpr std::uint32_t kX32Bit = 0x40000000;

/// One system call: the ABI and the number as it stands in seccomp_data.nr (x32 with kX32Bit,
/// mips64 with its base 5000).
struct Call {
  Abi abi = Abi::kX86_64;
  std::uint32_t nr = 0;
  auto operator<=>(const Call&) const = default;
};

/// All ABIs, in declaration order.
std::span<const Abi> all_abis();

/// "x86_64", "x32", "i386", "aarch64", "arm", "riscv64", "s390x", "ppc64le", "loongarch64",
/// "mips64".
std::string_view abi_name(Abi abi);
/// By abi_name; also the usual other names (amd64, x86, arm64, ppc64el, …).
std::optional<Abi> abi_by_name(std::string_view name);

/// "SCMP_ARCH_X86_64"
std::string_view abi_oci_name(Abi abi);
std::optional<Abi> abi_by_oci_name(std::string_view name);
/// Whether OCI knows the architecture at all; some have no Abi here.
bool is_oci_arch(std::string_view name);

/// AUDIT_ARCH_*, as in seccomp_data.arch. x86_64 and x32 share one.
std::uint32_t audit_arch(Abi abi);
/// The ABI of a call as the kernel shows it; empty for an architecture that no table here knows.
/// On x86_64 the x32 bit in `nr` decides, as the kernel does it.
std::optional<Abi> abi_of(std::uint32_t audit_arch, std::uint32_t nr);

/// The ABI this program was built for.
Abi native_abi();
/// The ABIs that a kernel of `native` can run besides it: x86_64 -> {x32, i386}, aarch64 -> {arm}.
std::span<const Abi> sibling_abis(Abi native);

/// Bits of a user-space register and pointer in this ABI: 32 or 64 (x32: 64-bit registers).
unsigned register_bits(Abi abi);
bool is_big_endian(Abi abi);

}  // namespace sysnare
