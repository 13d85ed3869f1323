"""python -m vae_core, as it is typed."""

import csv
import io
import json
import math
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vae_core import VAE, ConditionalVAE, ImageSet, TrainConfig, fit, load_images, load_model, load_pretrained
from vae_core.__main__ import main
from vae_core.likelihoods import DiscretizedLogistic
from vae_core.presets import PRESETS
from vae_core.runs import FILES
from vae_core.sources.download import DataError
from vae_core.sources.sizes import usual_size

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

    assert main(["evaluate", str(tmp_path), "--importance-samples", "5"]) == 0  # on the data of the run
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
    assert main([*TRAIN, *out, "--resume", "--beta", "0.1"]) == 1
    assert "config.beta = 1.0, not 0.1" in capsys.readouterr().err
    assert main([*TRAIN, *out, "--resume", "--lr", "0.1"]) == 1
    assert "of 2 epochs none is left to train" in capsys.readouterr().err
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
        (["--data", "folder"], "needs root= (--root)"),
        (["--data", "folder", "--root", "nowhere"], "nowhere is not a folder: pass root= (--root)"),
        (["--data", "folder", "--root", ".", "--size", "0"], "size is 0"),
        (
            ["--size", "16"],
            "error: --size is for a folder of pictures, and this is digits: leave it out, or name one by --root",
        ),
        (["--root", "."], "error: --root is where images lie, and the digits come with scikit-learn"),
        (["--data", "cifar"], "'cifar'"),
        (["--device", "cuda:99"], "cuda"),
        (["--seed", str(2**64)], "seed is 18446744073709551616: it must be from"),
        (["--latent-dim", "0"], "latent_dim is 0"),
        (["--hidden-dims", "8,-1"], "hidden_dims is [8, -1]"),
        (["--preset", "conv-32-20", "--hidden-dims", "64"], "hidden_dims is [64], but a ConvVAE has none"),
        (["--resume", "--overwrite"], "ask for one of them"),
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


def test_presets_and_help(capsys, monkeypatch):
    assert main(["presets"]) == 0
    listing = capsys.readouterr().out
    assert all(name in listing for name in PRESETS)
    assert "102.58" in listing
    assert "such as vae-12" in listing and "such as beta-0.5" in listing
    monkeypatch.setenv("COLUMNS", "120")
    with pytest.raises(SystemExit, match="0"):
        main(["train", "--help"])
    text = capsys.readouterr().out
    assert "--warmup-epochs" in text
    assert "bound on the gradient's norm" in text


def test_from_a_real_shell_that_knows_no_minus(tmp_path):
    shell = [sys.executable, "-m", "vae_core", "evaluate", str(tmp_path / "−")]
    ended = subprocess.run(shell, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert ended.returncode == 1 and ended.stdout == b"" and ended.stderr.startswith(b"error: ")
    assert b"Traceback" not in ended.stderr and b"/?" in ended.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_terminal_of_any_encoding_is_answered(encoding, tmp_path, monkeypatch):
    folder = tmp_path / "Kölner Größen −"
    for arguments, status in ((["evaluate", "vae-2", "--data", "digits"], 0), (["evaluate", str(folder)], 1)):
        terminal = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        with monkeypatch.context() as terminals:
            terminals.setattr("sys.stdout", terminal)
            terminals.setattr("sys.stderr", terminal)
            assert main(arguments) == status
        terminal.flush()
        printed = terminal.buffer.getvalue().decode(encoding)
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


def paint(folder, count, shape, name="{}.png"):
    """A folder of so many pictures of noise."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for number in range(count):
        Image.fromarray(generator.integers(0, 255, shape, np.uint8)).save(folder / name.format(number))


@pytest.mark.parametrize("colours", [(), (3,)], ids=["grey", "colour"])
@pytest.mark.parametrize("side", [28, 32, 64, 128])
def test_a_folder_of_pictures_is_trained_from_the_shell(side, colours, tmp_path, monkeypatch, capsys):
    """`train --data folder --root photos`, then whatever it says to type next; the rest is there to be quick."""
    monkeypatch.chdir(tmp_path)
    paint(tmp_path / "my phötos", 12, (side, side + 6, *colours))
    photos = ["--data", "folder", "--root", "my phötos"]
    quick = ["--device", "cpu", "--epochs", "1", *(["--size", "128"] if side == 128 else [])]
    assert main(["train", *photos, *quick]) == 0, capsys.readouterr().err
    printed, said = capsys.readouterr()
    images = load_images("folder", "my phötos", size=side)
    channels, out = (3 if colours else 1), tmp_path / "runs" / "my phötos"
    shown = Path("runs/my phötos")
    assert "ConvVAE with 32 latent dimensions and" in printed and f"1 epochs of 1 steps, into {shown}" in printed
    assert "0/1" in said or "1/1" in said, "the progress bar"
    assert {path.name for path in out.iterdir()} == set(FILES)
    model = load_model(out / "model.safetensors")
    assert (model.config["model"], model.config["size"], model.config["channels"]) == ("ConvVAE", side, channels)
    assert "root" not in model.record
    with Image.open(out / "picture.png") as picture:
        assert min(picture.size) > 200

    next_ones = [
        shlex.split(line.partition("python -m vae_core ")[2]) for line in printed.splitlines() if " -m " in line
    ]
    assert [arguments[0] for arguments in next_ones] == ["evaluate", "train"]
    for arguments in next_ones:
        assert main(arguments) == 0, capsys.readouterr().err
    printed = capsys.readouterr().out
    assert f"{len(images.test)} test images of folder my phötos" in printed and "epoch   2" in printed
    assert f"vae_core.load_model({str(shown / 'model.safetensors')!r})" in printed


def test_a_root_of_pictures_is_trained_on_without_another_word(tmp_path, monkeypatch, capsys):
    """Never MNIST in its place; and a test part that is no longer the run's is said to be another."""
    monkeypatch.chdir(tmp_path)
    paint(tmp_path / "photos", 30, (32, 32))
    assert main(["train", "--root", "photos", "--device", "cpu", "--epochs", "1"]) == 0, capsys.readouterr().err
    assert "into runs/photos" in capsys.readouterr().out
    assert main(["evaluate", "runs/photos", "--importance-samples", "3"]) == 0
    printed, said = capsys.readouterr()
    assert "not quite the images" not in said
    pairs = re.findall(r"(?:−ELBO|at most) (\d+\.\d\d).*?, (\d\.\d{3}) bits a pixel", printed)
    assert len(pairs) == 2 and all(abs(float(nats) / (1024 * math.log(2)) - float(bits)) < 6e-4 for nats, bits in pairs)
    (tmp_path / "photos" / "0.png").unlink()
    assert main(["evaluate", "runs/photos"]) == 0
    said = capsys.readouterr().err
    assert "not quite the images of that run: some of the test part may have been trained on" in said


def test_a_folders_pictures_decide_how_long_and_of_what_size(tmp_path, monkeypatch, capsys):
    paint(tmp_path / "a", 9, (50, 90, 3))
    paint(tmp_path / "b", 4, (300, 200, 3))
    (tmp_path / "a" / "no.png").write_bytes(b"no picture")
    assert [usual_size(tmp_path, largest) for largest in (64, 32)] == [48, 32]
    assert [usual_size(tmp_path / "b", 64), usual_size(tmp_path / "c", 64), usual_size(None, 64)] == [64, 32, 32]

    seen = []
    monkeypatch.setattr("vae_core.__main__.fit", lambda model, images, config, **_: seen.append((model, config)))
    photos = ["train", "--data", "folder", "--root", str(tmp_path), "--out", str(tmp_path / "run")]
    assert main(photos) == 0, capsys.readouterr().err
    assert main([*photos, "--size", "33"]) == 1
    assert "33 pixels cannot be halved" in capsys.readouterr().err
    (model, config), *rest = seen
    assert not rest and model.config["size"] == 48 and model.config["widths"] == [16, 32, 64]
    assert (config.epochs, config.batch_size) == (100, 11)  # of 13 pictures two are for testing


def test_another_shape_of_a_preset(tmp_path, capsys):
    run = ["--out", str(tmp_path)]
    assert main([*TRAIN, *run, "--latent-dim", "3", "--hidden-dims", "32,16"]) == 0
    model = load_model(tmp_path / "model.safetensors")
    assert (model.latent_dim, model.config["hidden_dims"]) == (3, [32, 16])
    assert main(["train", "--resume", *run, "--epochs", "3", "--device", "cpu"]) == 0
    assert main(["train", "--resume", *run, "--latent-dim", "4"]) == 1
    assert "model.latent_dim = 3, not 4" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*TRAIN, "--hidden-dims", "wide"])


def settings_of(folder):
    return json.loads((folder / "config.json").read_text(encoding="utf-8"))


def test_resume_needs_the_folder_alone(tmp_path, capsys):
    """And lengthens the run, or changes its learning rate, where that is asked for; config.json then says so."""
    run = ["--out", str(tmp_path / "run")]
    terms = ["--batch-size", "100", "--seed", "3", "--pixels", "dynamic", "--save-every", "5", "--warmup-epochs", "1"]
    assert main([*TRAIN, *run, *terms]) == 0
    assert main(["train", "--resume", *run, "--epochs", "4"]) == 0, capsys.readouterr().err
    printed = capsys.readouterr().out
    assert "epoch   4" in printed and "digits: 1,500 images" in printed
    assert main([*TRAIN, "--out", str(tmp_path / "whole"), *terms, "--epochs", "4"]) == 0
    one, two = (load_model(tmp_path / name / "model.safetensors") for name in ("run", "whole"))
    assert all(torch.equal(value, two.state_dict()[name]) for name, value in one.state_dict().items())
    settings, whole = settings_of(tmp_path / "run"), settings_of(tmp_path / "whole")
    assert settings.pop("before") == [{"until_step": 30, "epochs": 2}]
    assert settings == whole and settings["save_every"] == 5
    headers = [
        (tmp_path / name / "history.csv").read_text(encoding="utf-8").partition("\n")[0] for name in ("run", "whole")
    ]
    assert headers[0] == headers[1] and headers[0].startswith("epoch,train_rate,train_distortion,train_elbo,test_rate")
    assert main(["train", "--resume", *run, "--epochs", "5", "--lr", "0.0001"]) == 0
    assert "goes on with lr = 0.0001" in capsys.readouterr().err
    settings = settings_of(tmp_path / "run")
    assert (settings["lr"], settings["before"][1]) == (0.0001, {"until_step": 60, "epochs": 4, "lr": 0.001})
    assert main(["train", "--resume", *run, "--preset", "vae-2"]) == 1
    assert "was started with preset = 'relu-200-10', not 'vae-2'" in capsys.readouterr().err


def test_a_run_without_a_word_of_its_data_is_resumed_when_told(tmp_path, capsys):
    """As earlier releases left it."""
    assert main([*TRAIN, "--out", str(tmp_path)]) == 0
    then = {"preset": "relu-200-10", **vars(TrainConfig(epochs=2, device="cpu"))}
    (tmp_path / "config.json").write_text(json.dumps(then), encoding="utf-8")
    again = ["train", "--resume", "--out", str(tmp_path), "--epochs", "3"]
    assert main([*again, "--data", "digits"]) == 0, capsys.readouterr().err
    assert settings_of(tmp_path)["data"] == "digits" and settings_of(tmp_path)["before"][0]["epochs"] == 2
    assert main([*again, "--data", "digits", "--epochs", "4"]) == 0


def test_other_images_are_no_way_to_resume(tmp_path, capsys):
    paint(tmp_path / "a", 12, (16, 16, 3))
    paint(tmp_path / "b", 13, (16, 16, 3))
    train = ["train", "--device", "cpu", "--epochs", "1", "--out", str(tmp_path / "run")]
    assert main([*train, "--data", "folder", "--root", str(tmp_path / "a")]) == 0
    again = ["train", "--resume", "--epochs", "2", "--out", str(tmp_path / "run")]
    assert main([*again, "--root", str(tmp_path / "b")]) == 1
    assert "not the images that it was trained on" in capsys.readouterr().err
    (tmp_path / "a").rename(tmp_path / "c")
    assert main([*again, "--root", str(tmp_path / "c")]) == 0, capsys.readouterr().err
    assert settings_of(tmp_path / "run")["root"] == str(tmp_path / "c")


def test_a_run_from_python_is_measured_and_resumed_from_the_shell(tmp_path, capsys, digits):
    config = TrainConfig(epochs=1, device="cpu", pixels="threshold")
    fit(VAE(hidden_dims=(16,), latent_dim=2), digits, config, out=tmp_path / "run", progress=False)
    test_elbo = load_model(tmp_path / "run" / "model.safetensors").record["test_elbo"]
    for model in ("run", "run/model.safetensors"):
        assert main(["evaluate", str(tmp_path / model)]) == 0
        printed = capsys.readouterr().out
        assert "297 test images of digits, threshold pixels" in printed and f"−ELBO {-test_elbo:.2f}" in printed
    assert main(["train", "--resume", "--out", str(tmp_path / "run"), "--epochs", "2"]) == 0
    assert "epoch   2" in capsys.readouterr().out

    mine = ImageSet("cifar100", digits.train, digits.test, digits.train_labels, digits.test_labels)
    fit(VAE(hidden_dims=(16,), latent_dim=2), mine, config, out=tmp_path / "mine", progress=False)
    for command in (["evaluate", str(tmp_path / "mine")], ["train", "--resume", "--out", str(tmp_path / "mine")]):
        assert main(command) == 1
        assert (
            "on images named 'cifar100': go on with them there, or name a set or a folder with --data"
            in capsys.readouterr().err
        )
    assert main(["evaluate", str(tmp_path / "mine"), "--data", "digits"]) == 0


@pytest.mark.parametrize("name", ["cifar10", "cifar10-jpeg", "patches"])
def test_colour_images_are_looked_for_again_by_what_they_were_loaded_by(name, monkeypatch, capsys):
    """`load_images("colour")` names what it finds, and a record says that name."""
    asked, pictures = [], torch.zeros(2, 3, 32, 32, dtype=torch.uint8)

    def loaded(name, *_, **__):
        asked.append(name)
        return ImageSet(name, pictures, pictures, torch.zeros(2, dtype=torch.int64), torch.zeros(2, dtype=torch.int64))

    weights = load_pretrained("colour-learned")
    weights.record["data"] = name
    monkeypatch.setattr("vae_core.__main__.load_pretrained", lambda _: weights)
    monkeypatch.setattr("vae_core.__main__.load_images", loaded)
    assert main(["evaluate", "colour-learned", "--device", "cpu"]) == 0, capsys.readouterr().err
    assert asked == ["patches" if name == "patches" else "colour"]
    assert "not quite the images of that run" in capsys.readouterr().err


def test_a_run_that_is_told_the_class_is_measured_from_the_shell(tmp_path, capsys):
    """Its preset puts the classes behind the pixels; a file that lies elsewhere knows no preset, and gets them all the same."""
    run = tmp_path / "run"
    assert main([*TRAIN, "--preset", "cvae-2", "--epochs", "1", "--out", str(run)]) == 0
    test_elbo = load_model(run / "model.safetensors").record["test_elbo"]
    (tmp_path / "mine.safetensors").write_bytes((run / "model.safetensors").read_bytes())
    for model in (run, run / "model.safetensors", tmp_path / "mine.safetensors"):
        capsys.readouterr()
        assert main(["evaluate", str(model), "--importance-samples", "3"]) == 0, capsys.readouterr().err
        printed, said = capsys.readouterr()
        assert f"−ELBO {-test_elbo:.2f}" in printed and "with 3 importance samples" in printed and not said


def test_weights_that_were_told_the_class_know_their_images_again(tmp_path, monkeypatch, capsys, digits):
    """Their record names the set as it is published; other images are still said to be others."""
    monkeypatch.setattr("vae_core.__main__.WEIGHTS", tmp_path)
    with monkeypatch.context() as fewer:
        fewer.setattr("vae_core.__main__.load_images", lambda *_, **__: digits.first(640, 100))
        assert main(["weights", "--epochs", "1", "cvae-2"]) == 0
        assert main(["evaluate", str(tmp_path / "cvae-2.safetensors")]) == 0
        assert "not quite the images" not in capsys.readouterr().err
    assert main(["evaluate", str(tmp_path / "cvae-2.safetensors")]) == 0
    assert "these are not quite the images of that run" in capsys.readouterr().err


def test_bits_are_of_pixels_and_not_of_the_class_behind_them(tmp_path, capsys, digits):
    model = ConditionalVAE(hidden_dims=(8,), latent_dim=2, likelihood=DiscretizedLogistic())
    told, config = digits.with_classes(), TrainConfig(epochs=1, device="cpu")
    fit(model, told, config, out=tmp_path, progress=False)
    capsys.readouterr()
    assert main(["evaluate", str(tmp_path)]) == 0
    (pair,) = re.findall(r"−ELBO (\d+\.\d\d).*, (\d\.\d{3}) bits a pixel", capsys.readouterr().out)
    assert abs(float(pair[0]) / (784 * math.log(2)) - float(pair[1])) < 6e-4


def test_a_run_that_was_interrupted_is_measured_by_its_checkpoint(tmp_path, capsys, digits):
    def stop(*_):
        raise KeyboardInterrupt

    config = TrainConfig(epochs=2, device="cpu")
    with pytest.raises(KeyboardInterrupt):
        fit(VAE(hidden_dims=(16,), latent_dim=2), digits, config, out=tmp_path, callback=stop, progress=False)
    rows = list(csv.DictReader((tmp_path / "history.csv").read_text(encoding="utf-8").splitlines()))
    assert main(["evaluate", str(tmp_path)]) == 0, capsys.readouterr().err
    assert f"−ELBO {-float(rows[0]['test_elbo']):.2f}" in capsys.readouterr().out


def test_weights_of_any_latent_dimension_for_so_many_epochs(tmp_path, monkeypatch, capsys, digits):
    monkeypatch.setattr("vae_core.__main__.WEIGHTS", tmp_path)
    monkeypatch.setattr("vae_core.__main__.load_images", lambda *_: digits.first(640, 100))
    assert main(["weights", "--epochs", "1", "vae-3", "ae-4"]) == 0, capsys.readouterr().err
    assert "vae-3: test distortion" in capsys.readouterr().out
    for name, latent_dim in (("vae-3", 3), ("ae-4", 4)):
        model = load_model(tmp_path / f"{name}.safetensors")
        assert (model.latent_dim, model.record["epochs"], model.record["preset"]) == (latent_dim, 1, name)
    assert main(["weights", "--epochs", "1", "vae-5", "vae-none"]) == 1
    assert "'vae-none'" in capsys.readouterr().err and not (tmp_path / "vae-5.safetensors").exists()


def test_a_run_that_diverges_ends_with_an_error_and_saves_nothing(tmp_path, capsys):
    assert main([*TRAIN, "--lr", "1000", "--out", str(tmp_path)]) == 1
    both = capsys.readouterr()
    assert "began at" in both.err and "lower the learning rate" in both.err and "last good" not in both.err
    assert "saved in" not in both.out and not list(tmp_path.iterdir())


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


def test_what_both_hosts_say_names_the_option_of_each(tmp_path, monkeypatch, capsys):
    """Three that a shell meets later: no MNIST, too many pictures, and a size where nothing is brought to one."""
    monkeypatch.setattr("vae_core.sources.mnist.fetch", unreachable)
    monkeypatch.delenv("VAE_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--data", "mnist"]) == 1
    assert "take the digits: fallback='digits' (--data digits)" in capsys.readouterr().err
    paint(tmp_path / "photos", 3, (8, 8))
    monkeypatch.setattr("vae_core.sources.memory.free_memory", lambda: 100)
    assert main(["train", "--root", "photos"]) == 1
    assert "choose a smaller size= (--size)" in capsys.readouterr().err
    assert main(["evaluate", "vae-2", "--data", "digits", "--size", "9"]) == 1
    assert "--size is for a folder of pictures, and this is digits" in capsys.readouterr().err


def unreachable(*_, **__):
    raise DataError("no network")


def test_evaluating_shipped_weights_and_unknown_ones(capsys):
    assert main(["evaluate", "vae-2", "--data", "digits"]) == 0
    assert "297 test images of digits" in capsys.readouterr().out
    assert main(["evaluate", "vae-none", "--data", "digits"]) == 1
    assert "no pretrained model 'vae-none'" in capsys.readouterr().err
    for place in ("runs/none", "none.safetensors"):
        assert main(["evaluate", place, "--data", "digits"]) == 1
        assert f"error: {Path(place)} is not there: name a .safetensors file" in capsys.readouterr().err
