#!/usr/bin/env python3
"""Records many short containers in a row by `sysnare hook`, and holds each recording against the truth.

  tools/proof.py SYSNARE [COUNT] [--runtime runc|crun]

Each container is a bundle of busybox alone. Its shell makes a number of folders that differs from container
to container, so that every recording has a truth of its own; meanwhile another process outside makes a call
that no container makes. A recording passes when nothing is lost, the counts are the truth, every executable
is the container's, and no call is there that the first container did not make too.

Needs root. Prints progress on a terminal, and one line at the end; ends with 1 at the first wrong recording.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

MOST_FOLDERS = 9
WRITTEN_WITHIN = 20  # seconds between a container's end and its evidence
PROGRAM = "/bin/busybox"
# busybox runs mkdir in a child of its own, and executes nothing for it: one executable, and a process more than
# folders.
SCRIPT = "i=0; while [ $i -lt {n} ]; do mkdir /tmp/x$i; i=$((i + 1)); done; echo {n}"
# A call that neither the shell nor a runtime makes.
NOISE = "import os, time\nwhile True:\n    os.getpriority(os.PRIO_PROCESS, 0)\n    time.sleep(0.001)"
FOREIGN = "getpriority"


class Wrong(Exception):
    pass


def find(*names):
    for name in names:
        path = shutil.which(name)
        if path:
            return path
    raise Wrong(f"no {' or '.join(names)} in PATH")


def is_hybrid():
    with open("/proc/self/mounts") as mounts:
        return any(line.split()[1] == "/sys/fs/cgroup/unified" for line in mounts)


class Bundle:
    """Where the containers are started, and how."""

    def __init__(self, folder, sysnare, runtime):
        self.folder, self.runtime = folder, runtime
        self.group = f"sysnare-proof-{os.getpid()}"
        self.evidence = os.path.join(folder, "evidence")
        root = os.path.join(folder, "rootfs")
        for each in ("bin", "proc", "dev", "sys", "tmp"):
            os.makedirs(os.path.join(root, each))
        os.mkdir(self.evidence, 0o700)
        shutil.copy(find("busybox"), root + PROGRAM)
        subprocess.run([runtime, "spec"], cwd=folder, check=True)
        with open(os.path.join(folder, "config.json")) as file:
            self.config = json.load(file)
        self.config["process"]["terminal"] = False
        self.config["root"] = {"path": "rootfs", "readonly": False}
        self.config["mounts"] = [m for m in self.config["mounts"] if m["destination"] in ("/proc", "/dev")]
        self.config["mounts"].append(
            {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid"]})
        self.config["annotations"] = {"io.sysnare.output": ""}
        self.config["hooks"] = {"createRuntime": [
            {"path": sysnare, "args": [sysnare, "hook", "--dir", self.evidence]}]}
        self.prefix = []
        if os.path.basename(runtime) == "crun" and is_hybrid():
            # crun 1.8 refuses to work beside the cgroup v2 tree of a hybrid layout.
            self.prefix = ["unshare", "-m", "--propagation", "private", "sh", "-c",
                           "umount /sys/fs/cgroup/unified && exec \"$@\"", "sh"]

    def run(self, name, folders):
        """The evidence of a container that makes `folders` folders."""
        self.config["process"]["args"] = [PROGRAM, "sh", "-c", SCRIPT.format(n=folders)]
        self.config["linux"]["cgroupsPath"] = f"/{self.group}/{name}"
        with open(os.path.join(self.folder, "config.json"), "w") as file:
            json.dump(self.config, file)
        state = os.path.join(self.folder, "state")
        done = subprocess.run(self.prefix + [self.runtime, "--root", state, "run", name], cwd=self.folder,
                              capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode != 0 or done.stdout != f"{folders}\n":
            raise Wrong(f"{name}: status {done.returncode}, it printed {done.stdout!r}: {done.stderr.strip()}")
        path = os.path.join(self.evidence, name + ".evidence.json")
        end = time.monotonic() + WRITTEN_WITHIN
        while not os.path.exists(path):
            if time.monotonic() > end:
                raise Wrong(f"{name}: no evidence {WRITTEN_WITHIN} s after its end")
            time.sleep(0.002)
        with open(path) as file:
            evidence = json.load(file)
        os.unlink(path)
        return evidence

    def clear(self):
        for parent, _, _ in os.walk("/sys/fs/cgroup", topdown=False):
            if f"/{self.group}/" in parent + "/":
                try:
                    os.rmdir(parent)
                except OSError:
                    pass


def check(name, evidence, folders, known):
    """Raises Wrong unless the recording is right; gives how many calls it has."""
    counts = {call["name"]: call["count"] for call in evidence["calls"] if call["origin"] == "application"}
    origins = {call["origin"] for call in evidence["calls"]}
    programs = {each["program"]["path"] for each in evidence.get("executables", [])
                if any(call["origin"] == "application" for call in each["calls"])}
    programs = programs or {evidence["program"]["path"]}
    if evidence["lost"] != 0:
        raise Wrong(f"{name}: {evidence['lost']} lost")
    if evidence.get("workload", {}).get("id") != name:
        raise Wrong(f"{name}: recorded as {evidence.get('workload')}")
    if counts.get("mkdir") != folders:
        raise Wrong(f"{name}: {counts.get('mkdir')} mkdir, {folders} were made")
    if counts.get("exit_group") != folders + 1:
        raise Wrong(f"{name}: {counts.get('exit_group')} exit_group of {folders + 1} processes")
    if not origins <= {"application", "runtime"}:
        raise Wrong(f"{name}: origins {sorted(origins)}")
    if programs != {PROGRAM}:
        raise Wrong(f"{name}: executables {sorted(programs)}")
    if FOREIGN in counts:
        raise Wrong(f"{name}: {FOREIGN}, which another process made")
    known.setdefault("calls", set(counts))
    if set(counts) != known["calls"]:
        raise Wrong(f"{name}: calls unlike the first's: {sorted(set(counts) ^ known['calls'])}")
    return sum(counts.values())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("sysnare")
    parser.add_argument("count", type=int, nargs="?", default=1000)
    parser.add_argument("--runtime")
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="sysnare-proof-")
    began, calls, known, bundle, noise = time.monotonic(), 0, {}, None, None
    try:
        runtime = options.runtime or find("runc", "crun")
        bundle = Bundle(folder, os.path.abspath(options.sysnare), runtime)
        noise = subprocess.Popen([sys.executable, "-c", NOISE])
        for i in range(options.count):
            folders = 1 + i % MOST_FOLDERS
            name = f"{bundle.group}-{i + 1}"
            calls += check(name, bundle.run(name, folders), folders, known)
            if sys.stdout.isatty():
                print(f"\r{i + 1} of {options.count} containers, {calls} calls, 0 lost", end="", flush=True)
            elif (i + 1) % 100 == 0 and i + 1 < options.count:
                print(f"{i + 1} of {options.count} containers", flush=True)
        if sys.stdout.isatty():
            print("\r\x1b[K", end="")
    except Wrong as wrong:
        print(f"proof: {wrong}", file=sys.stderr)
        return 1
    finally:
        if noise:
            noise.kill()
            noise.wait()
        if bundle:
            bundle.clear()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"proof: {options.count} containers recorded under {os.path.basename(runtime)} in "
          f"{time.monotonic() - began:.0f} s: {calls} calls, 0 lost, 0 foreign")
    return 0


if __name__ == "__main__":
    sys.exit(main())
