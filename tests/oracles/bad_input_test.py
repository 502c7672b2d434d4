#!/usr/bin/env python3
"""Does sysnare stay within bounds on profiles that nobody should have written?

Each row is one file and the verbs that read it: the exit status, what the sentence says, that there is
one sentence and not thousands, and how much memory the process took. The time is a limit against
hanging, not a measurement.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from profiles import SYSNARE  # noqa: E402

# What a profile at its named limit (4 MiB of the dearest JSON) takes, and as much again.
MOST_MEMORY_KB = 1536 << 10
SECONDS = 120
# Warnings of each kind that are shown are 64, and there are a few kinds.
MOST_LINES = 200
UNUSABLE = 3

READERS = (("convert",), ("lint",), ("disasm",), ("simulate", None, "read"), ("explain", None, "read"),
           ("convert", "--resolve", "--to", "filter", "-o", os.devnull))


def profile(entries, **more):
    return json.dumps({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": entries, **more}).encode()


def entry(names, action="SCMP_ACT_ALLOW", args=None, **more):
    return {"names": names, "action": action, **({"args": args} if args else {}), **more}


def condition(**changes):
    return {"index": 0, "value": 1, "op": "SCMP_CMP_EQ", **changes}


def with_condition(text):
    return (b'{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["read"], '
            b'"action": "SCMP_ACT_ALLOW", "args": [' + text.encode() + b']}]}')


def sized(bytes_count):
    text = b'{"defaultAction": "SCMP_ACT_ERRNO"}'
    return text + b" " * (bytes_count - len(text))


# why, the file's bytes (or what makes them, for long ones), what the sentence says.
REFUSED = [
    ("an empty file", b"", r"not JSON"),
    ("arrays nested 100,000 deep", lambda: b"[" * 100_000, r":1: nested deeper than 64 levels"),
    ("objects nested 100,000 deep", lambda: b'{"a":' * 100_000, r":1: nested deeper than 64 levels"),
    ("nested deep where it matters",
     lambda: b'{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": ' + b"[" * 100_000,
     r":1: nested deeper than 64 levels"),
    ("100 MB", lambda: sized(100_000_000), r"100000000 bytes of profile, at most 4194304 are read"),
    ("4 MiB of zeros in arrays", lambda: b"[" + b"0," * ((4 << 20) // 2 - 2) + b"0]",
     r"an object is needed here, not an array"),
    ("a key twice", b'{"defaultAction": "SCMP_ACT_ERRNO",\n"defaultAction": "SCMP_ACT_ALLOW"}',
     r':2: key "defaultAction" stands twice'),
    ("a key twice in an entry",
     b'{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": [], "names": ["read"]}]}',
     r'key "names" stands twice'),
    ("an errno above 4095", profile([entry(["read"], "SCMP_ACT_ERRNO", errnoRet=4096)]),
     r"syscalls\[0\]\.errnoRet: a whole number from 0 to 4095 is needed here, not 4096"),
    ("a negative errno", profile([], defaultErrnoRet=-1), r"defaultErrnoRet: .* not -1"),
    ("argument 6", with_condition('{"index": 6, "value": 1, "op": "SCMP_CMP_EQ"}'),
     r"args\[0\]\.index: a whole number from 0 to 5 is needed here, not 6"),
    ("argument 2^64", with_condition('{"index": 18446744073709551616, "value": 1, "op": "SCMP_CMP_EQ"}'),
     r"args\[0\]\.index: a whole number from 0 to 5"),
    ("a value of 65 bits", with_condition('{"index": 0, "value": 18446744073709551616, "op": "SCMP_CMP_EQ"}'),
     r"args\[0\]\.value: a whole number from 0 to \d+ is needed here"),
    ("a value of 400 digits", with_condition('{"index": 0, "value": 1e400, "op": "SCMP_CMP_EQ"}'),
     r"args\[0\]\.value|not JSON"),
    ("half a number", with_condition('{"index": 0, "value": 0.5, "op": "SCMP_CMP_EQ"}'),
     r"args\[0\]\.value: a whole number from 0 to \d+ is needed here, not 0\.5"),
    ("a hexadecimal text", with_condition('{"index": 0, "value": "0x1", "op": "SCMP_CMP_EQ"}'),
     r'args\[0\]\.value: a whole number from 0 to \d+ is needed here, not "0x1"'),
    ("bytes that are no UTF-8", b'{"defaultAction": "\xff\xfe"}', r"not JSON"),
    ("a NUL", b'{"defaultAction": "SCMP_ACT_ERRNO"}\0', r"byte \d+ of the file is 0"),
    ("a name of a million letters as an action",
     lambda: json.dumps({"defaultAction": "A" * 1_000_000}).encode(), r"unknown action"),
    ("both kinds of architectures",
     profile([], architectures=["SCMP_ARCH_X86"], archMap=[{"architecture": "SCMP_ARCH_X86_64"}]),
     r":1: archMap: both `architectures` and `archMap` are given"),
    ("a bundle's config.json",
     json.dumps({"ociVersion": "1.0.2", "linux": {"seccomp": {"defaultAction": "SCMP_ACT_ERRNO"}}}).encode(),
     r"linux\.seccomp: this is a bundle's config\.json"),
]

# why, the bytes, the verb, its status, what it says (all texts, on either stream).
TAKEN = [
    ("100,000 names that nobody knows",
     lambda: profile([entry([f"no_such_call_{n}" for n in range(100_000)])]),
     ("convert", "-o", os.devnull), 0, r"and 99,936 more of these"),
    ("100,000 keys that nobody knows",
     lambda: json.dumps({"defaultAction": "SCMP_ACT_ERRNO", **{f"k{n}": 0 for n in range(100_000)}}).encode(),
     ("convert", "-o", os.devnull), 0, r"and 99936 more warnings"),
    ("20,000 capabilities that nobody knows",
     lambda: profile([entry(["read"], includes={"caps": [f"CAP_{n}" for n in range(20_000)]})]),
     ("convert", "-o", os.devnull), 0, r"and 19936 more warnings"),
    ("rules that contradict each other",
     profile([entry(["read"]), entry(["read"], "SCMP_ACT_KILL_PROCESS")]), ("lint",), 1,
     r"contradiction"),
    ("contradicting rules, as the kernel joins them",
     profile([entry(["read"]), entry(["read"], "SCMP_ACT_KILL_PROCESS")]), ("simulate", None, "read"), 0,
     r"kill process"),
    ("10,000 values on one call",
     lambda: profile([entry(["read"], args=[condition(value=n * 3)]) for n in range(10_000)]),
     ("lint",), (0, 1), r""),
    ("10,000 values on one call, to be compiled",
     lambda: profile([entry(["read"], args=[condition(value=n * 3)]) for n in range(10_000)]),
     ("convert", "--to", "filter", "-o", os.devnull), (0, UNUSABLE), r""),
    ("10,000 overlapping ranges of two arguments",
     lambda: profile([entry(["read"], args=[condition(value=n, op="SCMP_CMP_GE"),
                                            condition(index=1, value=n, op="SCMP_CMP_LE")])
                      for n in range(10_000)]),
     ("convert", "--to", "filter", "-o", os.devnull), (0, UNUSABLE), r""),
    ("10,000 masks on one call",
     lambda: profile([entry(["read"], args=[condition(value=1 << n % 64, valueTwo=1 << n % 64,
                                                      op="SCMP_CMP_MASKED_EQ"),
                                            condition(index=1 + n % 5, value=n)])
                      for n in range(10_000)]),
     ("convert", "--to", "filter", "-o", os.devnull), (0, UNUSABLE), r""),
    ("10,000 rules as a runtime takes them",
     lambda: profile([entry(["read"], args=[condition(value=n, op="SCMP_CMP_GT")]) for n in range(10_000)]),
     ("convert", "--as", "runc", "-o", os.devnull), 0, r"several inequality rules meet"),
    ("20,000 entries for all calls",
     lambda: profile([entry(["read", "write", "openat"]) for _ in range(20_000)]),
     ("convert", "--to", "systemd", "-o", os.devnull), 0, r""),
]


def run(words):
    """(status, stdout, stderr, kB of memory); status None past the deadline."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = subprocess.Popen(["timeout", "-s", "KILL", str(SECONDS), SYSNARE, *words],
                                 stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        # The memory is that of the largest in the tree below, which sysnare is.
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        return child.returncode, out.read(), err.read().decode(errors="replace"), usage.ru_maxrss


def check(why, words, allowed, says, everywhere):
    status, out, err, memory = run(words)
    shown = f"{why}: sysnare {' '.join(words[:1])}"
    problems = []
    if status not in allowed:
        problems.append(f"status {status}, not {allowed}")
    text = err + (out.decode(errors="replace") if everywhere else "")
    if not re.search(says, text):
        problems.append(f"does not say {says}")
    lines = err.count("\n")
    if lines > (MOST_LINES if everywhere else 1):
        problems.append(f"{lines} lines on standard error")
    if memory > MOST_MEMORY_KB:
        problems.append(f"{memory >> 10} MB of memory")
    for problem in problems:
        print(f"{shown}: {problem}\n  {err[:300]!r}")
    return not problems, memory


def main():
    good = True
    largest = (0, "")
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        path = str(pathlib.Path(folder) / "p.json")
        for why, content, says in REFUSED:
            with open(path, "wb") as file:
                file.write(content() if callable(content) else content)
            for verb in READERS:
                words = [path if word is None else word for word in verb]
                if None not in verb:
                    words.insert(1, path)
                fine, memory = check(why, words, (UNUSABLE,), says, False)
                good &= fine
                count += 1
                largest = max(largest, (memory, why))
        for why, content, verb, status, says in TAKEN:
            with open(path, "wb") as file:
                file.write(content() if callable(content) else content)
            words = [path if word is None else word for word in verb]
            if None not in verb:
                words.insert(1, path)
            allowed = status if isinstance(status, tuple) else (status,)
            fine, memory = check(why, words, allowed, says, True)
            good &= fine
            count += 1
            largest = max(largest, (memory, why))
    if not good:
        sys.exit(1)
    print(f"{count} cases within bounds; most memory: {largest[0] >> 10} MB ({largest[1]})")


if __name__ == "__main__":
    main()
