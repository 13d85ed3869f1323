"""What GitHub runs is what the README tells a reader to run. (`make check` has the schema and zizmor.)"""

import re
import tomllib

import pytest
import yaml
from built import ROOT

WORKFLOWS = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / ".github" / "workflows").glob("*.yml")}
README = (ROOT / "README.md").read_text(encoding="utf-8")


def steps(name):
    return [step for job in yaml.safe_load(WORKFLOWS[name])["jobs"].values() for step in job["steps"]]


def test_the_readmes_commands_are_what_runs():
    promised = re.findall(r"^(make \w+)", README, re.MULTILINE)
    run = [step["run"] for step in steps("test") if step.get("run", "").startswith("make ")]
    assert promised == run == ["make book", "make test"]


def test_every_make_target_that_runs_is_there():
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    called = {name for text in WORKFLOWS.values() for name in re.findall(r"\bmake ([a-z]+)\b", text)}
    assert {"site", "links"} <= called <= set(targets)


def test_the_pythons_that_are_promised_are_tried():
    lowest = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "requires-python"
    ].removeprefix(">=")
    matrix = yaml.safe_load(WORKFLOWS["test"])["jobs"]["test"]["strategy"]["matrix"]
    assert matrix["python"] == ["3.11", "3.12", "3.13"] and matrix["python"][0] == lowest
    assert [row["os"].partition("-")[0] for row in matrix["include"]] == ["macos"]


def test_windows_runs_the_package_and_the_readme_says_what_is_supported_where():
    job = yaml.safe_load(WORKFLOWS["test"])["jobs"]["windows"]
    assert job["runs-on"].startswith("windows")
    (tests,) = (re.findall(r"tests/\S+", step["run"]) for step in job["steps"] if "pytest" in step.get("run", ""))
    assert "tests/test_wheel.py" in tests and all((ROOT / name).is_file() for name in tests)
    unix = re.compile(r"os\.(?:fork|kill|mkfifo)|symlink_to|setrlimit|/proc/|/dev/")
    assert [name for name in tests if unix.search((ROOT / name).read_text(encoding="utf-8"))] == []
    said = " ".join(README.split())
    assert "Linux and macOS" in said and "On Windows the package" in said and "WSL" in said


@pytest.mark.parametrize("name", WORKFLOWS)
def test_actions_are_pinned_and_one_version_of_each_is_used(name):
    pins = re.findall(r"uses: (\S+?)@(\S+)(?: # (v[\d.]+))?$", "\n".join(WORKFLOWS.values()), re.MULTILINE)
    assert pins and all(re.fullmatch("[0-9a-f]{40}", commit) and version for _, commit, version in pins)
    assert len({action for action, *_ in pins}) == len(set(pins))
    for step in steps(name):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False
    assert yaml.safe_load(WORKFLOWS[name])["permissions"] == {}


def test_badges_are_the_forks_own():
    """Relative to the page that GitHub shows the README on, so that no slug is typed."""
    badges = re.findall(r"\]\((\.\./\.\./actions/workflows/(\w+)\.yml/badge\.svg)\)\]\((\.\./\.\./\S+)\)", README)
    assert {name for _, name, _ in badges} == WORKFLOWS.keys()
    assert "github.com/" not in README
