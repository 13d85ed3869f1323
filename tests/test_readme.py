""" "Use it on your own data" in the README, word for word: in an empty folder with a reader's images and nothing else."""

import csv
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from built import ROOT
from PIL import Image

from vae_core.__main__ import main

SECTION = (ROOT / "README.md").read_text(encoding="utf-8").split("## Use it on your own data")[1].split("\n## ")[0]
OWN = (ROOT / "own.md").read_text(encoding="utf-8")


def code(text, language):
    """All blocks of a language, in order."""
    return "\n".join(re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder with images.npy, and photos of several sizes, grey and in colour."""
    folder = tmp_path_factory.mktemp("project")
    random = np.random.default_rng(0)
    blobs = np.zeros((200, 28, 28), dtype=np.uint8)
    for blob, (row, column) in zip(blobs, random.integers(2, 18, (200, 2)), strict=True):
        blob[row : row + 8, column : column + 6] = 255
    np.save(folder / "images.npy", blobs)
    (folder / "photos").mkdir()
    for i, blob in enumerate(blobs[:60]):
        size = (40 + i % 3, 50) if i % 2 else (64, 64)
        Image.fromarray(blob).convert("RGB" if i % 2 else "L").resize(size).save(folder / "photos" / f"{i}.png")
    return folder


def run(folder, *command):
    """Run a command there as a reader would, with the Python that runs this as `python`."""
    places = [str(Path(sys.executable).parent), os.environ["PATH"]]
    env = os.environ | {"PATH": os.pathsep.join(places), "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def printed(project):
    """What the Python of that section prints, run from its first line to its last."""
    return run(project, "python", "-c", code(SECTION, "python"))


def test_every_line_of_python_runs(project, printed):
    assert re.search(r"^ELBO of the test images: -\d+\.\d nats$", printed, re.MULTILINE)
    assert {path.name for path in (project / "runs" / "mine").iterdir()} == {
        "checkpoint.safetensors",
        "config.json",
        "history.csv",
        "model.safetensors",
        "picture.png",
    }
    assert "<title>My images</title>" in (project / "mine.html").read_text(encoding="utf-8")
    with Image.open(project / "mine.png") as picture:
        assert picture.width > 400


@pytest.mark.usefixtures("printed")
def test_what_was_exported_runs_without_the_package(project):
    """In a Python that cannot import vae_core."""
    alone = "import sys, torch; sys.modules['vae_core'] = None\n"
    alone += "print(tuple(torch.export.load('decoder.pt2').module()(torch.zeros(1, 10)).shape))\n"
    alone += "print(len(torch.load('weights.pt')))"
    shape, count = run(project, "python", "-c", alone).splitlines()
    assert shape == "(1, 784)" and int(count) > 6


def test_every_line_of_the_shell_runs(project, monkeypatch):
    monkeypatch.chdir(project)
    for command in code(SECTION, "sh").splitlines():
        python, module, package, *arguments = shlex.split(command)
        assert [python, module, package] == ["python", "-m", "vae_core"]
        assert main(arguments) == 0
    history = (project / "runs" / "photos" / "history.csv").read_text(encoding="utf-8").splitlines()
    assert len(history) == 1 + 8


def test_a_model_of_ones_own_is_trained_stopped_resumed_saved_and_shown(project, tmp_path):
    """Every line of that page; its asserts say that what comes back is what was saved."""
    shutil.copy(project / "images.npy", tmp_path)
    run(tmp_path, "python", "-c", code(OWN, "python"))
    with (tmp_path / "runs" / "plain" / "history.csv").open(encoding="utf-8") as rows:
        lr = [float(row["lr"]) for row in csv.DictReader(rows)]
    assert lr.index(1e-4) < 50, "the callback ended the run, and the rest was at another rate"
    assert "Five nats for nothing" in (tmp_path / "free.html").read_text(encoding="utf-8")
