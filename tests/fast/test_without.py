"""`fast/` is an option: a copy of the package without the folder and its one call is a working book."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# the tests of the loop and of resuming, but for the many runs that count what presets reach; of the others it is asked that
# they can be collected, which is to say that nothing else imports the folder
SUBSET = "(test_training.py or test_objectives.py and resumed) and not fast and not ordinary_runs"
NOWHERE_ELSE = """
import sys
sys.meta_path[:] = [finder for finder in sys.meta_path if "__editable__" not in getattr(finder, "__module__", "")]
"""


@pytest.fixture(scope="module")
def without(tmp_path_factory):
    """The environment of a shell that imports a copy of the package without `fast/`."""
    copy = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "vae_core", copy / "vae_core", ignore=shutil.ignore_patterns("fast", "__pycache__"))
    loop = copy / "vae_core" / "training.py"
    lines = loop.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if "equip" not in line]
    assert len(lines) - len(kept) == 2  # the import and the call
    loop.write_text("".join(kept), encoding="utf-8")
    # an editable install looks in its own folder for what the copy lacks
    (copy / "sitecustomize.py").write_text(NOWHERE_ELSE, encoding="utf-8")
    return {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}


def run(environment, *command):
    """A command from the root of the book: what it printed, if it ended well."""
    ended = subprocess.run(
        [sys.executable, *map(str, command)], env=environment, cwd=ROOT, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    return ended.stdout


def test_the_copy_is_what_is_imported(without):
    # -P, for the root of the book has a vae_core of its own
    asks = "import vae_core, importlib.util as u; print(vae_core.__file__, u.find_spec('vae_core.fast'))"
    place, fast = run(without, "-P", "-c", asks).split()
    assert Path(place).is_relative_to(without["PYTHONPATH"]) and fast == "None"


def test_the_loop_passes_its_tests(without):
    others = ["--ignore=tests/fast", "--ignore=tests/browser"]
    printed = run(without, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", *others, "-k", SUBSET, "tests")
    passed = re.search(r"(\d+) passed", printed.splitlines()[-1])
    assert passed and int(passed[1]) > 100 and "failed" not in printed and "error" not in printed.splitlines()[-1]
