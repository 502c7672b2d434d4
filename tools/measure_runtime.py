#!/usr/bin/env python3
"""Which calls does an OCI runtime make between loading the filter and exec?

usage: unshare -m --propagation private tools/measure_runtime.py RUNTIME [RUNS]

RUNTIME is runc or crun. Needs root and tracefs (an instance of its own is made and removed). Each of
RUNS containers (default 200 for each row) runs `true` from busybox under a profile that allows
everything: with and without no_new_privs, as root and as uid 1000 with a further group, by `run` and
by `create` and `start` (as Docker and Podman do). The kernel's raw_syscalls tracepoint tells the calls
of the thread that loads the filter (of all threads, where it loads it for all) until its execve. The
tracepoint costs some 100 ns a call, so that the Go runtime's timing, on which its set of calls
depends, stays what it is; strace's would not.

Prints a table: call, and the number of runs in which it was seen. src/container/runtime_calls.cc has
the outcome, with versions.
"""
import collections
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TRACEFS = "/sys/kernel/tracing"
EVENT = re.compile(r"^\s*(.+)-(\d+)\s+\[\d+\].*?: sys_enter: NR (-?\d+) \(([^)]*)\)")
SECCOMP, EXECVE, PRCTL = 317, 59, 157  # x86_64
PR_SET_SECCOMP, TSYNC = "16", 1  # hexadecimal, as the trace has it


def syscall_names():
    """Number to name, from the project's own table."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "syscalls.tsv")
    with open(path, encoding="utf-8") as table:
        lines = [line.rstrip("\n").split("\t") for line in table if not line.startswith("#")]
    column = lines[0].index("x86_64")
    return {int(row[column]): row[0] for row in lines[1:] if row[column].isdigit()}


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def make_bundle(folder):
    root = os.path.join(folder, "rootfs")
    for each in ("bin", "proc", "dev", "sys", "etc"):
        os.makedirs(os.path.join(root, each))
    shutil.copy("/bin/busybox", os.path.join(root, "bin"))
    os.symlink("busybox", os.path.join(root, "bin/true"))
    subprocess.run(["runc", "spec"], cwd=folder, check=True)


def configure(folder, no_new_privileges, uid):
    path = os.path.join(folder, "config.json")
    with open(path, encoding="utf-8") as file:
        config = json.load(file)
    process = config["process"]
    process["terminal"] = False
    process["args"] = ["/bin/true"]
    process["noNewPrivileges"] = no_new_privileges
    process["user"] = {"uid": uid, "gid": uid}
    if uid != 0:
        process["user"]["additionalGids"] = [2000]
    # A rule for a call that nobody makes: an empty profile loads no filter at all.
    config["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": [{"names": ["vmsplice"], "action": "SCMP_ACT_ERRNO"}],
    }
    write(path, json.dumps(config))


def start(runtime, folder, by_create):
    """Runs the container of the bundle `folder` to its end."""
    name = f"sysnare-measure-{os.getpid()}"

    def call(*words):
        return subprocess.run([runtime, *words], cwd=folder, check=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE).stdout

    if not by_create:
        call("run", name)
        return
    # Not piped: the container keeps these descriptors.
    subprocess.run([runtime, "create", name], cwd=folder, check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL)
    try:
        call("start", name)
        deadline = time.monotonic() + 20
        while json.loads(call("state", name))["status"] != "stopped":
            if time.monotonic() > deadline:
                raise SystemExit(f"{name} does not end")
    finally:
        call("delete", "--force", name)


def window(trace):
    """The numbers between the last load of a filter and execve."""
    seen, loader, all_threads = None, None, False
    for line in trace.splitlines():
        event = EVENT.match(line)
        if not event:
            continue
        pid, number, words = int(event[2]), int(event[3]), event[4].split(", ")
        # libseccomp asks what the kernel can by loading null pointers; those load nothing.
        loads = number == SECCOMP and words[0] == "1" and words[2] != "0"
        if loads or (number == PRCTL and words[:2] == [PR_SET_SECCOMP, "2"]):
            seen, loader = [], pid
            all_threads = loads and int(words[1], 16) & TSYNC != 0
        elif seen is not None and EXECVE not in seen and (all_threads or pid == loader):
            seen.append(number)
    if seen is None or EXECVE not in seen:
        raise SystemExit("no filter was loaded before an execve: is the trace cut short?")
    return set(seen)


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[1] not in ("runc", "crun"):
        raise SystemExit(__doc__)
    runtime = sys.argv[1]
    runs = int(sys.argv[2]) if len(sys.argv) == 3 else 200
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # the instance is cleared away
    names = syscall_names()
    if not os.path.exists(TRACEFS + "/instances"):
        subprocess.run(["mount", "-t", "tracefs", "tracefs", TRACEFS], check=True)
    if runtime == "crun":  # it refuses a hybrid cgroup layout
        subprocess.run(["umount", "/sys/fs/cgroup/unified"], check=False, stderr=subprocess.DEVNULL)
    folder = tempfile.mkdtemp(prefix="sysnare-measure-")
    instance = f"{TRACEFS}/instances/sysnare-{os.getpid()}"
    os.mkdir(instance)
    try:
        make_bundle(folder)
        write(instance + "/buffer_size_kb", "8192")
        # Only our children: the machine may start other containers at the same time. Not by name:
        # crun takes the program's name before it execs.
        write(instance + "/set_event_pid", str(os.getpid()))
        write(instance + "/options/event-fork", "1")
        for no_new_privileges, uid, by_create in itertools.product((True, False), (0, 1000),
                                                                   (False, True)):
            configure(folder, no_new_privileges, uid)
            counts = collections.Counter()
            for _ in range(runs):
                write(instance + "/trace", "")
                write(instance + "/events/raw_syscalls/sys_enter/enable", "1")
                start(runtime, folder, by_create)
                write(instance + "/events/raw_syscalls/sys_enter/enable", "0")
                with open(instance + "/trace", encoding="utf-8", errors="replace") as file:
                    counts.update(window(file.read()))
            print(f"# {runtime} {'create, start' if by_create else 'run'}, no_new_privs "
                  f"{no_new_privileges}, uid {uid}: {runs} runs")
            for number, count in sorted(counts.items(), key=lambda item: names[item[0]]):
                print(f"{names[number]}\t{count}")
            sys.stdout.flush()
    finally:
        write(instance + "/events/raw_syscalls/sys_enter/enable", "0")
        os.rmdir(instance)
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
