#!/usr/bin/python3
"""tools/test_report.py counts what ran, and a program that died or left no result counts as failed."""

import json
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import test_report  # noqa: E402

GTEST = """<testsuites><testsuite name="Trace">
<testcase name="Passes" status="run" result="completed" classname="Trace"/>
<testcase name="Fails" status="run" classname="Trace"><failure message="no"/></testcase>
<testcase name="Skips" status="run" result="skipped" classname="Trace">
<skipped message="a_test.cc:12&#x0A;podman is not here"/></testcase>
<testcase name="Disabled" status="notrun" classname="Trace"/>
</testsuite></testsuites>"""
ALL_PASS = '<testsuites><testsuite><testcase name="P" status="run" classname="T"/></testsuite></testsuites>'


def results(ctest, programs):
    """ctest: entry -> (program, status); programs: file name -> XML."""
    with tempfile.TemporaryDirectory() as folder:
        run = pathlib.Path(folder)
        tests = [{"name": name, "command": ["/b/" + program]} for name, (program, _) in ctest.items()]
        (run / "suites.json").write_text(json.dumps({"tests": tests}))
        cases = "".join(f'<testcase name="{name}" status="{status}"/>' for name, (_, status) in ctest.items())
        (run / "ctest.xml").write_text(f"<testsuite>{cases}</testsuite>")
        for name, xml in programs.items():
            (run / name).write_text(xml)
        return list(test_report.results(run))


class TestReport(unittest.TestCase):
    def test_counts_the_tests_of_a_program_and_names_skips_with_their_reason(self):
        self.assertEqual(results({"live.trace": ("live_trace", "fail")}, {"live_trace.xml": GTEST}), [
            ("live.trace: Trace.Passes", "passed", ""),
            ("live.trace: Trace.Fails", "failed", ""),
            ("live.trace: Trace.Skips", "skipped", "podman is not here"),
        ])

    def test_a_plain_entry_is_one_test(self):
        self.assertEqual(results({"layers": ("python3", "run")}, {}), [("layers", "passed", "")])
        self.assertEqual([r[1] for r in results({"layers": ("python3", "fail")}, {})], ["failed"])

    def test_a_program_that_died_is_a_failure(self):
        self.assertEqual([r[1] for r in results({"live.x": ("live_x", "fail")}, {})], ["failed"])
        self.assertEqual([r[1] for r in results({"live.x": ("live_x", "fail")}, {"live_x.xml": ALL_PASS})],
                         ["passed", "failed"])


unittest.main()
