"""Run parts of `make test` one after the other, and say at the end how long each took and which tests were slowest.

    python tools/test_parts.py check+site-anew units browser+notebooks

Parts joined by + run at the same time. It stops at the first that fails. What pytest writes about a part,
`_build/tests/PART.xml`, is where the tests' times come from.
"""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

REPORTS = Path(__file__).parents[1] / "_build" / "tests"
SLOWEST = 10


def run(part: str, aloud: bool) -> tuple[int, float, bytes]:
    """`make PART`: its exit status, the seconds it took, and what it said, where it did not say it aloud."""
    begun = time.perf_counter()
    command = [os.environ.get("MAKE", "make"), "--no-print-directory", part]
    done = (
        subprocess.run(command) if aloud else subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    )
    return done.returncode, time.perf_counter() - begun, done.stdout or b""


def together(parts: list[str]) -> tuple[int, list[float]]:
    """Several parts at once, the first aloud, the others told after it: an exit status, and the seconds of each."""
    with ThreadPoolExecutor() as pool:
        statuses, seconds, said = zip(*pool.map(run, parts, [part == parts[0] for part in parts]), strict=True)
    sys.stdout.buffer.write(b"".join(said))
    sys.stdout.flush()
    return max(map(abs, statuses)), list(seconds)


def tests_of(part: str) -> list[tuple[float, str]]:
    """Each test of a part: its seconds, set-up and all, and its name."""
    report = REPORTS / f"{part}.xml"
    if not report.exists():
        return []
    cases = ElementTree.parse(report).iter("testcase")
    return [(float(case.get("time", 0)), f"{case.get('classname')}::{case.get('name')}") for case in cases]


def main(steps: list[str]) -> int:
    for report in REPORTS.glob("*.xml"):
        report.unlink()
    begun = time.perf_counter()
    minutes: dict[str, float] = {}
    status, parts = 0, []
    for step in steps:
        parts = step.split("+")
        status, seconds = together(parts)
        minutes |= {part: taken / 60 for part, taken in zip(parts, seconds, strict=True)}
        if status:
            break
        if "site-anew" in parts:
            os.environ["BUILT"] = "1"  # `make browser` alone builds the book itself
    tests = {part: tests_of(part) for part in minutes}
    print("\nThe ten slowest tests")
    for seconds, name in sorted((test for found in tests.values() for test in found), reverse=True)[:SLOWEST]:
        print(f"{seconds:8.1f} s  {name}")
    print(f"\nMinutes of {' '.join(steps)} (joined by +: at the same time)")
    for part, taken in minutes.items():
        count = f"{len(tests[part])} tests" if tests[part] else ""
        print(f"{taken:8.1f}    {part:12} {count}")
    ended = f"until {' or '.join(parts)} failed" if status else "all"
    print(f"{(time.perf_counter() - begun) / 60:8.1f}    {ended}", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
