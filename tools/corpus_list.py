"""How tight is the scan over all executables of a named list of Debian packages, and what stays open?

No program is run. tests/corpus/packages.txt has the packages; those that this machine has are taken.
"""

import os
import re
import subprocess
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from corpus_judge import Scan, read_static, scan
from corpus_programs import ROOT

PACKAGES = ROOT / "tests" / "corpus" / "packages.txt"
FOLDERS = re.compile(r"^(/usr)?/s?bin/[^/]+$")
EXECUTABLE_KINDS = (2, 3)  # ET_EXEC, ET_DYN


def read_packages(path: Path = PACKAGES) -> list[str]:
    lines = (line.split("#")[0].strip() for line in path.read_text().splitlines())
    return sorted({line for line in lines if line})


def installed(packages: list[str]) -> list[str]:
    asked = subprocess.run(["dpkg-query", "-W", "-f=${db:Status-Status} ${Package}\\n", *packages],
                           capture_output=True, text=True, check=False)
    lines = (line.split() for line in asked.stdout.splitlines())
    return sorted({words[1] for words in lines if words[:1] == ["installed"]})


def is_executable(path: str) -> bool:
    """An ELF program: no library, no script."""
    try:
        with open(path, "rb") as file:
            head = file.read(20)
    except OSError:
        return False
    return head[:4] == b"\x7fELF" and int.from_bytes(head[16:18], "little") in EXECUTABLE_KINDS


def executables(packages: list[str]) -> list[str]:
    listed = subprocess.run(["dpkg-query", "-L", *packages], capture_output=True, text=True, check=True)
    paths = (path for path in listed.stdout.splitlines() if FOLDERS.match(path))
    return sorted({os.path.realpath(path) for path in paths if is_executable(path)})


@dataclass
class Listed:
    packages: list[str]
    missing: list[str]
    seconds: float = 0.0
    scans: dict[str, Scan] = field(default_factory=dict)

    def closed(self) -> dict[str, Scan]:
        return {path: each for path, each in self.analysed().items() if not each.evidence["open"]}

    def analysed(self) -> dict[str, Scan]:
        return {path: each for path, each in self.scans.items() if not each.failure}

    def reasons(self) -> Counter:
        """In how many programs a kind of open point stands, by kind, object and function."""
        reasons: Counter = Counter()
        for each in self.analysed().values():
            reasons.update({reason_of(point) for point in each.evidence["open"]})
        return reasons


def reason_of(point: dict) -> str:
    return f"{point['kind']}: {os.path.basename(point['object'])} {point['function']}: {point['reason']}"


def scan_all(sysnare: str, packages: list[str], workers: int) -> Listed:
    """All of them by `workers` at a time, with a cache that is empty at the beginning."""
    here = installed(packages)
    listed = Listed(here, sorted(set(packages) - set(here)))
    paths = executables(here)
    with tempfile.TemporaryDirectory(prefix="sysnare-cache-") as cache, ThreadPoolExecutor(workers) as pool:
        began = time.monotonic()
        results = pool.map(lambda path: scan(sysnare, path, cache), paths)
        listed.scans = dict(zip(paths, results))
        listed.seconds = time.monotonic() - began
    return listed


def calls_of(each: Scan) -> tuple[int, int]:
    static = read_static(each.evidence)
    return len(static.calls), static.in_main
