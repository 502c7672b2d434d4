"""What did the programs of the corpus do? Their workloads, recorded with calling instructions.

One recording a program: a shell runs its workloads one after another, each in a folder of its own with
the files of lay_out(). The recorder tells executables apart, so shell and helpers have calls of their own,
and are judged by them when they stand in the tables. Recordings are kept in a folder, by a key of all
that they depend on, so that a change of the scan can be judged without new ones.
"""

import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from corpus_programs import PATH, Program, lay_out, make_program

# Sourced by every workload. $PORT and $PORT2 are free TCP ports of the loopback.
PRELUDE = r"""
# Until somebody listens at port $1; gives up when process $2 is gone.
await() {
  local i
  for ((i = 0; i < 400; i++)); do
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return 0
    kill -0 "$2" 2>/dev/null || return 1
    sleep 0.05
  done
  return 1
}
# Until file $1 is there; gives up when process $2 is gone.
await_file() {
  local i
  for ((i = 0; i < 400; i++)); do
    [ -e "$1" ] && return 0
    kill -0 "$2" 2>/dev/null || return 1
    sleep 0.05
  done
  return 1
}
# Ends process $1, by signal $2 (TERM), and waits for it.
finish() { kill -"${2:-TERM}" "$1"; wait "$1"; }
"""


def key_of(program: Program, path: str) -> str:
    content = json.dumps([program.run, program.setup, program.build, PRELUDE, 2])
    return hashlib.sha256(content.encode()).hexdigest() + " " + sha256_of(path)


def sha256_of(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def record(sysnare: str, program: Program, folder: Path) -> str:
    """Leaves folder/live.json behind; what went wrong, or nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    if lacks := program.lacks():
        return f"not installed: {lacks}"
    if wrong := make_program(program, folder):
        return wrong
    path = program.path(folder)
    if not path:
        return "its program is not there"
    live, key = folder / "live.json", folder / "key"
    if live.exists() and key.exists() and key.read_text() == key_of(program, path):
        return ""
    with tempfile.TemporaryDirectory(prefix="sysnare-corpus-") as work:
        try:
            wrong = run_recorded(sysnare, program, folder, Path(work))
        finally:
            unmount_below(work)
    if not wrong:
        key.write_text(key_of(program, path))
    return wrong


def unmount_below(folder: str) -> None:
    """What an engine that was ended leaves mounted."""
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mount in sorted((each for each in mounts if each.startswith(folder + "/")), reverse=True):
        subprocess.run(["umount", "-l", mount], check=False, capture_output=True)


def run_recorded(sysnare: str, program: Program, folder: Path, work: Path) -> str:
    work.chmod(0o755)
    port, port2 = free_ports(2)
    env = {"PATH": PATH, "HOME": str(work / "home"), "LANG": "C", "TERM": "dumb", "USER": "root",
           "LOGNAME": "root", "SHELL": "/bin/bash", "PROGRAM": program.path(folder), "WORK": str(work),
           "PORT": str(port), "PORT2": str(port2)}
    (work / "home").mkdir()
    script = ""
    for i, workload in enumerate(program.run):
        lay_out(work / f"w{i}")
        if program.setup:
            subprocess.run(["bash", "-c", program.setup], cwd=work / f"w{i}", env=env, timeout=60,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        (work / f"w{i}.sh").write_text(PRELUDE + workload + "\n")
        # A group of its own each, which `timeout` ends as a whole.
        script += f"(cd w{i} && timeout -k 2 {program.limit} bash ../w{i}.sh) </dev/null\n"
    (work / "all.sh").write_text(script)
    limit = 30 + len(program.run) * (program.limit + 3)
    wrong = trace(sysnare, ["bash", "all.sh"], work, env, folder, "live", limit)
    plain = plain_command(program)
    if not wrong and plain is not None:
        lay_out(work / "plain")
        # One that does not end by itself has no phases; that is no failure.
        trace(sysnare, [env["PROGRAM"], *plain], work / "plain", env, folder, "phases", program.limit)
    return wrong


def trace(sysnare: str, argv: list[str], cwd: Path, env: dict, folder: Path, name: str, limit: int) -> str:
    """Leaves folder/NAME.json behind, and what was printed."""
    file = cwd / f"{name}.json"
    command = [sysnare, "trace", "--recorder", "ebpf", "--sites", "-o", str(file), "--", *argv]
    with open(folder / f"{name}.output", "wb") as output:
        child = subprocess.Popen(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output,
                                 stderr=output, start_new_session=True)
        try:
            child.wait(limit)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGTERM)
            child.wait()
            return f"the recording took more than {limit} s"
    if not file.exists():
        return f"no recording: {(folder / f'{name}.output').read_text(errors='replace').strip()[-300:]}"
    shutil.copy(file, folder / f"{name}.json")
    return ""


def plain_command(program: Program) -> list[str] | None:
    """The arguments of the first command of its workloads that needs no shell and no `setup`.

    The recorder tells what comes before main for the program that it starts itself alone.
    """
    if program.setup:
        return None
    for workload in program.run:
        for command in workload.split(";"):
            words = command.split()
            if words and words[0] in (program.name, "$PROGRAM") and not re.search(r"[$|&<>*?\"'`~(){}\\#]",
                                                                                  command.replace("$PROGRAM", "")):
                return words[1:]
    return None


@dataclass
class Live:
    """What one executable did in all recordings."""

    path: str
    sha256: str
    # (module, key, offset) -> (ABI, number) -> how often
    sites: dict = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    # (ABI, number) -> how often
    calls: dict = field(default_factory=lambda: defaultdict(int))
    # Likewise, of calls after main began, where the recorder could tell.
    after_main: dict = field(default_factory=lambda: defaultdict(int))
    # (ABI, number) -> index of an argument -> values
    args: dict = field(default_factory=lambda: defaultdict(lambda: defaultdict(set)))
    names: dict = field(default_factory=dict)
    recordings: set = field(default_factory=set)

    @property
    def observed(self) -> int:
        return sum(self.calls.values())


def read_args(call: dict) -> dict[int, set[int]]:
    """Index of an argument -> its values, as far as they are told, by the evidence of a call."""
    return {int(index): {int(value, 16) for value in values} for index, values in call.get("args", {}).items()}


def add_recording(name: str, path: Path, all_live: dict[str, Live]) -> tuple[int, int]:
    """Adds what a recording says of each executable; (lost, without a place) of the recording."""
    evidence = json.loads(path.read_text())
    for executable in evidence.get("executables") or [evidence]:
        program = executable["program"]
        # What is executed by others begins in `start`.
        knows_phases = path.name == "phases.json" and set(executable.get("executed_by", {""})) == {""}
        live = all_live.setdefault(program["sha256"], Live(program["path"], program["sha256"]))
        live.recordings.add(name)
        for call in executable["calls"]:
            if call["origin"] != "application":
                continue
            which = (call["abi"], call["nr"])
            live.names[which] = call["name"]
            live.calls[which] += int(call["count"])
            for index, values in read_args(call).items():
                live.args[which][index] |= values
            phases = call.get("phases", {})
            if knows_phases and phases:
                live.after_main[which] += int(phases["start"]) + int(phases["steady"])
            for site in call.get("sites", []):
                offset = site["offset"]
                offset = int(offset, 16) if isinstance(offset, str) else offset
                live.sites[site["module"], site["module_key"], offset][which] += int(site["count"])
    return int(evidence["lost"]), int(evidence["unresolved_sites"])


def read_recordings(folder: Path) -> dict[str, Live]:
    """All recordings of `folder`, by the SHA-256 of the executable."""
    all_live: dict[str, Live] = {}
    for path in sorted([*folder.glob("*/live.json"), *folder.glob("*/phases.json")]):
        add_recording(path.parent.name, path, all_live)
    return all_live
