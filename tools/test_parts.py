"""Run parts of `make test` one after the other, and say at the end how long each took and which tests were slowest.

    python tools/test_parts.py check+site-anew units browser notebooks

Parts joined by + run at the same time. It stops at the first that fails. What pytest writes about a part,
`_build/tests/PART.xml`, is where the tests' times come from.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

REPORTS = Path(__file__).parents[1] / "_build" / "tests"
SLOWEST = 10


def run(parts: list[str]) -> tuple[int, float]:
    """`make PART` of each at once, the first aloud, the others told after it: an exit status, and the seconds they took."""
    begun = time.perf_counter()
    first, *others = [[os.environ.get("MAKE", "make"), "--no-print-directory", part] for part in parts]
    beside = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for command in others]
    status = subprocess.run(first).returncode
    for process in beside:
        said, _ = process.communicate()
        sys.stdout.buffer.write(said)
        sys.stdout.flush()
        status = status or process.returncode
    return status, time.perf_counter() - begun


def tests_of(part: str) -> list[tuple[float, str]]:
    """Each test of a part: its seconds, set-up and all, and its name."""
    report = REPORTS / f"{part}.xml"
    if not report.exists():
        return []
    cases = ElementTree.parse(report).iter("testcase")
    return [(float(case.get("time", 0)), f"{case.get('classname')}::{case.get('name')}") for case in cases]


def main(parts: list[str]) -> int:
    for report in REPORTS.glob("*.xml"):
        report.unlink()
    minutes: dict[str, float] = {}
    status = 0
    for part in parts:
        status, seconds = run(part.split("+"))
        minutes[part] = seconds / 60
        if status:
            break
        if "site-anew" in part:
            os.environ["BUILT"] = "1"  # `make browser` alone builds the book itself
    tests = {part: tests_of(part) for part in minutes}
    print("\nThe ten slowest tests")
    for seconds, name in sorted((test for found in tests.values() for test in found), reverse=True)[:SLOWEST]:
        print(f"{seconds:8.1f} s  {name}")
    print("\nMinutes")
    for part, taken in minutes.items():
        count = f"{len(tests[part])} tests" if tests[part] else ""
        print(f"{taken:8.1f}    {part:12} {count}")
    print(f"{sum(minutes.values()):8.1f}    {'all' if not status else f'until {list(minutes)[-1]} failed'}", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
