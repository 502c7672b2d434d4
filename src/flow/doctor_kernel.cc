// The kernel's and the user's part of the doctor's report.

#include <fmt/format.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <optional>

#include "arch/syscalls.h"
#include "base/file.h"
#include "base/text.h"
#include "flow/doctor.h"
#include "flow/probes.h"
#include "process/capture.h"

namespace sysnare {
namespace {

struct Version {
  std::uint64_t major = 0;
  std::uint64_t minor = 0;
  auto operator<=>(const Version&) const = default;
};

Version kernel_version() {
  utsname name{};
  ::uname(&name);
  const std::vector<std::string_view> parts = split(name.release, '.');
  const auto number = [&](std::size_t index) {
    const std::string_view text = index < parts.size() ? parts[index] : "";
    return parse_u64(text.substr(0, text.find_first_not_of("0123456789"))).value_or(0);
  };
  return {number(0), number(1)};
}

/// The text of a small kernel file, trimmed; empty when it cannot be read.
std::optional<std::string> kernel_file(const std::string& path) {
  Result<std::string> text = read_file(path, 1u << 20);
  if (!text) return std::nullopt;
  return std::string(trim(*text));
}

std::string failure_text(const Probe& probe) {
  if (probe.killed_by != 0) {
    return fmt::format("{}: the caller died of {}", probe.step, signal_name(probe.killed_by));
  }
  if (probe.sys_errno == 0) return fmt::format("{} did not do what it should", probe.step);
  return fmt::format("{}: {}", probe.step, strerrordesc_np(probe.sys_errno));
}

constexpr std::string_view kHostRemedy =
    "inside a container: run on the host, or give the container a profile that allows it";

Finding from_probe(std::string name, const Probe& probe, bool needed, std::string works,
                   std::string cost, std::string remedy) {
  Finding finding{.group = "kernel", .name = std::move(name), .needed = needed};
  if (probe.works) {
    finding.value = std::move(works);
  } else {
    finding.standing = Standing::kMissing;
    finding.value = failure_text(probe);
    finding.cost = std::move(cost);
    finding.remedy = std::move(remedy);
  }
  return finding;
}

Finding examine_version() {
  utsname name{};
  ::uname(&name);
  Finding finding{.group = "kernel", .name = "kernel"};
  finding.value = fmt::format("Linux {} {}", name.release, name.machine);
  if (kernel_version() < Version{5, 5}) {
    finding.standing = Standing::kPartly;
    finding.cost = "before Linux 5.5 a call under watch cannot go on after its alert";
    finding.remedy = "use Linux 5.11 or later";
  }
  return finding;
}

Finding examine_actions() {
  struct Known {
    const char* name;
    unsigned action;
  };
  constexpr Known kActions[] = {
      {"kill_process", SECCOMP_RET_KILL_PROCESS},
      {"kill_thread", SECCOMP_RET_KILL_THREAD},
      {"trap", SECCOMP_RET_TRAP},
      {"errno", SECCOMP_RET_ERRNO},
      {"user_notif", SECCOMP_RET_USER_NOTIF},
      {"trace", SECCOMP_RET_TRACE},
      {"log", SECCOMP_RET_LOG},
      {"allow", SECCOMP_RET_ALLOW},
  };
  Finding finding{.group = "kernel", .name = "seccomp actions", .needed = true};
  // The file is what people know; where /proc/sys is masked, the call answers.
  const std::optional<std::string> file = kernel_file("/proc/sys/kernel/seccomp/actions_avail");
  std::vector<std::string_view> listed;
  if (file) listed = split(*file, ' ');
  std::vector<std::string> have;
  std::vector<std::string> lacking;
  for (const Known& each : kActions) {
    const bool available = file ? std::find(listed.begin(), listed.end(), each.name) != listed.end()
                                : action_available(each.action);
    (available ? have : lacking).emplace_back(each.name);
  }
  finding.value = have.empty() ? "none" : fmt::format("{}", fmt::join(have, " "));
  if (!lacking.empty()) {
    finding.standing = Standing::kMissing;
    finding.cost = fmt::format("profiles that use {} do not load", fmt::join(lacking, ", "));
    finding.remedy = "use Linux 5.0 or later, built with CONFIG_SECCOMP_FILTER";
  }
  return finding;
}

Finding examine_flags() {
  const std::vector<std::string> flags = filter_flags();
  Finding finding{.group = "kernel", .name = "filter flags"};
  finding.value = flags.empty() ? "none" : fmt::format("{}", fmt::join(flags, " "));
  const auto has = [&](const char* name) {
    return std::find(flags.begin(), flags.end(), name) != flags.end();
  };
  if (!has("wait_killable_recv")) {
    finding.standing = Standing::kPartly;
    finding.cost = "a signal can make a watched call start over: more notifications, same result";
    finding.remedy = "use Linux 5.19 or later";
  }
  return finding;
}

Finding examine_cache() {
  Finding finding{.group = "kernel", .name = "constant-allow cache"};
  if (kernel_version() >= Version{5, 11}) {
    finding.value = "yes (Linux 5.11 or later)";
  } else {
    finding.standing = Standing::kMissing;
    finding.value = "no, the kernel is older than 5.11";
    finding.cost = "every allowed call runs the whole filter, some tens of nanoseconds each";
    finding.remedy = "use Linux 5.11 or later";
  }
  return finding;
}

bool has_capability(unsigned capability) {
  const std::optional<std::string> status = kernel_file("/proc/self/status");
  if (!status) return ::geteuid() == 0;
  for (std::string_view line : split(*status, '\n')) {
    constexpr std::string_view kKey = "CapEff:";
    if (!line.starts_with(kKey)) continue;
    const auto set = parse_u64("0x" + std::string(trim(line.substr(kKey.size()))));
    return set && ((*set >> capability) & 1) != 0;
  }
  return false;
}

Finding examine_attach() {
  Finding finding{.group = "kernel", .name = "ptrace attach"};
  const auto scope = kernel_file("/proc/sys/kernel/yama/ptrace_scope");
  const bool capable = has_capability(CAP_SYS_PTRACE);
  if (!scope || *scope == "0") {
    finding.value = scope ? "any process of one's own (yama ptrace_scope 0)"
                          : "any process of one's own (no yama)";
  } else if (capable && *scope != "3") {
    finding.value = fmt::format("with CAP_SYS_PTRACE (yama ptrace_scope {})", printable(*scope));
  } else {
    finding.standing = *scope == "1" ? Standing::kPartly : Standing::kMissing;
    finding.value = fmt::format("yama ptrace_scope {}", printable(*scope));
    finding.cost = "`sysnare trace -p PID` cannot attach; launching under trace works with scope 1";
    finding.remedy = *scope == "3" ? "scope 3 holds until the next boot: boot with a lower one"
                                   : "run as root, or `sysctl kernel.yama.ptrace_scope=0` as root";
  }
  return finding;
}

Finding examine_ebpf() {
  const Probe probe = probe_ebpf();
  Finding finding = from_probe("eBPF", probe, false, "a program loads and hooks sys_enter",
                               "recording goes by ptrace, which slows the program down more",
                               "run as root, or with CAP_BPF and CAP_PERFMON");
  if (!probe.works && has_capability(CAP_SYS_ADMIN)) {
    finding.remedy =
        "use a kernel with CONFIG_BPF_SYSCALL and CONFIG_BPF_EVENTS that is not "
        "locked down to confidentiality, outside any container";
  }
  return finding;
}

Finding examine_btf() {
  constexpr std::string_view kMagic = "\x9f\xeb";  // 0xeb9f, little-endian: linux/btf.h
  constexpr std::string_view kMagicBig = "\xeb\x9f";
  Finding finding{.group = "kernel", .name = "BTF"};
  const std::string path = "/sys/kernel/btf/vmlinux";
  Result<std::string> text = read_file(path);
  if (text && (text->starts_with(kMagic) || text->starts_with(kMagicBig))) {
    finding.value = fmt::format("{}, {} bytes", path, with_commas(text->size()));
  } else {
    finding.standing = Standing::kMissing;
    finding.value = text ? path + " is no BTF" : printable(text.error().message);
    finding.cost = "eBPF programs that fit themselves to the kernel (CO-RE) do not load";
    finding.remedy = "use a kernel built with CONFIG_DEBUG_INFO_BTF, with /sys mounted";
  }
  return finding;
}

/// The kernel's build options, wherever this distribution keeps them.
std::optional<std::string> kernel_config(std::string& from) {
  utsname name{};
  ::uname(&name);
  const std::string release = name.release;
  for (const std::string& path :
       {"/boot/config-" + release, "/lib/modules/" + release + "/config",
        "/usr/lib/kernel/config-" + release, "/usr/src/linux-headers-" + release + "/.config"}) {
    std::error_code failed;
    if (!std::filesystem::is_regular_file(path, failed)) continue;
    if (Result<std::string> text = read_file(path)) {
      from = path;
      return *std::move(text);
    }
  }
  from = "/proc/config.gz";
  std::error_code failed;
  if (!std::filesystem::exists(from, failed)) return std::nullopt;
  Captured text = capture({.argv = {"gzip", "-dc", from}}, kDoctorLimit);
  if (!text.ok()) return std::nullopt;
  return std::move(text.out);
}

Finding examine_config() {
  Finding finding{.group = "kernel", .name = "kernel config"};
  std::string from;
  const std::optional<std::string> text = kernel_config(from);
  if (!text) {
    finding.standing = Standing::kUnknown;
    finding.value = "not readable (neither /boot/config-RELEASE nor /proc/config.gz)";
    finding.cost = "nothing: what matters was tried above";
    finding.remedy = "`modprobe configs` as root may give /proc/config.gz";
    return finding;
  }
  std::vector<std::string> set;
  bool filter = false;
  for (std::string_view line : split(*text, '\n')) {
    const std::string_view option = line.substr(0, line.find('='));
    if (option.find("SECCOMP") == std::string_view::npos || !line.starts_with("CONFIG_")) continue;
    filter = filter || line == "CONFIG_SECCOMP_FILTER=y";
    set.push_back(printable(line));
  }
  std::sort(set.begin(), set.end());
  finding.value = fmt::format("{} ({})", fmt::join(set, " "), from);
  if (!filter) {
    finding.standing = Standing::kMissing;
    finding.value = fmt::format("no CONFIG_SECCOMP_FILTER=y in {}", from);
    finding.cost = "the kernel has no filters";
    finding.remedy = "use a kernel built with CONFIG_SECCOMP_FILTER";
  }
  return finding;
}

Finding examine_logged() {
  Finding finding{.group = "kernel", .name = "logged actions"};
  const auto logged = kernel_file("/proc/sys/kernel/seccomp/actions_logged");
  if (logged && logged->find("log") != std::string::npos) {
    finding.value = printable(*logged);
    return finding;
  }
  finding.standing = logged ? Standing::kPartly : Standing::kUnknown;
  finding.value =
      logged ? printable(*logged) : "/proc/sys/kernel/seccomp/actions_logged not readable";
  finding.cost = "calls under SCMP_ACT_LOG may leave no line in the kernel's log";
  finding.remedy =
      "as root: `sysctl kernel.seccomp.actions_logged=\"kill_process kill_thread trap "
      "errno user_notif trace log\"`";
  return finding;
}

Finding examine_cgroup() {
  Finding finding{.group = "kernel", .name = "cgroup v2"};
  for (const char* root : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
    if (::access((std::string(root) + "/cgroup.procs").c_str(), F_OK) == 0 &&
        ::access((std::string(root) + "/cgroup.controllers").c_str(), F_OK) == 0) {
      finding.value = root;
      return finding;
    }
  }
  finding.standing = Standing::kMissing;
  finding.value = "not mounted at /sys/fs/cgroup";
  finding.cost = "workloads cannot be told apart by cgroup";
  finding.remedy = "boot with systemd.unified_cgroup_hierarchy=1, or mount cgroup2";
  return finding;
}

/// Whether calls of a second ABI are made here; nothing on machines that have none.
void examine_abi(std::vector<Finding>& findings, std::string_view abi,
                 const std::optional<Probe>& probe, std::string remedy) {
  if (!probe) return;
  Finding finding = from_probe(
      fmt::format("{} calls", abi), *probe, false, fmt::format("are made ({})", probe->step),
      fmt::format("{0} programs do not start; what a profile says about {0} calls cannot be tried "
                  "here",
                  abi),
      std::move(remedy));
  // A filter around us has answered in the kernel's place.
  if (probe->killed_by == SIGSYS || probe->sys_errno == EPERM) {
    finding.standing = Standing::kUnknown;
    finding.value += ", by a filter around us";
    finding.remedy = kHostRemedy;
  }
  findings.push_back(std::move(finding));
}

}  // namespace

std::string_view standing_name(Standing standing) {
  switch (standing) {
    case Standing::kOk:
      return "ok";
    case Standing::kPartly:
      return "partly";
    case Standing::kMissing:
      return "missing";
    case Standing::kUnknown:
      break;
  }
  return "unknown";
}

std::vector<Finding> examine_kernel() {
  std::vector<Finding> findings;
  findings.push_back(examine_version());
  findings.push_back(
      from_probe("seccomp filters", probe_filter(), true, "a filter loads and refuses a call",
                 "no profile can be enforced",
                 std::string(kHostRemedy) + "; else use a kernel with CONFIG_SECCOMP_FILTER"));
  findings.push_back(examine_actions());
  findings.push_back(examine_flags());
  findings.push_back(from_probe(
      "user notification", probe_notification(), true, "a call was held, seen and continued",
      "`sysnare watch` has no trip wire",
      std::string(kHostRemedy) + "; a process that is watched already cannot be watched twice"));
  findings.push_back(examine_cache());
  findings.push_back(from_probe("no_new_privs", probe_no_new_privs(), true, "can be set",
                                "filters load for root only", "use Linux 3.5 or later"));
  findings.push_back(from_probe("ptrace", probe_ptrace(), true, "a child was seized and read",
                                "`sysnare trace` cannot record",
                                std::string(kHostRemedy) +
                                    "; with yama ptrace_scope 2 run as root, 3 needs a reboot; "
                                    "PTRACE_GET_SYSCALL_INFO needs Linux 5.3"));
  findings.push_back(examine_attach());
  examine_abi(findings, "i386", probe_i386(),
              "use a kernel with CONFIG_IA32_EMULATION, booted without ia32_emulation=off");
  examine_abi(findings, "x32", probe_x32(),
              "nothing ordinary needs it; a kernel with CONFIG_X86_X32_ABI has it");
  findings.push_back(examine_ebpf());
  findings.push_back(examine_btf());
  findings.push_back(examine_logged());
  findings.push_back(examine_cgroup());
  findings.push_back(examine_config());
  return findings;
}

std::vector<Finding> examine_user() {
  struct Capability {
    unsigned number;
    const char* name;
  };
  constexpr Capability kWanted[] = {{CAP_SYS_ADMIN, "CAP_SYS_ADMIN"},
                                    {CAP_SYS_PTRACE, "CAP_SYS_PTRACE"},
                                    {CAP_BPF, "CAP_BPF"},
                                    {CAP_PERFMON, "CAP_PERFMON"}};
  std::vector<std::string> have;
  std::vector<std::string> lacking;
  for (const Capability& each : kWanted) {
    (has_capability(each.number) ? have : lacking).emplace_back(each.name);
  }
  Finding finding{.group = "user", .name = "privileges"};
  finding.value = fmt::format("uid {}{}{}", ::geteuid(), have.empty() ? ", no capability" : ", ",
                              fmt::join(have, " "));
  if (!lacking.empty()) {
    finding.standing = Standing::kPartly;
    finding.cost = fmt::format(
        "without {}: other users' processes, eBPF and `--privileged-load` are out of reach; trace, "
        "run and watch of one's own programs work",
        fmt::join(lacking, ", "));
    finding.remedy = "run as root where that is wanted";
  }
  return {finding};
}

bool core_works(const std::vector<Finding>& findings) {
  return std::none_of(findings.begin(), findings.end(), [](const Finding& finding) {
    return finding.needed && finding.standing == Standing::kMissing;
  });
}

}  // namespace sysnare
