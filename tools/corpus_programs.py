"""Which programs does ./run corpus judge, and what do they do? The tables tests/corpus/programs/*.toml.

What the keys of a table mean is in tests/corpus/README.md.
"""

import os
import random
import shutil
import subprocess
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLES = ROOT / "tests" / "corpus" / "programs"
# Of the distribution alone: what lies in /usr/local is of this machine.
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
LEAST_WORKLOADS = 3
# Seconds that one workload may take.
LIMIT = 30


@dataclass
class Program:
    name: str
    package: str
    run: list[str]
    program: str = ""  # its path; a relative one is what `build` makes
    setup: str = ""  # before each workload, not recorded
    build: str = ""  # makes the program, in a folder that stays
    needs: str = ""  # other programs that the workloads cannot do without
    limit: int = LIMIT
    quick: bool = False
    table: str = field(default="", compare=False)

    def path(self, folder: Path) -> str | None:
        """The file behind all symbolic links; None when it is not there."""
        if self.build:
            found = folder / self.program
            return str(found.resolve()) if found.exists() else None
        found = shutil.which(self.program or self.name, path=PATH)
        return os.path.realpath(found) if found else None

    def lacks(self) -> str:
        """The programs that are missing, or nothing."""
        wanted = self.needs.split()
        if not self.build:
            wanted.append(self.program or self.name)
        return " ".join(name for name in wanted if not shutil.which(name, path=PATH))


def read_programs(tables: Path = TABLES) -> list[Program]:
    """All tables. Raises ValueError naming table and program for a row that cannot be right."""
    programs: dict[str, Program] = {}
    for path in sorted(tables.glob("*.toml")):
        for name, row in tomllib.loads(path.read_text()).items():
            try:
                program = Program(name=name, table=path.stem, **row)
            except TypeError as error:
                raise ValueError(f"{path.name}: [{name}]: {error}") from None
            if len(program.run) < LEAST_WORKLOADS:
                raise ValueError(f"{path.name}: [{name}]: fewer than {LEAST_WORKLOADS} workloads")
            if name in programs:
                raise ValueError(f"{path.name}: [{name}] stands in {programs[name].table}.toml too")
            programs[name] = program
    return list(programs.values())


def lay_out(folder: Path) -> None:
    """The files that workloads find in their folder; the same in every run."""
    chance = random.Random(1)
    folder.mkdir(parents=True)

    def write(name: str, content: str | bytes) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    write("a.txt", "line one\nline two\n\tx y z\nnaïve café\n3\n")
    write("b.txt", "line two\nline 2\n\nb\n2\n")
    write("big.txt", "".join(f"{i} row number {i * 7919 % 1000} of many\n" for i in range(200)))
    write("huge.txt", "".join(f"{chance.randrange(10**9)} {i}\n" for i in range(20000)))
    write("sorted.txt", "".join(f"{word}\n" for word in sorted("line x apple pear fig kiwi".split())))
    write("c.csv", "name,amount,where\nada,3,x\nbob,5,y\neve,8,x\n")
    write("t.json", '{"a": [1, 2, {"b": null}], "c": "text", "d": 1.5}\n')
    write("bin.dat", chance.randbytes(20000) + bytes(20000) + chance.randbytes(20000))
    write("tree/y.txt", "y\n")
    write("tree/sub/x.txt", "x\n")
    write("tree2/y.txt", "y\n")
    write("prog.c", '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n')
    (folder / "empty").mkdir()
    (folder / "home").mkdir()
    (folder / "link").symlink_to("a.txt")
    os.mkfifo(folder / ".fifo")
    shutil.copy(shutil.which("true", path=PATH), folder / "prog")


def make_program(program: Program, folder: Path) -> str:
    """Builds what `build` says; what went wrong, or nothing."""
    if not program.build or (folder / program.program).exists():
        return ""
    done = subprocess.run(["bash", "-euc", program.build], cwd=folder, capture_output=True, text=True,
                          timeout=300, env={**os.environ, "PATH": PATH, "ROOT": str(ROOT)})
    return "" if done.returncode == 0 else f"cannot be built: {done.stderr.strip()[-300:]}"
