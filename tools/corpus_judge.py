"""Does the scan know every call that was seen live? One program held against its recordings."""

import json
import os
import resource
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from corpus_traces import Live, read_args

SCAN_LIMIT = 120  # seconds


@dataclass
class Scan:
    """One run of `sysnare scan`."""

    seconds: float
    memory: int  # bytes, at most at once
    failure: str = ""
    crashed: bool = False
    evidence: dict = field(default_factory=dict)


def scan(sysnare: str, program: str, cache: str, options: list[str] | None = None) -> Scan:
    with tempfile.TemporaryDirectory(prefix="sysnare-scan-") as folder:
        out = Path(folder, "scan.json")
        command = [sysnare, "scan", *(options or []), "--cache", cache, "-o", str(out), program]
        with open(Path(folder, "output"), "wb") as output:
            began = time.monotonic()
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                     preexec_fn=limit_time)
            _, status, usage = os.wait4(child.pid, 0)
            seconds = time.monotonic() - began
            child.returncode = os.waitstatus_to_exitcode(status)
        result = Scan(seconds, usage.ru_maxrss * 1024)
        said = Path(folder, "output").read_text(errors="replace").strip()
        if child.returncode < 0:
            result.crashed = True
            result.failure = f"died by signal {-child.returncode}: {said[-200:]}"
        elif not out.exists():
            result.failure = f"status {child.returncode}: {said[-200:]}"
        else:
            result.evidence = json.loads(out.read_text())
        return result


def limit_time() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (SCAN_LIMIT, SCAN_LIMIT + 5))


def number(value) -> int:
    return int(value, 16) if isinstance(value, str) else value


@dataclass
class Static:
    """What the evidence of a scan says, in the words of the judge."""

    calls: dict = field(default_factory=dict)  # (ABI, number) -> set of phases
    args: dict = field(default_factory=dict)  # (ABI, number) -> index -> the only values it takes
    sites: dict = field(default_factory=dict)  # (key, offset) -> (numbers, any)
    modules: set = field(default_factory=set)  # keys
    open: list = field(default_factory=list)
    execs_open: int = 0

    @property
    def closed(self) -> bool:
        return not self.open

    @property
    def in_main(self) -> int:
        return sum("main" in phases for phases in self.calls.values())


def read_static(evidence: dict) -> Static:
    """docs/reference/evidence.md, "What a scan says"."""
    static = Static(open=evidence["open"])
    for call in evidence["calls"]:
        static.calls[call["abi"], call["nr"]] = set(call["reachable"])
        static.args[call["abi"], call["nr"]] = read_args(call)
    for site in evidence["sites"]:
        where = site["module_key"], number(site["offset"])
        numbers = {(site.get("abi", "x86_64"), nr) for nr in site["nrs"]}
        static.sites[where] = numbers, bool(site.get("any"))
    static.modules = {each["module_key"] for each in evidence["objects"]}
    static.execs_open = sum(not each.get("path") for each in evidence["execs"])
    return static


@dataclass
class Miss:
    """A call that was seen live and is not in the scan."""

    kind: str  # see MISSES
    module: str
    offset: int
    call: str
    count: int

    def text(self) -> str:
        where = f"{self.module}+{self.offset:#x}" if self.module else "-"
        return f"{self.kind}: {self.call} ({self.count} times) at {where}"


MISSES = {
    "module": "live in a file that the scan has no site in",
    "site": "live at an instruction that the scan does not list",
    "number": "live with a number that the site does not have",
    "call": "live and not among the calls",
}


def judge_sites(live: Live, static: Static) -> tuple[list[Miss], Counter]:
    """The misses, and what lies in no file (counted, by its name)."""
    misses = []
    no_file: Counter = Counter()
    explained = set()  # by a site whose numbers are open
    for (module, key, offset), numbers in sorted(live.sites.items()):
        if module.startswith("["):
            no_file[module] += 1
            continue
        for which, count in sorted(numbers.items()):
            name = live.names[which]
            known = static.sites.get((key, offset))
            if known is None:
                kind = "site" if key in static.modules else "module"
                misses.append(Miss(kind, module, offset, name, count))
            elif which in known[0]:
                pass
            elif known[1]:
                explained.add(which)
            else:
                misses.append(Miss("number", module, offset, name, count))
    for which, count in sorted(live.calls.items()):
        if which not in static.calls and which not in explained:
            misses.append(Miss("call", "", 0, live.names[which], count))
    return misses, no_file


def judge_phases(live: Live, static: Static) -> list[str]:
    """Calls seen after main began that the scan has before it alone."""
    return [live.names[which] for which, later in sorted(live.after_main.items()) if later and
            static.calls.get(which) == {"load"}]


def judge_args(live: Live, static: Static) -> list[str]:
    """Values of arguments that were seen live, and that the scan excludes."""
    misses = []
    for which, by_index in sorted(live.args.items()):
        for index, seen in sorted(by_index.items()):
            possible = static.args.get(which, {}).get(index)
            wrong = sorted(seen - possible) if possible is not None else []
            if wrong:
                misses.append(f"{live.names[which]} argument {index}: {' '.join(map(hex, wrong))}")
    return misses


@dataclass
class Judgement:
    name: str
    path: str
    failure: str = ""
    calls: int = 0
    in_main: int = 0
    open: list = field(default_factory=list)
    execs_open: int = 0
    misses: list = field(default_factory=list)
    phase_misses: list = field(default_factory=list)
    argument_misses: list = field(default_factory=list)
    argument_sets: int = 0  # that were seen live and that the scan has as closed
    no_file: dict = field(default_factory=dict)
    cold: float = 0.0
    warm: float = 0.0
    memory: int = 0
    observed: int = 0
    observed_calls: int = 0
    sites: int = 0

    @property
    def closed(self) -> bool:
        return not self.failure and not self.open


def judge(sysnare: str, name: str, path: str, live: Live | None, shared: str = "") -> Judgement:
    """Scans `path` cold and warm, and holds it against `live`; with a cache that others share it is never cold."""
    result = Judgement(name, path)
    cache = shared or tempfile.mkdtemp(prefix="sysnare-cache-")
    try:
        cold = scan(sysnare, path, cache)
        warm = cold if shared else scan(sysnare, path, cache)
    finally:
        if not shared:
            shutil.rmtree(cache)
    result.cold, result.warm, result.memory = cold.seconds, warm.seconds, cold.memory
    if cold.failure or warm.failure:
        result.failure = cold.failure or f"with a warm cache: {warm.failure}"
        return result
    static = read_static(cold.evidence)
    if read_static(warm.evidence) != static:
        result.failure = "with a warm cache the result is another one"
    result.calls, result.in_main = len(static.calls), static.in_main
    result.open, result.execs_open = static.open, static.execs_open
    if live:
        result.misses, no_file = judge_sites(live, static)
        result.no_file = dict(no_file)
        result.phase_misses = judge_phases(live, static)
        result.argument_misses = judge_args(live, static)
        result.argument_sets = sum(len(static.args.get(which, {}).keys() & by_index.keys())
                                   for which, by_index in live.args.items())
        result.observed, result.observed_calls = live.observed, len(live.calls)
        result.sites = len(live.sites)
    return result
