"""python -m vae_core, as it is typed."""

import csv
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from vae_core import TrainConfig, load_model
from vae_core.__main__ import main
from vae_core.presets import PRESETS

TRAIN = ["train", "--preset", "relu-200-10", "--data", "digits", "--device", "cpu", "--epochs", "2"]


def test_a_run_leaves_everything_in_its_folder(tmp_path, capsys):
    assert main([*TRAIN, "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "epoch   2" in printed
    assert "test −ELBO" in printed
    names = {"config.json", "history.csv", "checkpoint.safetensors", "model.safetensors", "picture.png"}
    assert {path.name for path in tmp_path.iterdir()} == names
    settings = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    assert (settings["preset"], settings["epochs"], settings["batch_size"]) == ("relu-200-10", 2, 128)
    assert len((tmp_path / "history.csv").read_text(encoding="utf-8").splitlines()) == 3
    record = load_model(tmp_path / "model.safetensors").record
    assert (record["preset"], record["data"], record["epochs"]) == ("relu-200-10", "digits", 2)

    assert main(["evaluate", str(tmp_path), "--data", "digits", "--importance-samples", "5"]) == 0
    printed = capsys.readouterr().out
    assert f"−ELBO {-record['test_elbo']:.2f}" in printed
    assert "importance samples" in printed


def test_a_folder_with_a_run_is_kept(tmp_path, capsys):
    out = ["--out", str(tmp_path)]
    assert main([*TRAIN, *out]) == 0
    before = (tmp_path / "model.safetensors").read_bytes()
    assert main([*TRAIN, *out]) == 1
    assert "already holds a run" in capsys.readouterr().err
    assert (tmp_path / "model.safetensors").read_bytes() == before
    assert main([*TRAIN, *out, "--resume", "--lr", "0.1"]) == 1
    assert "config.lr = 0.001, not 0.1" in capsys.readouterr().err
    assert main([*TRAIN, *out, "--resume"]) == 0
    assert main([*TRAIN, *out, "--overwrite", "--lr", "0.002"]) == 0
    assert (tmp_path / "model.safetensors").read_bytes() != before


def test_nothing_to_resume(tmp_path, capsys):
    assert main([*TRAIN, "--out", str(tmp_path / "new"), "--resume"]) == 1
    assert "holds no run to resume" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--preset", "relu"], "unknown preset 'relu'"),
        (["--epochs", "0"], "epochs is 0"),
        (["--beta", "-1"], "beta is -1"),
        (["--batch-size", "5000"], "batch_size is 5000"),
        (["--data", "folder"], "root="),
        (["--data", "cifar"], "'cifar'"),
        (["--device", "cuda:99"], "cuda"),
    ],
)
def test_bad_settings_leave_no_folder(tmp_path, capsys, arguments, message):
    assert main([*TRAIN, "--out", str(tmp_path / "run"), *arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("arguments", [["train", "--epoch", "3"], ["train", "--learning-rate", "1"], ["tran"], []])
def test_mistyped_options_are_refused_by_name(arguments, capsys):
    with pytest.raises(SystemExit) as refusal:
        main(arguments)
    assert refusal.value.code == 2
    assert (arguments or ["COMMAND"])[-2 if len(arguments) > 1 else -1] in capsys.readouterr().err


def test_presets_and_help_from_a_real_shell():
    shell = [sys.executable, "-m", "vae_core"]
    environment = {**os.environ, "COLUMNS": "120"}
    listing = subprocess.run([*shell, "presets"], capture_output=True, text=True, check=True, env=environment).stdout
    assert all(name in listing for name in PRESETS)
    assert "102.58" in listing
    text = subprocess.run(
        [*shell, "train", "--help"], capture_output=True, text=True, check=True, env=environment
    ).stdout
    assert "--warmup-epochs" in text
    assert "bound on the gradient's norm" in text


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_terminal_of_any_encoding_is_answered(encoding, tmp_path):
    folder = tmp_path / "Kölner Größen −"
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    for arguments, status in ((["evaluate", "vae-2", "--data", "digits"], 0), (["evaluate", str(folder)], 1)):
        ended = subprocess.run([sys.executable, "-m", "vae_core", *arguments], capture_output=True, env=environment)
        printed = (ended.stdout + ended.stderr).decode(encoding)
        assert ended.returncode == status and "Traceback" not in printed, printed
        assert ("−" if encoding == "utf-8" else "?") in printed


def test_an_autoencoder_is_measured_by_its_distortion_alone(capsys, tmp_path):
    assert main(["evaluate", "ae-2", "--data", "digits"]) == 0
    printed = capsys.readouterr().out
    assert "distortion" in printed and "ELBO" not in printed and "rate" not in printed
    assert main(["evaluate", "ae-2", "--data", "digits", "--importance-samples", "5"]) == 1
    both = capsys.readouterr()
    assert both.out == "" and both.err.startswith("error: model is of Autoencoder, which gives each image a point")
    assert main([*TRAIN, "--preset", "ae-2", "--epochs", "1", "--out", str(tmp_path)]) == 0
    assert "test distortion" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("preset", "size", "side"), [("relu-200-10", 12, 12), ("conv-32-20", 16, 32), ("conv-32-20", 48, 48)]
)
def test_a_preset_learns_from_a_folder_of_pictures(preset, size, side, tmp_path, capsys):
    generator = np.random.default_rng(0)
    (tmp_path / "mine").mkdir()
    for number in range(20):
        pixels = generator.integers(0, 255, (20, 30, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "mine" / f"{number}.png")
    data = ["--data", "folder", "--root", str(tmp_path / "mine"), "--size", str(size), "--device", "cpu"]
    run = ["--preset", preset, "--epochs", "1", "--batch-size", "6", "--out", str(tmp_path / "run")]
    assert main(["train", *run, *data]) == 0, capsys.readouterr().err
    model = load_model(tmp_path / "run" / "model.safetensors")
    assert model.input_dim == 3 * side**2 and (tmp_path / "run" / "picture.png").exists()
    assert main(["evaluate", str(tmp_path / "run"), *data]) == 0
    assert "2 test images of folder mine" in capsys.readouterr().out


def test_a_run_that_diverges_ends_with_an_error_and_saves_nothing(tmp_path, capsys):
    assert main([*TRAIN, "--lr", "1000", "--out", str(tmp_path)]) == 1
    both = capsys.readouterr()
    assert "began at" in both.err and "lower the learning rate" in both.err and "last good" not in both.err
    assert "saved" not in both.out and [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_a_schedule_from_the_shell(tmp_path, capsys):
    cycle = [*TRAIN, "--schedule", "one-cycle", "--lr", "0.01", "--out", str(tmp_path)]
    assert main(cycle) == 0
    config = TrainConfig(epochs=2, lr=0.01, schedule="one-cycle")
    rates = [config.lr_at(step, 12) for step in (11, 23)]
    printed = capsys.readouterr().out
    assert all(f"lr {rate:.1e}" in printed for rate in rates)
    rows = list(csv.DictReader((tmp_path / "history.csv").read_text(encoding="utf-8").splitlines()))
    assert [float(row["lr"]) for row in rows] == rates
    assert main([*cycle, "--resume", "--epochs", "3"]) == 1
    assert "config.epochs = 2, not 3" in capsys.readouterr().err


def test_evaluating_shipped_weights_and_unknown_ones(capsys):
    assert main(["evaluate", "vae-2", "--data", "digits"]) == 0
    assert "297 test images of digits" in capsys.readouterr().out
    assert main(["evaluate", "vae-3", "--data", "digits"]) == 1
    assert "no pretrained model 'vae-3'" in capsys.readouterr().err
