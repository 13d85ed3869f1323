"""What the tests share: the data at hand, and which tests run where."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from xdist.scheduler import LoadScopeScheduling

from vae_core import ImageSet, load_images

HEADING = "what was refused"


def pytest_report_header() -> str:
    """Say in the log which images the tests run on."""
    return f"data: {load_images('mnist', fallback='digits').name}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what was not asked for: tests marked slow or colab, and CUDA tests where there is no such GPU."""
    if config.option.markexpr:
        return
    unwanted = {"slow", "colab"} if torch.cuda.is_available() else {"slow", "colab", "cuda"}
    chosen = [item for item in items if not unwanted & {mark.name for mark in item.iter_markers()}]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen


class TogetherByVisit(LoadScopeScheduling):
    """Tests of one file run in one process, and so share its fixtures; a file of visits to pages is divided by visit."""

    def _split_scope(self, nodeid: str) -> str:
        visit = re.search(r"(?:desk|phone) \S+?\.html", nodeid)
        return nodeid.partition("::")[0] + (visit[0] if visit else "")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> TogetherByVisit:
    return TogetherByVisit(config, log)


@pytest.fixture(scope="session")
def digits() -> ImageSet:
    """The fallback set, which every machine has."""
    return load_images("digits")


@pytest.fixture(scope="session")
def images() -> ImageSet:
    """MNIST where it is at hand, else the fallback."""
    return load_images("mnist", fallback="digits")


@pytest.fixture
def tally(record_property: Callable[[str, object], None]) -> Iterator[Callable[..., None]]:
    """`tally("checkpoint mutants", accepted=False, seconds=0.01)` counts one attempt."""
    counts: dict[str, tuple[int, int, float]] = {}

    def add(what: str, *, accepted: bool, seconds: float) -> None:
        tried, taken, slowest = counts.get(what, (0, 0, 0.0))
        counts[what] = tried + 1, taken + bool(accepted), max(slowest, seconds)

    yield add
    record_property(HEADING, counts)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the fault tests tried, in this process and in xdist's: here, where the controller looks for it."""
    sums: dict[str, tuple[int, int, float]] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) != "teardown":
                continue
            for heading, counts in report.user_properties:
                if heading == HEADING:
                    for what, (tried, taken, slowest) in counts.items():
                        was = sums.get(what, (0, 0, 0.0))
                        sums[what] = was[0] + tried, was[1] + taken, max(was[2], slowest)
    if sums:
        terminalreporter.section(HEADING)
        terminalreporter.write_line(f"{'':40} {'tried':>7} {'refused':>8} {'accepted':>9} {'slowest':>10}")
        for what, (tried, taken, slowest) in sorted(sums.items()):
            terminalreporter.write_line(f"{what:40} {tried:7} {tried - taken:8} {taken:9} {slowest * 1000:7.0f} ms")
