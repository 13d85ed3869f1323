"""kill -9 at any moment, then --resume: the weights are those of the run that was left in peace, to the bit."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from patience import PATIENCE

from vae_core.__main__ import main
from vae_core.checkpoint import load

VICTIM = Path(__file__).parent / "victim.py"
STEPS = 36  # twelve batches of 128 digits, three epochs
RUN = ["train", "--preset", "relu-200-10", "--data", "digits", "--device", "cpu", "--epochs", "3"]
TERMS = [*RUN, "--pixels", "dynamic", "--warmup-epochs", "1.5", "--clip-norm", "50", "--save-every", "5"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}


def run(*command):
    """In a process of its own, for what may end it."""
    return subprocess.run([sys.executable, *map(str, command)], env=ENVIRONMENT, capture_output=True, text=True)


def train(out, *options):
    """In this process, to the end."""
    assert main([*TERMS, "--out", str(out), *map(str, options)]) == 0


@pytest.fixture(scope="module")
def in_peace(tmp_path_factory):
    out = tmp_path_factory.mktemp("peace")
    train(out)
    return out


def same_to_the_bit(one, other):
    (a, record_a), (b, record_b) = (load(out / "checkpoint.safetensors") for out in (one, other))
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a), "weights, optimizer or generator differ"
    for row_a, row_b in zip(record_a["history"], record_b["history"], strict=True):
        timings = ("seconds", "images_per_second")
        assert {k: v for k, v in row_a.items() if k not in timings} == {
            k: v for k, v in row_b.items() if k not in timings
        }


def kill_and_resume(seed, in_peace, out):
    """Kill the run twice at random places, the second time while it is resuming, then let it end."""
    generator = random.Random(seed)
    for life in (1, 2):
        what = ("step", "fsync")[(seed + life) % 2]
        # config.json takes the first two; a save takes two: one for the file, one for its folder
        at = generator.randint(1, STEPS // 2) if what == "step" else generator.randint(3, 9)
        extra = ["--resume"] if life == 2 else []
        ended = run(VICTIM, what, at, *TERMS, "--out", out, *extra)
        assert ended.returncode == -signal.SIGKILL, ended.stderr
    train(out, "--resume")
    assert not list(out.glob(".*.tmp")), "a killed save left its temporary file"
    same_to_the_bit(in_peace, out)


@pytest.mark.parametrize("seed", range(3))
def test_killed_and_resumed(seed, in_peace, tmp_path):
    kill_and_resume(seed, in_peace, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3, 20))
def test_killed_and_resumed_often(seed, in_peace, tmp_path):
    kill_and_resume(seed, in_peace, tmp_path)


def test_ctrl_c_from_a_shell(in_peace, tmp_path):
    command = [sys.executable, "-m", "vae_core", *TERMS, "--out", str(tmp_path), "--epochs", "5000"]
    process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert any("epoch   1" in line for line in process.stdout)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "--resume" in errors
    assert "Traceback" not in errors
    epochs = load(tmp_path / "checkpoint.safetensors")[1]["epoch"] + 1
    train(tmp_path, "--resume", "--epochs", epochs)


def test_a_full_disk_keeps_the_last_checkpoint(tmp_path):
    """A file size limit stands in for a full disk: the write fails half way, as it would there."""
    train(tmp_path)
    path = tmp_path / "checkpoint.safetensors"
    before = path.read_bytes()
    limit = len(before) // 2
    script = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}));"
        "from vae_core.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    ended = run("-c", script, *TERMS, "--out", tmp_path, "--resume", "--epochs", "4")
    assert ended.returncode == 1
    assert "File too large" in ended.stderr
    assert path.read_bytes() == before
    assert not list(tmp_path.glob(".*.tmp"))
    train(tmp_path, "--resume", "--epochs", 4)
