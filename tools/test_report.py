#!/usr/bin/python3
"""Sums up what the tests came to: counts per run, failures and skips by name, one line at the end.

usage: test_report.py RESULTS          RESULTS/RUN/{suites.json,ctest.xml,PROGRAM.xml}
       test_report.py --programs FILE  the programs of a suites.json, one a line

A GoogleTest program counts as the tests in its XML; any other ctest entry as one test. A program that
left no XML died on the way: one failure. Exit status 1 when anything failed or nothing ran.
"""

import json
import os
import pathlib
import sys
import xml.etree.ElementTree as ElementTree

# Order and headings of the runs.
RUNS = {
    "dev": "{} tests ran as uid {}",
    "unprivileged": "{} tests ran as uid 65534",
    "asan": "{} tests ran with the sanitizers",
}


def suites(path):
    """(ctest name, program) of every entry."""
    for test in json.loads(path.read_text())["tests"]:
        yield test["name"], test.get("command", [""])[0]


def gtest_results(path):
    """(name, outcome, reason) of every test of a GoogleTest XML file."""
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        skipped = case.find("skipped")
        if case.find("failure") is not None:
            yield name, "failed", ""
        elif skipped is not None:
            # "FILE:LINE\nREASON"
            reason = (skipped.get("message") or skipped.text or "").strip()
            yield name, "skipped", " ".join(reason.splitlines()[1:] or [reason]).strip()
        elif case.get("status") == "run":
            yield name, "passed", ""


def results(run):
    """(name, outcome, reason) of every test of one run."""
    outcome_of = {}
    junit = run / "ctest.xml"
    if junit.exists():
        for case in ElementTree.parse(junit).getroot().iter("testcase"):
            outcome_of[case.get("name")] = case.get("status")
    for name, program in suites(run / "suites.json"):
        xml = run / (pathlib.Path(program).name + ".xml")
        if xml.exists():
            tests = list(gtest_results(xml))
            yield from ((f"{name}: {test}", outcome, why) for test, outcome, why in tests)
            bad = any(outcome == "failed" for _, outcome, _ in tests)
            if outcome_of.get(name) == "fail" and not bad:
                yield name, "failed", "the program ended badly after its tests"
        elif outcome_of.get(name) == "run":
            yield name, "passed", ""
        else:
            yield name, "failed", "it left no result"


def main():
    if sys.argv[1] == "--programs":
        print("\n".join(program for _, program in suites(pathlib.Path(sys.argv[2]))))
        return 0
    total = {"passed": 0, "failed": 0, "skipped": 0}
    names = {"failed": [], "skipped": []}
    for run, heading in RUNS.items():
        folder = pathlib.Path(sys.argv[1]) / run
        if not (folder / "suites.json").exists():
            print(f"no result of the run {run!r}")
            total["failed"] += 1
            continue
        rows = list(results(folder))
        ran = sum(outcome != "skipped" for _, outcome, _ in rows)
        print(heading.format(ran, os.getuid()))
        for name, outcome, why in rows:
            total[outcome] += 1
            if outcome != "passed":
                names[outcome].append(f"{run}: {name}" + (f": {why}" if why else ""))
    for outcome, lines in names.items():
        if lines:
            print(f"\n{outcome}:")
            print("\n".join(f"  {line}" for line in lines))
    print()
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return 1 if total["failed"] or not total["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
