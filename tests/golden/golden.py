#!/usr/bin/env python3
"""Does sysnare still print what is pinned here?

usage: golden.py help|cmd SYSNARE

help  every `--help` against help/VERB.txt, and `sysnare --help` against help/sysnare.txt
cmd   each cmd/NAME.txt: its first line is `$ sysnare ...`, run in this folder; the rest is what
      came of it

SYSNARE_BLESS=1 writes the files anew.
"""

import difflib
import os
import pathlib
import re
import shlex
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
BLESS = os.environ.get("SYSNARE_BLESS") == "1"
SECONDS = 60


def run(sysnare, words):
    return subprocess.run([sysnare, *words], cwd=HERE, stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=SECONDS, env={**os.environ, "LC_ALL": "C"}, check=False)


def text_of(name, done):
    """What a command came to, as it stands in its file."""
    text = f"$ sysnare {name}\nstatus {done.returncode}\n"
    for stream, data in (("stdout", done.stdout), ("stderr", done.stderr)):
        if data:
            text += f"--- {stream}\n{data.decode(errors='backslashreplace')}"
    return text


def compare(path, now):
    """Whether the file says `now`; prints the difference, or blesses it."""
    before = path.read_text() if path.exists() else None
    if before == now:
        return True
    if BLESS:
        path.write_text(now)
        print(f"blessed {path.relative_to(HERE)}")
        return True
    if before is None:
        print(f"{path.relative_to(HERE)} is missing; SYSNARE_BLESS=1 writes it")
        return False
    sys.stdout.writelines(difflib.unified_diff(before.splitlines(True), now.splitlines(True),
                                               f"{path.name} (pinned)", f"{path.name} (now)"))
    return False


def verbs_of(help_text):
    """The verbs that `sysnare --help` lists."""
    block = re.search(r"^verbs:\n((?:  .*\n)+)", help_text, re.MULTILINE)
    return re.findall(r"^  ([a-z]+)  *\S", block.group(1), re.MULTILINE) if block else []


def check_help(sysnare):
    top = run(sysnare, ["--help"])
    verbs = verbs_of(top.stdout.decode())
    good = compare(HERE / "help/sysnare.txt", text_of("--help", top))
    if not verbs:
        print("`sysnare --help` lists no verb")
        good = False
    for verb in verbs:
        done = run(sysnare, [verb, "--help"])
        if done.returncode != 0 or done.stderr:
            print(f"`sysnare {verb} --help` ends with {done.returncode}: {done.stderr.decode()}")
            good = False
        wide = [line for line in done.stdout.decode().splitlines() if len(line) > 80]
        if wide:
            print(f"`sysnare {verb} --help` is wider than 80 columns: {wide[0]}")
            good = False
        good = compare(HERE / f"help/{verb}.txt", text_of(f"{verb} --help", done)) and good
    for path in sorted((HERE / "help").glob("*.txt")):
        if path.stem not in verbs and path.stem != "sysnare":
            print(f"{path.relative_to(HERE)} is about no verb; remove it")
            good = False
    return good


def check_commands(sysnare):
    good = True
    paths = sorted((HERE / "cmd").glob("*.txt"))
    for path in paths:
        first = path.read_text().split("\n", 1)[0]
        if not first.startswith("$ sysnare "):
            print(f"{path.relative_to(HERE)}: the first line is not `$ sysnare ...`")
            good = False
            continue
        name = first.removeprefix("$ sysnare ")
        good = compare(path, text_of(name, run(sysnare, shlex.split(name)))) and good
    return good and bool(paths)


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in ("help", "cmd"):
        sys.exit(__doc__)
    check = check_help if sys.argv[1] == "help" else check_commands
    sys.exit(0 if check(os.path.abspath(sys.argv[2])) else 1)


main()
