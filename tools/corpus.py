#!/usr/bin/env python3
"""Holds `sysnare scan` against what programs of Debian do when they run, and shows how tight it is.

  tools/corpus.py [--sysnare FILE] [--traces DIR] [--quick] [--json FILE] [NAME...]
  tools/corpus.py --list [--sysnare FILE] [--json FILE]
  tools/corpus.py --record-only ...

The programs and their workloads are the tables tests/corpus/programs/*.toml. Each is recorded with calling
instructions (needs root), scanned cold and warm, and judged: a miss is a call that was made and that the
scan does not have at that instruction. Recordings stay in DIR, and are made anew when table, program or
helpers change. Ends with 1 when there is a miss or a failure, with 77 when nothing could be judged.

--list scans every executable of /usr/bin and /usr/sbin of the packages of tests/corpus/packages.txt, and
runs none of them.
"""

import argparse
import dataclasses
import json
import os
import statistics
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True
from corpus_judge import MISSES, Judgement, judge, read_static
from corpus_list import Listed, read_packages, scan_all
from corpus_programs import ROOT, Program, read_programs
from corpus_traces import read_recordings, record, sha256_of

MB = 1 << 20
NOTHING_JUDGED = 77  # ctest: skipped
MOST_REASONS = 40


def progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def record_all(sysnare: str, programs: list[Program], folder: Path, workers: int) -> dict[str, str]:
    """Name -> why it could not be recorded, or nothing."""

    def one(program: Program) -> str:
        progress(f"recording {program.name}")
        try:
            return record(sysnare, program, folder / program.name)
        except (OSError, subprocess.SubprocessError) as error:
            return str(error)

    with ThreadPoolExecutor(workers) as pool:
        wrong = dict(zip((each.name for each in programs), pool.map(one, programs)))
    progress("")
    return wrong


def judge_all(sysnare: str, programs: list[Program], folder: Path, workers: int, cache: str) -> list[Judgement]:
    all_live = read_recordings(folder)

    def one(program: Program) -> Judgement:
        progress(f"scanning {program.name}")
        path = program.path(folder / program.name)
        return judge(sysnare, program.name, path, all_live.get(sha256_of(path)), cache)

    results = []
    print(COLUMNS)
    with ThreadPoolExecutor(workers) as pool:
        for each in pool.map(one, programs):
            results.append(each)
            progress("")
            print(row(each), flush=True)
    return results


COLUMNS = "calls main open execs misses phase args seen observed  cold ms  warm ms    MB  program"


def row(each: Judgement) -> str:
    if each.failure:
        return f"{'failed':>{len(COLUMNS) - 9}}  {each.name}: {each.failure}"
    return (f"{each.calls:5} {each.in_main:4} {len(each.open):4} {each.execs_open:5} {len(each.misses):6} "
            f"{len(each.phase_misses):5} {len(each.argument_misses):4} {each.observed_calls:4} {each.observed:8} "
            f"{each.cold * 1e3:8.0f} {each.warm * 1e3:8.1f} {each.memory / MB:5.0f}  {each.name}")


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def summary(results: list[Judgement]) -> dict:
    good = [each for each in results if not each.failure]
    closed = [each for each in good if each.closed]
    cold = [each.cold for each in good] or [0.0]
    memory = [each.memory for each in good] or [0]
    return {
        "programs": len(results),
        "failed": len(results) - len(good),
        "misses": sum(len(each.misses) for each in good),
        "programs_with_misses": sum(bool(each.misses) for each in good),
        "misses_by_kind": dict(Counter(miss.kind for each in good for miss in each.misses)),
        "phase_misses": sum(len(each.phase_misses) for each in good),
        "argument_misses": sum(len(each.argument_misses) for each in good),
        "argument_sets": sum(each.argument_sets for each in good),
        "live_sites": sum(each.sites for each in good),
        "observed_calls": sum(each.observed for each in good),
        "closed": len(closed),
        "mean_calls_of_closed": statistics.mean([each.calls for each in closed] or [0]),
        "mean_main_of_closed": statistics.mean([each.in_main for each in closed] or [0]),
        "cold_median_ms": statistics.median(cold) * 1e3,
        "cold_p95_ms": percentile(cold, 0.95) * 1e3,
        "cold_max_ms": max(cold) * 1e3,
        "warm_median_ms": statistics.median([each.warm for each in good] or [0]) * 1e3,
        "memory_mean_mb": statistics.mean(memory) / MB,
        "memory_max_mb": max(memory) / MB,
    }


def print_results(results: list[Judgement]) -> None:
    for each in results:
        for miss in each.misses:
            print(f"miss: {each.name}: {miss.text()}")
        for miss in each.argument_misses:
            print(f"argument miss: {each.name}: {miss}")
    for each in results:
        if each.phase_misses:
            print(f"before main alone, seen later: {each.name}: {' '.join(each.phase_misses)}")
    total = summary(results)
    good = total["programs"] - total["failed"]
    share = 100 * total["closed"] / good if good else 0
    print(f"""
{total['programs']} programs judged, {total['failed']} failed
misses          {total['misses']} in {total['programs_with_misses']} programs, of {total['live_sites']} live \
sites and {total['observed_calls']} calls""")
    for kind, count in sorted(total["misses_by_kind"].items()):
        print(f"                {count} {MISSES[kind]}")
    print(f"""\
arguments       {total['argument_misses']} with values that the scan excludes, of {total['argument_sets']} that it has \
closed sets of
phase           {total['phase_misses']} calls seen after main began that the scan has before it alone
closed          {total['closed']} ({share:.1f} %)
calls           {total['mean_calls_of_closed']:.1f} in the mean over the closed, \
{total['mean_main_of_closed']:.1f} from main on
cold            median {total['cold_median_ms']:.0f} ms, p95 {total['cold_p95_ms']:.0f} ms, \
at most {total['cold_max_ms']:.0f} ms
warm            median {total['warm_median_ms']:.1f} ms
memory          mean {total['memory_mean_mb']:.0f} MB, at most {total['memory_max_mb']:.0f} MB""")


def print_list(listed: Listed) -> dict:
    analysed, closed = listed.analysed(), listed.closed()
    count = len(listed.scans)
    sizes = [read_static(each.evidence) for each in closed.values()]
    total = {
        "packages": len(listed.packages),
        "executables": count,
        "analysed": len(analysed),
        "crashed": sum(each.crashed for each in listed.scans.values()),
        "closed": len(closed),
        "mean_calls_of_closed": statistics.mean([len(each.calls) for each in sizes] or [0]),
        "mean_main_of_closed": statistics.mean([each.in_main for each in sizes] or [0]),
        "seconds": listed.seconds,
        "memory_max_mb": max([each.memory for each in listed.scans.values()] or [0]) / MB,
        "reasons": dict(listed.reasons().most_common()),
    }
    print(f"packages ({total['packages']}): {' '.join(listed.packages)}")
    if listed.missing:
        print(f"not on this machine ({len(listed.missing)}): {' '.join(listed.missing)}")
    for path, each in listed.scans.items():
        if each.failure:
            print(f"failed: {path}: {each.failure}")
    kinds = Counter(point["kind"] for each in analysed.values() for point in each.evidence["open"])
    print("\nopen points: " + ", ".join(f"{number} {kind}" for kind, number in kinds.most_common()))
    for reason, programs in listed.reasons().most_common(MOST_REASONS):
        print(f"{programs:6} programs  {reason}")
    print(f"""
executables     {count}
analysed        {len(analysed)} ({100 * len(analysed) / max(1, count):.1f} %), {total['crashed']} crashed
closed          {len(closed)} ({100 * len(closed) / max(1, len(analysed)):.1f} %)
calls           {total['mean_calls_of_closed']:.1f} in the mean over the closed, \
{total['mean_main_of_closed']:.1f} from main on
whole list      {listed.seconds:.0f} s, cold; at most {total['memory_max_mb']:.0f} MB""")
    return total


def has_scan(sysnare: str) -> bool:
    asked = subprocess.run([sysnare, "scan", "--help"], capture_output=True, check=False)
    return asked.returncode == 0


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--sysnare", default=str(ROOT / "build" / "release" / "sysnare"))
    parser.add_argument("--traces", type=Path, default=ROOT / "build" / "corpus")
    parser.add_argument("--quick", action="store_true", help="only the programs marked quick")
    parser.add_argument("--list", action="store_true", help="scan all executables of the named packages")
    parser.add_argument("--record-only", action="store_true", help="record and judge nothing")
    parser.add_argument("--no-record", action="store_true", help="judge by the recordings that are there")
    parser.add_argument("--shared-cache", default="", metavar="DIR",
                        help="one cache for all scans: misses come sooner, times mean nothing")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--json", type=Path, metavar="FILE", help="the results as JSON too")
    return parser.parse_args()


def chosen(args: argparse.Namespace) -> list[Program]:
    programs = read_programs()
    unknown = sorted(set(args.names) - {each.name for each in programs})
    if unknown:
        sys.exit(f"corpus: no such program in the tables: {' '.join(unknown)}")
    if args.names:
        return [each for each in programs if each.name in args.names]
    return [each for each in programs if each.quick or not args.quick]


def main() -> int:
    args = options()
    if args.list:
        total = print_list(scan_all(args.sysnare, read_packages(), args.jobs))
        if args.json:
            args.json.write_text(json.dumps(total, indent=1) + "\n")
        return 0 if total["analysed"] == total["executables"] else 1

    programs = chosen(args)
    if not args.no_record and os.geteuid() != 0:
        print("corpus: recordings need root; --no-record judges by those that are there")
        return NOTHING_JUDGED
    if args.no_record:
        wrong = {each.name: "" if (args.traces / each.name / "live.json").exists() and
                 each.path(args.traces / each.name) else "not recorded" for each in programs}
    else:
        wrong = record_all(args.sysnare, programs, args.traces, args.jobs)
    for name, why in wrong.items():
        if why:
            print(f"left out: {name}: {why}")
    recorded = [each for each in programs if not wrong[each.name]]
    print(f"{len(recorded)} of {len(programs)} programs recorded")
    failed = any(why and not why.startswith("not ") for why in wrong.values())
    if args.record_only:
        return 1 if failed else 0
    if not recorded or not has_scan(args.sysnare):
        print("corpus: nothing to judge" if not recorded else "corpus: this sysnare has no scan")
        return NOTHING_JUDGED

    results = judge_all(args.sysnare, recorded, args.traces, args.jobs, args.shared_cache)
    print_results(results)
    if args.json:
        whole = {"summary": summary(results), "programs": [dataclasses.asdict(each) for each in results]}
        args.json.write_text(json.dumps(whole, indent=1) + "\n")
    bad = failed or any(each.failure or each.misses or each.argument_misses for each in results)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
