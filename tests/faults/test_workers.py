"""Two processes under torchrun: the same figures as one, each image once, and a lost worker comes back."""

import csv
import math
import os
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

import pytest
import torch
from patience import PATIENCE

from vae_core.__main__ import main
from vae_core.checkpoint import load
from vae_core.runs import FILES

VICTIM, HALTER = (Path(__file__).parent / name for name in ("victim.py", "halter.py"))
TERMS = ["train", "--preset", "relu-200-10", "--data", "digits", "--device", "cpu", "--epochs", "2"]
TERMS += ["--batch-size", "100", "--pixels", "dynamic", "--schedule", "one-cycle", "--save-every", "4"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1", "VICTIM_RANK": "1"}
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]


def torchrun(*command):
    """Two processes, until both have ended: -> what they printed, their errors. They end with it, also when they hang."""
    process = subprocess.Popen([*TORCHRUN, *map(str, command)], env=ENVIRONMENT, stdout=PIPE, stderr=PIPE, text=True)
    try:
        printed, errors = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.terminate()  # torchrun ends its workers, which are in sessions of their own
        process.communicate()
        raise
    assert process.returncode == 0, errors
    return printed, errors


def history(out):
    return list(csv.DictReader((out / "history.csv").read_text(encoding="utf-8").splitlines()))


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A run by two processes: its folder, and what they printed."""
    out = tmp_path_factory.mktemp("shared")
    return out, torchrun("-m", "vae_core", *TERMS, "--out", out)[0]


def test_two_processes_give_the_figures_of_one(shared, tmp_path):
    out, printed = shared
    assert main([*TERMS, "--out", str(tmp_path)]) == 0
    assert printed.count("epoch   1") == printed.count("digits: 1,500 images") == 1  # one process speaks
    assert printed.count("saved in") == 1 and {path.name for path in out.iterdir()} == set(FILES)
    for alone, together in zip(history(tmp_path), history(out), strict=True):
        assert alone["lr"] == together["lr"]
        for column in ("train_rate", "train_distortion", "test_rate", "test_distortion"):
            assert math.isclose(float(alone[column]), float(together[column]), rel_tol=1e-5), column
    # 1,500 images in each epoch, counted by both processes together
    for row in history(out):
        assert math.isclose(float(row["images_per_second"]) * float(row["seconds"]), 1500, rel_tol=1e-9)


@pytest.mark.parametrize("options", [["--objective", "iwae", "--num-samples", "3"], ["--free-bits", "0.5"]], ids=str)
def test_two_processes_draw_and_count_as_one(options, tmp_path):
    """Free bits are counted over the whole batch, which no process has."""
    alone, together = tmp_path / "alone", tmp_path / "together"
    assert main([*TERMS, *options, "--out", str(alone)]) == 0
    torchrun("-m", "vae_core", *TERMS, *options, "--out", together)
    for a, b in zip(history(alone), history(together), strict=True):
        for column in ("train_rate", "train_distortion", "test_rate", "test_distortion"):
            assert math.isclose(float(a[column]), float(b[column]), rel_tol=1e-5), column


def test_shares_of_a_batch_are_disjoint_and_complete():
    for size in (100, 101, 1):
        shares = [torch.arange(size)[rank::3] for rank in range(3)]
        assert torch.cat(shares).sort().values.equal(torch.arange(size))


def test_a_killed_worker_restarts_to_the_same_end(shared, tmp_path):
    _, errors = torchrun("--max-restarts=1", VICTIM, "step", 18, *TERMS, "--out", tmp_path)
    assert "(exitcode: -9) local_rank: 1" in errors
    (a, _), (b, _) = (load(out / "checkpoint.safetensors") for out in (shared[0], tmp_path))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_one_worker_ends_the_run_for_all(tmp_path):
    """Each process asks its own callback; one that stopped alone would leave the others waiting."""
    printed, _ = torchrun(HALTER, tmp_path / "run")
    assert printed.count("epochs 2") == 2
    assert len(history(tmp_path / "run")) == 2 and {path.name for path in (tmp_path / "run").iterdir()} == set(FILES)


def test_batch_normalisation_on_two_processes_is_said_to_differ(tmp_path, capsys):
    conv = ["train", "--preset", "conv-32-20", "--data", "digits", "--device", "cpu", "--epochs", "1"]
    conv += ["--batch-size", "100"]
    one, two = tmp_path / "one", tmp_path / "two"
    assert main([*conv, "--out", str(one)]) == 0
    _, errors = torchrun("-m", "vae_core", *conv, "--out", two)
    words = (
        "batch normalisation sees one process's share of a batch: the figures will not be quite those of one process"
    )
    assert words not in capsys.readouterr().err and errors.count(words) == 1
    for a, b in zip(history(one), history(two), strict=True):
        assert a["train_distortion"] != b["train_distortion"]
        assert math.isclose(float(a["train_distortion"]), float(b["train_distortion"]), rel_tol=0.1)
