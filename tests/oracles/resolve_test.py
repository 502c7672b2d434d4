#!/usr/bin/env python3
"""Does `sysnare convert --resolve` give the flat profile that the engine would make?

The rules are written down a second time here, with no table and no line of sysnare. Source: Docker's
page on seccomp profiles and moby's profiles/seccomp/seccomp_linux.go (20.10 to 28), which
containers/common follows. archMap gives the engine's own architecture with its subArchitectures, and
nothing where it has no row for it; an entry goes when `excludes` meets (one of its capabilities, the
architecture, a kernel from minKernel on) or `includes` does not (all capabilities, the architecture,
minKernel); the others stay as they are, in their order.
"""

import errno
import itertools
import json
import sys
import tempfile

sys.dont_write_bytecode = True
from profiles import DOCKER, PODMAN, skip, sysnare  # noqa: E402

# --arch -> the engine's word in includes and excludes, OCI's name.
MACHINES = {
    "x86_64": ("amd64", "SCMP_ARCH_X86_64"),
    "i386": ("x86", "SCMP_ARCH_X86"),
    "aarch64": ("arm64", "SCMP_ARCH_AARCH64"),
    "arm": ("arm", "SCMP_ARCH_ARM"),
    "s390x": ("s390x", "SCMP_ARCH_S390X"),
    "ppc64le": ("ppc64le", "SCMP_ARCH_PPC64LE"),
    "riscv64": ("riscv64", "SCMP_ARCH_RISCV64"),
    "loongarch64": ("loong64", "SCMP_ARCH_LOONGARCH64"),
    "mips64": ("mips64", "SCMP_ARCH_MIPS64"),
}
KERNELS = ("3.10", "4.7", "4.8", "4.19", "5.4", "6.1", "6.18")
# What `docker run` gives, one capability more each time, and all that the files ask for.
DEFAULT_CAPS = ("CAP_CHOWN CAP_DAC_OVERRIDE CAP_FSETID CAP_FOWNER CAP_MKNOD CAP_NET_RAW CAP_SETGID "
                "CAP_SETUID CAP_SETFCAP CAP_SETPCAP CAP_NET_BIND_SERVICE CAP_SYS_CHROOT CAP_KILL "
                "CAP_AUDIT_WRITE").split()

# What no engine's file has, but what the rules speak of.
MADE_UP = {
    "defaultAction": "SCMP_ACT_ERRNO",
    "defaultErrno": "ENOSYS",
    "archMap": [
        {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]},
        {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_ARM"]},
        {"architecture": "SCMP_ARCH_RISCV64", "subArchitectures": None},
    ],
    "syscalls": [
        {"name": "mkdir", "action": "SCMP_ACT_ERRNO", "errno": "EACCES"},
        {"name": "", "names": ["read", "no_such_call"], "action": "SCMP_ACT_ALLOW", "includes": {}},
        {"names": ["bpf"], "action": "SCMP_ACT_ALLOW",
         "includes": {"caps": ["CAP_BPF", "CAP_PERFMON"]}},
        {"names": ["chroot"], "action": "SCMP_ACT_ALLOW",
         "excludes": {"caps": ["CAP_SYS_CHROOT", "CAP_BPF"]}},
        {"names": ["ptrace"], "action": "SCMP_ACT_ALLOW",
         "includes": {"minKernel": "4.8", "arches": ["amd64", "s390x"]},
         "excludes": {"minKernel": "6.1"}},
        {"names": ["clone"], "action": "SCMP_ACT_TRACE", "errnoRet": 7, "excludes": {"arches": ["x86"]},
         "args": [{"index": 1, "value": 2114060288, "valueTwo": 3, "op": "SCMP_CMP_MASKED_EQ"},
                  {"index": 0, "value": 18446744073709551615, "op": "SCMP_CMP_NE"}]},
    ],
}


def version(text):
    return tuple(int(part) for part in text.split("."))


def is_left_out(call, arch, kernel, caps):
    excludes = call.get("excludes") or {}
    includes = call.get("includes") or {}
    if arch in (excludes.get("arches") or []) or caps & set(excludes.get("caps") or []):
        return True
    if excludes.get("minKernel") and kernel >= version(excludes["minKernel"]):
        return True
    if includes.get("arches") and arch not in includes["arches"]:
        return True
    if set(includes.get("caps") or []) - caps:
        return True
    return bool(includes.get("minKernel")) and kernel < version(includes["minKernel"])


def errno_of(given, number, name):
    if given.get(number) is not None:
        return given[number]
    return getattr(errno, given[name]) if given.get(name) else None


def flat(call):
    return {
        "names": call.get("names") or [call["name"]],
        "action": call["action"],
        "errnoRet": errno_of(call, "errnoRet", "errno"),
        "args": [(arg["index"], arg["op"], arg["value"], arg.get("valueTwo") or 0)
                 for arg in call.get("args") or []],
    }


def expected(profile, machine, kernel, caps, only_arch):
    arch, own = MACHINES[machine]
    architectures = profile.get("architectures") or []
    for row in profile.get("archMap") or []:
        if row["architecture"] == own:
            architectures = [own] if only_arch else [own, *(row.get("subArchitectures") or [])]
            break
    return {
        "defaultAction": profile["defaultAction"],
        "defaultErrnoRet": errno_of(profile, "defaultErrnoRet", "defaultErrno"),
        "architectures": sorted(architectures),
        "syscalls": [flat(call) for call in profile["syscalls"]
                     if not is_left_out(call, arch, kernel, caps)],
    }


def given(text):
    profile = json.loads(text)
    return {
        "defaultAction": profile["defaultAction"],
        "defaultErrnoRet": profile.get("defaultErrnoRet"),
        "architectures": sorted(profile.get("architectures") or []),
        "syscalls": [flat(call) for call in profile["syscalls"]],
    }


def cap_sets(profile):
    named = set()
    for call in profile["syscalls"]:
        for condition in (call.get("includes") or {}, call.get("excludes") or {}):
            named |= set(condition.get("caps") or [])
    yield set()
    yield set(DEFAULT_CAPS)
    yield named
    for cap in sorted(named):
        yield set(DEFAULT_CAPS) ^ {cap}


def compare(path, profile):
    # Machines and kernels with few capabilities, and all capabilities on one machine.
    sets = list(cap_sets(profile))
    cases = [*itertools.product(MACHINES, KERNELS, sets[:3], (False,)),
             *itertools.product(("x86_64",), ("5.4",), sets, (False,)),
             *itertools.product(MACHINES, ("6.1",), sets[1:2], (True,))]
    entries = set()
    for machine, kernel, caps, only_arch in cases:
        words = ["convert", "--resolve", "--arch", machine, "--kernel", kernel, path]
        words += ["--caps", ",".join(sorted(caps))] if caps else []
        words += ["--only-arch"] if only_arch else []
        ours = given(sysnare(*words))
        theirs = expected(profile, machine, version(kernel), caps, only_arch)
        entries.add(len(theirs["syscalls"]))
        if ours != theirs:
            print(f"{' '.join(map(str, words))}:")
            for key, value in theirs.items():
                if ours[key] != value:
                    print(f"  {key}: sysnare {str(ours[key])[:2000]}\n  the rules {str(value)[:2000]}")
            return False
    # A comparison in which nothing ever goes would say nothing.
    assert len(entries) > 1, f"{path}: every machine has the same entries"
    print(f"{path}: equal in {len(cases)} cases, {min(entries)} to {max(entries)} entries")
    return True


def main():
    equal = True
    with tempfile.NamedTemporaryFile("w", suffix=".json") as made_up:
        json.dump(MADE_UP, made_up)
        made_up.flush()
        for path in (made_up.name, DOCKER, PODMAN):
            try:
                with open(path, encoding="utf-8") as file:
                    profile = json.load(file)
            except FileNotFoundError:
                missing.append(str(path))
                continue
            equal = compare(path, profile) and equal
    if not equal:
        sys.exit(1)
    if missing:
        skip(f"no {' and no '.join(missing)} (SYSNARE_TEST_DATA, golang-github-containers-common)")


missing = []
if __name__ == "__main__":
    main()
