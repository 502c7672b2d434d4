#!/usr/bin/python3
"""Does the judge of the corpus find each kind of miss, and none where there is none?"""

import json
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
from corpus_judge import judge_args, judge_phases, judge_sites, read_static  # noqa: E402
from corpus_list import is_executable  # noqa: E402
from corpus_programs import LEAST_WORKLOADS, read_programs  # noqa: E402
from corpus_traces import add_recording  # noqa: E402

READ, WRITE = 0, 1


def static(**more):
    whole = {
        "open": [],
        "execs": [{"path": None}, {"path": "/bin/sh"}],
        "objects": [{"module_key": "libc"}, {"module_key": "prog"}],
        "calls": [{"abi": "x86_64", "nr": READ, "reachable": ["load"]}],
        "sites": [{"module_key": "libc", "offset": "0x10", "abi": "x86_64", "nrs": [READ], "any": False}],
    }
    return read_static({**whole, **more})


def live(sites, phases=None, args=None):
    """Of one recording of one program that called read at `sites`."""
    call = {"abi": "x86_64", "nr": READ, "name": "read", "origin": "application", "count": len(sites) or 1,
            "sites": [{"module": m, "module_key": k, "offset": o, "count": 1} for m, k, o in sites]}
    launch = {**call, "nr": WRITE, "name": "write", "origin": "launch"}
    if phases:
        call["phases"] = phases
    if args:
        call["args"] = args
    evidence = {"program": {"path": "/bin/x", "sha256": "s"}, "calls": [call, launch], "lost": 0,
                "unresolved_sites": 0}
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "phases.json")
        path.write_text(json.dumps(evidence))
        found = {}
        add_recording("x", path, found)
    return found["s"]


OPEN_SITE = {"module_key": "libc", "offset": "0x10", "abi": "x86_64", "nrs": [], "any": True}
OTHER = {"module_key": "libc", "offset": "0x10", "abi": "x86_64", "nrs": [WRITE], "any": False}
I386 = {"module_key": "libc", "offset": "0x10", "abi": "i386", "nrs": [READ], "any": False}


class Judge(unittest.TestCase):
    def test_misses(self):
        for why, seen, said, expected in (
            ("the site has the number", [("libc.so", "libc", "0x10")], {}, []),
            ("a file the scan does not know", [("libx.so", "libx", "0x10")], {}, ["module"]),
            ("another instruction", [("libc.so", "libc", "0x12")], {}, ["site"]),
            ("another number there", [("libc.so", "libc", "0x10")], {"sites": [OTHER]}, ["number"]),
            ("the number of another ABI", [("libc.so", "libc", "0x10")], {"sites": [I386]}, ["number"]),
            ("any number", [("libc.so", "libc", "0x10")], {"sites": [OPEN_SITE]}, []),
            ("any number explains a call", [("libc.so", "libc", "0x10")],
             {"sites": [OPEN_SITE], "calls": []}, []),
            ("not among the calls", [("libc.so", "libc", "0x10")], {"calls": []}, ["call"]),
            ("the vdso is no file", [("[vdso]", "v", "0x10")], {}, []),
            ("but its calls count", [("[vdso]", "v", "0x10")], {"calls": []}, ["call"]),
            ("two sites, one known", [("libc.so", "libc", "0x10"), ("x", "prog", "0x3")], {}, ["site"]),
        ):
            with self.subTest(why):
                misses, _ = judge_sites(live(seen), static(**said))
                self.assertEqual([each.kind for each in misses], expected)

    def test_counts_what_is_in_no_file(self):
        _, no_file = judge_sites(live([("[vdso]", "v", "0x10"), ("[anon]", "", "0x0")]), static())
        self.assertEqual(dict(no_file), {"[vdso]": 1, "[anon]": 1})

    def test_phases(self):
        both = [{"abi": "x86_64", "nr": READ, "reachable": ["load", "main"]}]
        for why, phases, said, expected in (
            ("before main alone", {"load": 1, "start": 0, "steady": 0}, {}, []),
            ("after it", {"load": 0, "start": 1, "steady": 0}, {}, ["read"]),
            ("both are known", {"load": 0, "start": 1, "steady": 0}, {"calls": both}, []),
            ("not known when", None, {}, []),
        ):
            with self.subTest(why):
                self.assertEqual(judge_phases(live([], phases), static(**said)), expected)

    def test_arguments(self):
        def said(args):
            return {"calls": [{"abi": "x86_64", "nr": READ, "reachable": ["load"], "args": args}]}

        for why, seen, possible, expected in (
            ("a value that is possible", {"1": ["0x2"]}, {"1": ["0x1", "0x2"]}, []),
            ("one that is not", {"1": ["0x2", "0x3"]}, {"1": ["0x1", "0x2"]}, ["read argument 1: 0x3"]),
            ("the scan does not tell", {"1": ["0x3"]}, {"0": ["0x1"]}, []),
            ("nobody looked", None, {"1": ["0x1"]}, []),
        ):
            with self.subTest(why):
                self.assertEqual(judge_args(live([], args=seen), static(**said(possible))), expected)

    def test_execs_without_a_path_are_open(self):
        self.assertEqual(static().execs_open, 1)


class Tables(unittest.TestCase):
    def test_are_as_the_issue_asks(self):
        programs = read_programs()
        self.assertGreaterEqual(len(programs), 200)
        self.assertGreaterEqual(sum(each.quick for each in programs), 40)
        for each in programs:
            self.assertGreaterEqual(len(set(each.run)), LEAST_WORKLOADS, each.name)

    def test_scripts_are_no_executables(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"#!/bin/sh\n")
            file.flush()
            self.assertFalse(is_executable(file.name))
        self.assertTrue(is_executable("/proc/self/exe"))


if __name__ == "__main__":
    unittest.main()
