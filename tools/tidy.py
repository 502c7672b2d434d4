#!/usr/bin/python3
"""clang-tidy over every file of a build, remembering which files were clean.

usage: tidy.py BUILD_DIR   (a ninja build with compile_commands.json, fully built)

A file is looked at again when it, one of our headers that it includes, or .clang-tidy has changed.
What each object depends on is asked of ninja. Exit 1 when clang-tidy says anything.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def dependencies(build):
    """object -> our own files it was made from."""
    text = subprocess.run(["ninja", "-C", str(build), "-t", "deps"], check=True, capture_output=True,
                          text=True).stdout
    found, current = {}, None
    for line in text.splitlines():
        if line and not line.startswith((" ", "ninja:")):
            current = found.setdefault(line.split(":")[0], [])
        elif line.startswith(" ") and current is not None:
            path = pathlib.Path(os.path.normpath(build / line.strip()))
            if path.is_relative_to(ROOT) and not path.is_relative_to(ROOT / "build"):
                current.append(path)
    return found


def fingerprint(paths):
    digest = hashlib.sha256()
    for path in sorted(set(paths)):
        digest.update(str(path).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def tidy(build, source):
    done = subprocess.run(["clang-tidy", "--quiet", "-p", str(build), str(source)], capture_output=True,
                          text=True)
    return done.returncode == 0 and not done.stdout.strip(), done.stdout


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    memory_file = build / "tidy.json"
    memory = json.loads(memory_file.read_text()) if memory_file.exists() else {}
    deps = dependencies(build)
    todo = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        source = pathlib.Path(os.path.normpath(pathlib.Path(entry["directory"]) / entry["file"]))
        if not source.is_relative_to(ROOT / "src") or source.name.endswith(".gen.cc"):
            continue
        mark = fingerprint([ROOT / ".clang-tidy", source, *deps.get(entry.get("output", ""), [])])
        if memory.get(str(source)) != mark:
            todo[source] = mark
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = {pool.submit(tidy, build, source): source for source in todo}
        for number, job in enumerate(concurrent.futures.as_completed(jobs), 1):
            source = jobs[job]
            clean, text = job.result()
            print(f"[{number}/{len(todo)}] {source.relative_to(ROOT)}", flush=True)
            if clean:
                memory[str(source)] = todo[source]
            else:
                bad += 1
                print(text, flush=True)
    memory_file.write_text(json.dumps(memory, indent=0, sort_keys=True))
    return 1 if bad else 0


sys.exit(main())
