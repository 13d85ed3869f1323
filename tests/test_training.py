"""The engine: repeatable, resumable to the bit, and loud when something is wrong."""

import csv
import json
import math
import os
import signal
import threading
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from vae_core import VAE, Autoencoder, ConvVAE, TrainConfig, checkpoint, fit, load_model
from vae_core.adam import Adam
from vae_core.checkpoint import CheckpointError, load
from vae_core.data import to_pixels
from vae_core.likelihoods import Gaussian
from vae_core.losses import Elbo, gaussian_kl
from vae_core.metrics import elbo, evaluate
from vae_core.presets import PRESETS
from vae_core.runs import FILES, draw_picture
from vae_core.training import FAR, Diverged, History, Run, derive_seed

PAINT = draw_picture
QUICK = TrainConfig(epochs=2, batch_size=100, device="cpu", log_every=4)


@pytest.fixture(autouse=True, params=["fast", "plain"])
def way(request, monkeypatch):
    """Every test of the loop runs both ways: with the option `fast/`, and as if that folder were not there."""
    if request.param == "plain":
        monkeypatch.setattr("vae_core.training.equip", lambda run: None, raising=False)


@pytest.fixture(autouse=True)
def unpainted(monkeypatch):
    """Runs of these tests leave a word in place of a picture, which takes longer than they do; one test has it painted."""
    monkeypatch.setattr("vae_core.runs.draw_picture", lambda *_: b"a picture")


@pytest.fixture
def small(digits):
    return digits.first(640, 100)  # six batches of 100 and one of 40


def make_model(seed=0):
    torch.manual_seed(seed)
    return VAE(784, (32,), 4)


def weights_of(model):
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def test_the_same_seed_gives_the_same_weights(small):
    runs = [make_model() for _ in range(2)]
    histories = [fit(model, small, QUICK, progress=False) for model in runs]
    assert torch.equal(weights_of(runs[0]), weights_of(runs[1]))
    assert histories[0]["test_elbo"] == histories[1]["test_elbo"]
    other = make_model()
    fit(other, small, replace(QUICK, seed=1), progress=False)
    assert not torch.equal(weights_of(other), weights_of(runs[0]))


def test_training_does_not_touch_the_global_generator(small):
    torch.manual_seed(5)
    expected = torch.rand(3)
    model = make_model()
    torch.manual_seed(5)
    fit(model, small, QUICK, progress=False)
    assert torch.equal(torch.rand(3), expected)


def test_against_a_loop_written_out(small):
    """A second implementation, with PyTorch's plain Adam and the batch mean taken directly."""
    model, plain = make_model(), make_model()
    fit(model, small, replace(QUICK, epochs=1), progress=False)
    optimizer = torch.optim.Adam(plain.parameters(), lr=1e-3, fused=False, foreach=False)
    noise = torch.Generator().manual_seed(derive_seed(0, "noise"))
    order = torch.randperm(640, generator=torch.Generator().manual_seed(derive_seed(0, "order", 0)))
    for batch in order.split(100):
        x = small.train[batch].flatten(1).float() / 255
        loss = -elbo(plain, x, 1, generator=noise).elbo.mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.testing.assert_close(weights_of(model), weights_of(plain), rtol=1e-4, atol=1e-6)


def test_each_image_is_seen_once_an_epoch(small):
    run = Run(make_model(), small, QUICK, None)
    orders = []
    for run.epoch in (0, 1):
        batches = run.batches()
        assert [len(batch) for batch in batches] == [100] * 6 + [40]
        orders.append(torch.cat(batches))
        assert orders[-1].sort().values.equal(torch.arange(640))
    assert not orders[0].equal(orders[1])


def test_it_learns_and_history_says_so(small):
    seen = []
    model = make_model()
    history = fit(model, small, replace(QUICK, epochs=6), callback=lambda _, h: seen.append(len(h)), progress=False)
    assert seen == [1, 2, 3, 4, 5, 6]
    assert history["test_elbo"][-1] > history["test_elbo"][0] + 50
    row = history.rows[-1]
    assert math.isclose(row["test_elbo"], -(row["test_rate"] + row["test_distortion"]), rel_tol=1e-9)
    assert math.isclose(row["images_per_second"] * row["seconds"], 640, rel_tol=1e-9)
    assert not model.training
    assert list(row)[-3:] == ["lr", "seconds", "images_per_second"]
    again = evaluate(model, small.test, seed=0)
    assert math.isclose(again.elbo.item(), row["test_elbo"], rel_tol=1e-9)


def test_an_autoencoder_has_no_rate(small):
    torch.manual_seed(0)
    history = fit(Autoencoder(784, (32,), 2), small, QUICK, progress=False)
    assert history["train_rate"] == [0, 0]
    assert history["test_distortion"][1] < history["test_distortion"][0]


def test_beta_anneals_in_a_straight_line(small):
    config = TrainConfig(beta=2.0, warmup_epochs=2)
    assert [config.beta_at(step, 5) for step in (0, 4, 9, 30)] == [0.2, 1.0, 2.0, 2.0]
    assert TrainConfig(beta=0.5).beta_at(0, 5) == 0.5
    rates = {}
    for beta in (0.0, 1.0, 20.0):
        rates[beta] = fit(make_model(), small, replace(QUICK, epochs=4, beta=beta), progress=False)["test_rate"][-1]
    assert rates[0.0] > rates[1.0] > rates[20.0]


class Descent(Adam):
    """Plain gradient descent shows the gradient's own length; Adam would hide it."""

    def step(self):
        with torch.no_grad():
            for weight, gradient in zip(self.weights, self.gradients, strict=True):
                weight -= gradient


def test_a_constant_learning_rate_is_one_number(small):
    assert {TrainConfig(lr=3e-4).lr_at(step, 7) for step in range(70)} == {3e-4}
    history = fit(make_model(), small, QUICK, progress=False)
    assert history["lr"] == [1e-3, 1e-3]


def test_one_cycle_rises_in_a_straight_line_and_falls_along_a_cosine():
    config = TrainConfig(epochs=10, lr=0.01, schedule="one-cycle")
    rates = torch.tensor([config.lr_at(step, 100) for step in range(1000)], dtype=torch.float64)
    rise, fall = rates[:300], rates[300:]
    torch.testing.assert_close(rise, 0.01 * (torch.arange(300) + 0.5).double() / 300)
    torch.testing.assert_close(fall, 0.005 * (1 + torch.cos(math.pi * (torch.arange(700) + 0.5).double() / 700)))
    assert 0 < rates.min() and 0.00999 < rates.max() <= 0.01
    assert rates.mean().item() == pytest.approx(0.005, rel=1e-6)


def test_each_step_moves_by_the_schedule(small):
    """Adam's first step is as long as the learning rate, whatever the gradient."""
    config = replace(QUICK, epochs=3, lr=0.02, schedule="one-cycle")
    model = make_model()
    run = Run(model, small, config, None)
    before, seen = weights_of(model), []
    for _ in run.steps():
        if run.number == 1 and run.position:
            assert (weights_of(model) - before).abs().max().item() == pytest.approx(config.lr_at(0, 7), rel=1e-3)
        if run.position:
            seen.append(run.optimizer.lr.item())
    assert seen == [config.lr_at(step, 7) for step in range(21)]
    assert run.history["lr"] == [config.lr_at(step, 7) for step in (6, 13, 20)]


def test_one_cycle_ends_lower_than_a_constant_rate(small):
    constant = fit(make_model(), small, replace(QUICK, epochs=6), progress=False)["test_elbo"][-1]
    cycle = replace(QUICK, epochs=6, lr=0.01, schedule="one-cycle")
    assert fit(make_model(), small, cycle, progress=False)["test_elbo"][-1] > constant + 10


def test_clipping_bounds_the_step(small):
    def moved(clip):
        run = Run(make_model(), small, replace(QUICK, clip_norm=clip), None)
        before = weights_of(run.model)
        run.optimizer = Descent(run.optimizer.weights, lr=1.0)
        run.advance(run.batches()[0])
        return (weights_of(run.model) - before).norm().item(), run.noted[0][2].item()

    step, norm = moved(0.5)
    assert norm > 0.5
    assert math.isclose(step, 0.5, rel_tol=1e-3)
    step, same_norm = moved(None)
    assert math.isclose(step, same_norm, rel_tol=1e-3)


@pytest.mark.parametrize("pixels", ["threshold", "dynamic"])
def test_other_pixels(small, pixels):
    history = fit(make_model(), small, replace(QUICK, pixels=pixels), progress=False)
    x = to_pixels(small.test, pixels, generator=torch.Generator().manual_seed(0))
    assert set(x.unique().tolist()) == {0, 1}
    assert history["test_elbo"][1] > history["test_elbo"][0]


def test_half_precision_learns_nearly_the_same(small):
    full = fit(make_model(), small, replace(QUICK, epochs=4), progress=False)["test_elbo"][-1]
    half = fit(make_model(), small, replace(QUICK, epochs=4, precision="bf16"), progress=False)["test_elbo"][-1]
    assert abs(full - half) < 0.02 * abs(full)
    assert half != full


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"batch_size": 641}, "batch_size is 641 but there are only 640"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"beta": -0.1}, "beta is -0.1"),
        ({"lr": 0.0}, "lr is 0.0"),
        ({"lr": math.nan}, "lr is nan"),
        ({"clip_norm": -1.0}, "clip_norm is -1.0"),
        ({"warmup_epochs": -1.0}, "warmup_epochs is -1.0"),
        ({"pixels": "binary"}, "'binary'.*'dynamic'"),
        ({"precision": "fp16"}, "'fp16'.*'bf16'"),
        ({"schedule": "cosine"}, "'cosine'.*'one-cycle'"),
        ({"device": "tpu9"}, "'tpu9'"),
        ({"epochs": "3"}, "epochs is '3': it must be of type int, as in epochs=10"),
        ({"epochs": 2.5}, "epochs is 2.5: it must be of type int"),
        ({"epochs": None}, "epochs is None: it must be of type int"),
        ({"batch_size": 50.0}, "batch_size is 50.0: it must be of type int, as in batch_size=128"),
        ({"log_every": 1.5}, "log_every is 1.5: it must be of type int"),
        ({"seed": None}, "seed is None: it must be of type int"),
        ({"seed": 2**64}, r"seed is 18446744073709551616: it must be from -2\*\*63 to 2\*\*64 - 1"),
        ({"seed": -(2**63) - 1}, "seed is -9223372036854775809"),
        ({"lr": "1e-3"}, "lr is '1e-3': it must be of type float, as in lr=0.001"),
        ({"lr": torch.tensor(1e-3)}, r"lr is tensor\(0.0010\): it must be of type float"),
        ({"beta": None}, "beta is None: it must be of type float"),
        ({"clip_norm": "1"}, r"clip_norm is '1': it must be of type float \| None, as in clip_norm=None"),
        ({"pixels": ["grey"]}, r"pixels is \['grey'\]: it must be of type str"),
    ],
)
def test_bad_settings_are_refused_before_anything_moves(small, change, message, tmp_path):
    model = make_model()
    before = weights_of(model)
    with pytest.raises(ValueError, match=message):
        fit(model, small, replace(QUICK, **change), progress=False, out=tmp_path / "run")
    assert torch.equal(weights_of(model), before) and not list(tmp_path.iterdir())


def test_numbers_of_numpy_and_a_device_of_torch_are_settings_too(small, tmp_path):
    """And are written down as any others, so that the run is the same run."""
    given: dict[str, Any] = {"epochs": np.int64(2), "batch_size": np.int32(100), "lr": np.float32(0.5) ** 10}
    config = replace(QUICK, **given, device=torch.device("cpu"))
    assert config == replace(QUICK, lr=2.0**-10)
    fit(make_model(), small, replace(config, epochs=1), out=tmp_path, progress=False)
    fit(make_model(), small, replace(QUICK, lr=2.0**-10), out=tmp_path, resume=True, progress=False)
    assert json.loads((tmp_path / "config.json").read_text())["batch_size"] == 100


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"config": {"epochs": 3}}, r"config is \{'epochs': 3\}, and a TrainConfig is needed"),
        ({"config": {}}, r"config is \{\}, .*TrainConfig\(epochs=3\)"),
        ({"config": TrainConfig}, r"config is <class '.*TrainConfig'>"),
        ({"model": VAE}, r"model is <class '.*VAE'>, which is no LatentModel: VAE\(\) is one"),
        ({"model": make_model().double()}, r"weights are torch.float64, and only float32 is trained: model.float\(\)"),
        ({"model": make_model().half()}, r"weights are torch.float16, .*model.float\(\).*precision='bf16'"),
        ({"model": make_model().bfloat16()}, "weights are torch.bfloat16"),
        ({"save_every": "a"}, "save_every is 'a': it must be a whole number, 0 or more"),
        ({"save_every": -1}, "save_every is -1"),
    ],
)
def test_what_fit_cannot_take_is_refused_before_a_folder_is_made(small, change, message, tmp_path):
    given: Any = {"model": make_model(), "images": small, "config": QUICK, **change}
    with pytest.raises(ValueError, match=message):
        fit(**given, out=tmp_path / "run", progress=False)
    assert not list(tmp_path.iterdir())


def test_images_of_two_channels_are_trained_on(small):
    """They have no file format and no colour, but somebody may have written them out."""
    two = replace(small, train=small.train.repeat(1, 2, 1, 1), test=small.test.repeat(1, 2, 1, 1))
    assert len(fit(VAE(1568, (8,), 2), two, QUICK, progress=False)) == 2


@pytest.mark.parametrize("seed", [-(2**63), 2**64 - 1])
def test_the_seeds_at_both_ends_are_taken(small, seed):
    assert len(fit(make_model(), small, replace(QUICK, epochs=1, seed=seed), progress=False)) == 1


def down_to(pixels):
    """Convolutions whose last batch normalisation sees so many pixels across of an image of 32."""
    torch.manual_seed(0)
    return ConvVAE(1, 32, (2,) * (5 - pixels // 2), 8, 2)


def test_a_last_batch_of_which_nothing_could_be_normalised_is_refused(small, tmp_path):
    """Of 640 images in batches of 213 one is left."""
    framed, model = small.padded(32), down_to(1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    message = r"batch_size is 213, which leaves the last of 640 images alone: of one image a BatchNorm2d has one number"
    with pytest.raises(ValueError, match=message):
        fit(model, framed, replace(QUICK, batch_size=213), out=tmp_path / "run", progress=False)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert model.training and not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match=r"batch_size is 1, which leaves"):
        fit(model, framed, replace(QUICK, batch_size=1), progress=False)


@pytest.mark.parametrize(("pixels", "batch_size"), [(1, 212), (2, 213)])
def test_a_last_batch_that_can_be_normalised_is_trained_on(small, pixels, batch_size):
    config = replace(QUICK, epochs=1, batch_size=batch_size)
    assert len(fit(down_to(pixels), small.padded(32), config, progress=False)) == 1


def test_a_model_too_large_for_a_checkpoint_is_refused_before_the_first_step(small, tmp_path, monkeypatch):
    """And the run that it was to take the place of stays."""
    fit(make_model(), small, replace(QUICK, epochs=1), out=tmp_path, progress=False)
    before, size = contents(tmp_path), (tmp_path / "checkpoint.safetensors").stat().st_size
    model, weights = make_model(seed=1), sum(weight.numel() for weight in make_model().parameters())
    monkeypatch.setattr(checkpoint, "MAX_BYTES", 12 * weights)
    message = (
        rf"the model has {weights:,} weights, and each checkpoint would have .* bytes.*{12 * weights:,} is the most"
    )
    with pytest.raises(ValueError, match=message):
        fit(model, small, QUICK, out=tmp_path, overwrite=True, progress=False)
    assert contents(tmp_path) == before and torch.equal(weights_of(model), weights_of(make_model(seed=1)))
    assert len(fit(model, small, replace(QUICK, epochs=1), progress=False)) == 1  # in memory there is room
    monkeypatch.setattr(checkpoint, "MAX_BYTES", size + 1000)
    fit(model, small, replace(QUICK, epochs=1), out=tmp_path, overwrite=True, progress=False)


def test_cuda_without_a_gpu_is_refused(small, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="no CUDA GPU here: choose 'auto' or 'cpu'"):
        fit(make_model(), small, replace(QUICK, device="cuda"), progress=False)


def test_images_of_another_size_are_refused(small):
    with pytest.raises(ValueError, match="1024.*784.*input_dim=1024"):
        fit(make_model(), small.padded(32), QUICK, progress=False)


def test_a_model_with_nothing_to_train_is_refused(small):
    with pytest.raises(ValueError, match=r"every weight of the model is frozen: set requires_grad_\(True\)"):
        fit(make_model().requires_grad_(False), small, QUICK, progress=False)


def test_frozen_weights_stay(small):
    model = make_model()
    model.encoder.requires_grad_(False)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    fit(model, small, QUICK, progress=False)
    stays = [torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True)]
    assert stays == [True] * 4 + [False] * 4


def test_progress_shows_the_running_elbo(small, capsys):
    fit(make_model(), small, replace(QUICK, epochs=1))
    assert "elbo=-" in capsys.readouterr().err
    fit(make_model(), small, replace(QUICK, epochs=1), progress=False)
    assert capsys.readouterr().err == ""


class Stopped(Exception):
    pass


ONE_CYCLE = {"schedule": "one-cycle", "lr": 0.01}


@pytest.mark.parametrize(("stop_at", "schedule"), [(2, {}), (4, ONE_CYCLE), (6, {}), (7, ONE_CYCLE), (11, ONE_CYCLE)])
def test_resume_is_exact_to_the_bit(small, tmp_path, monkeypatch, stop_at, schedule):
    config = replace(QUICK, pixels="dynamic", warmup_epochs=1.5, clip_norm=5.0, **schedule)
    whole = make_model()
    expected = fit(whole, small, config, progress=False)

    steps = iter(range(1, 100))
    advance = Run.advance

    def advance_or_stop(self, batch):
        if next(steps) > stop_at:
            raise Stopped
        advance(self, batch)

    with monkeypatch.context() as until:
        until.setattr(Run, "advance", advance_or_stop)
        with pytest.raises(Stopped):
            fit(make_model(), small, config, out=tmp_path, save_every=2, progress=False)
    resumed = make_model(seed=9)  # its weights come from the checkpoint
    history = fit(resumed, small, config, out=tmp_path, resume=True, progress=False)
    assert torch.equal(weights_of(resumed), weights_of(whole))
    for column in ("epoch", "train_rate", "train_distortion", "test_elbo", "lr"):
        assert history[column] == expected[column]


def test_a_finished_run_can_be_lengthened(small, tmp_path):
    fit(make_model(), small, QUICK, out=tmp_path, progress=False)
    longer = make_model(seed=3)
    history = fit(longer, small, replace(QUICK, epochs=3), out=tmp_path, resume=True, progress=False)
    whole = make_model()
    fit(whole, small, replace(QUICK, epochs=3), progress=False)
    assert len(history) == 3
    assert torch.equal(weights_of(longer), weights_of(whole))


def test_a_cycle_has_one_length(small, tmp_path):
    config = replace(QUICK, **ONE_CYCLE)
    fit(make_model(), small, config, out=tmp_path, progress=False)
    with pytest.raises(ValueError, match=r"config\.epochs = 2, not 3: a one-cycle schedule is laid out"):
        fit(make_model(), small, replace(config, epochs=3), out=tmp_path, resume=True, progress=False)
    assert len(fit(make_model(), small, config, out=tmp_path, resume=True, progress=False)) == 2


@pytest.mark.parametrize("written_on", ["cuda", "mps"])
def test_a_run_from_another_device_goes_on_from_the_seed_and_says_so(small, tmp_path, capsys, written_on):
    """A generator's state means nothing to one of another kind: CUDA's has 16 bytes, the CPU's 5,056."""
    fit(make_model(), small, QUICK, out=tmp_path, progress=False)
    path = tmp_path / "checkpoint.safetensors"
    tensors, record = load(path)
    tensors["generator"] = torch.arange(16, dtype=torch.uint8)
    checkpoint.save(path, tensors, {**record, "device": written_on})
    ends = []
    for _ in range(2):
        model = make_model(seed=3)
        history = fit(model, small, replace(QUICK, epochs=3), out=tmp_path, resume=True, progress=False)
        said = capsys.readouterr().err
        assert f"was written on {written_on}, and this is cpu: its noise goes on from the seed" in said
        assert len(history) == 3 and history["test_elbo"][2] > history["test_elbo"][1]
        ends.append(weights_of(model))
        checkpoint.save(path, tensors, {**record, "device": written_on})
    assert torch.equal(*ends)


def test_frozen_otherwise_a_run_is_not_resumed(small, tmp_path):
    fit(make_model(), small, QUICK, out=tmp_path, progress=False)
    model = make_model()
    model.encoder.requires_grad_(False)
    with pytest.raises(
        CheckpointError, match="0.mean has shape .*: resume the model .* and freeze what was frozen then"
    ):
        fit(model, small, QUICK, out=tmp_path, resume=True, progress=False)


@pytest.mark.parametrize(
    ("config", "images", "model", "message"),
    [
        ({"beta": 2.0}, None, None, r"config\.beta = 1.0, not 2.0: resume it with its own settings"),
        ({"seed": 4}, None, None, r"config\.seed"),
        ({}, 600, None, "data = .* not the images that it was trained on"),
        ({}, None, lambda: VAE(784, (31,), 4), r"model\.hidden_dims = \[32\], not \[31\]"),
    ],
)
def test_resume_under_other_terms_is_refused(small, tmp_path, config, images, model, message):
    fit(make_model(), small, QUICK, out=tmp_path, progress=False)
    before = (tmp_path / "checkpoint.safetensors").read_bytes()
    other = small.first(images) if images else small
    with pytest.raises(ValueError, match=message):
        fit((model or make_model)(), other, replace(QUICK, **config), out=tmp_path, resume=True, progress=False)
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before


def test_a_damaged_checkpoint_is_refused(small, tmp_path):
    fit(make_model(), small, QUICK, out=tmp_path, progress=False)
    path = tmp_path / "checkpoint.safetensors"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="damaged"):
        fit(make_model(), small, QUICK, out=tmp_path, resume=True, progress=False)


def test_resume_needs_a_folder(small):
    with pytest.raises(ValueError, match="out="):
        fit(make_model(), small, QUICK, resume=True, progress=False)


def poison(parameter, step):
    """Make the gradient of `parameter` NaN at the given step (from 1)."""
    calls = iter(range(1, 1000))
    parameter.register_hook(lambda grad: grad * (math.nan if next(calls) == step else 1.0))


def test_a_bad_gradient_is_named_and_the_last_good_checkpoint_stands(small, tmp_path):
    model = make_model()
    poison(next(model.decoder.parameters()), step=10)  # step 3 of the second epoch
    with pytest.raises(Diverged, match=r"step 3 of epoch 2: the gradient is nan.*last good checkpoint.*0\.001"):
        fit(model, small, replace(QUICK, epochs=3), out=tmp_path, save_every=1, progress=False)
    tensors, record = load(tmp_path / "checkpoint.safetensors")
    assert (record["epoch"], record["position"]) == (1, 2)
    assert all(value.isfinite().all() for value in tensors.values())


def test_at_the_first_step_no_checkpoint_is_spoken_of(small, tmp_path):
    (tmp_path / "checkpoint.safetensors").write_bytes(b"of another run")
    model = make_model()
    poison(next(model.decoder.parameters()), step=1)
    with pytest.raises(Diverged, match="step 1 of epoch 1: the gradient is nan: lower the learning rate"):
        fit(model, small, QUICK, out=tmp_path, overwrite=True, save_every=1, progress=False)
    assert not list(tmp_path.iterdir())  # so the next run may have the folder
    with pytest.raises(Diverged):
        fit(model, small, replace(QUICK, lr=1000.0), out=tmp_path, progress=False)
    fit(make_model(), small, QUICK, out=tmp_path, progress=False)


def test_an_error_on_the_way_back_to_a_run_leaves_its_folder_alone(small, tmp_path):
    fit(make_model(), small, QUICK, out=tmp_path, progress=False)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match="config.beta = 1.0, not 2.0"):
        fit(make_model(), small, replace(QUICK, beta=2.0), out=tmp_path, resume=True, progress=False)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def blow_up(model, step, value):
    """Let the weights become `value` in the step of this number, of which its own figures show nothing."""
    calls, real = iter(range(1, 1000)), Adam.step

    def stepped(self):
        real(self)
        if next(calls) == step:
            with torch.no_grad():
                self.weights[-1].fill_(value)

    return stepped


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e30])
@pytest.mark.parametrize("last", [True, False])
def test_test_figures_that_are_bad_are_never_saved(small, tmp_path, monkeypatch, value, last):
    model = make_model()
    monkeypatch.setattr(Adam, "step", blow_up(model, 14, value))  # the last step of the second epoch
    config = replace(QUICK, epochs=2 if last else 4)
    with pytest.raises(Diverged, match=r"epoch 2: the test loss is \S+ nats.*last good checkpoint stands.*0\.001"):
        fit(model, small, config, out=tmp_path, progress=False)
    tensors, record = load(tmp_path / "checkpoint.safetensors")
    assert record["epoch"] == 1 and len(record["history"]) == 1
    assert all(value.isfinite().all() for value in tensors.values())


def test_weights_that_are_bad_are_not_saved_within_an_epoch(small, tmp_path, monkeypatch):
    model = make_model()
    monkeypatch.setattr(Adam, "step", blow_up(model, 3, math.inf))
    with pytest.raises(Diverged, match="after step 3: decoder.layers.2.bias is not finite: the last good checkpoint"):
        fit(model, small, QUICK, out=tmp_path, save_every=1, progress=False)
    assert load(tmp_path / "checkpoint.safetensors")[1]["position"] == 2


def test_a_loss_that_is_far_within_an_epoch_is_not_saved_either(small, tmp_path, monkeypatch):
    model = make_model()
    monkeypatch.setattr(Adam, "step", blow_up(model, 3, 1e5))  # logits of 100,000: finite, and no sign of learning
    with pytest.raises(Diverged, match=r"epoch 1: the mean loss is \d\S+ nats an image, and began at 5\d\d"):
        fit(model, small, QUICK, out=tmp_path, save_every=1, progress=False)
    assert load(tmp_path / "checkpoint.safetensors")[1]["position"] == 3  # whose own figures were still good


@pytest.mark.parametrize("rate", [10.0, 1000.0])
def test_a_loss_far_above_where_it_began_is_a_divergence(small, tmp_path, rate):
    with pytest.raises(Diverged, match=r"loss is \S+ nats an image, and began at 5\d\d.*lower the learning rate"):
        fit(make_model(), small, replace(QUICK, lr=rate), out=tmp_path, progress=False)
    assert not (tmp_path / "checkpoint.safetensors").exists()


@pytest.mark.parametrize(
    "settings",
    [
        *({"preset": name} for name in PRESETS),
        {"preset": "classic-400-20", "lr": 0.03, "schedule": "one-cycle"},
        {"preset": "classic-400-20", "beta": 0.0},
        {"preset": "classic-400-20", "beta": 20.0},
        {"preset": "classic-400-20", "beta": 500.0, "lr": 1e-2},
        {"preset": "vae-50", "warmup_epochs": 3.0, "lr": 1e-2},
        {"preset": "classic-400-20", "beta": 4.0, "warmup_epochs": 1.0, "lr": 3e-3},
    ],
    ids=str,
)
def test_ordinary_runs_stay_far_from_it(digits, settings):
    """Presets, bold rates, no β, a large one, one that rises: a third of what is refused is never reached."""
    preset = PRESETS[settings["preset"]]
    images = preset.prepare(digits.first(640, 100))
    config = replace(preset.config, **{k: v for k, v in settings.items() if k != "preset"})
    config = replace(config, epochs=4, batch_size=min(config.batch_size, 64), device="cpu", log_every=1)
    highest = []

    class Watched(Run):
        def refuse_far(self, loss, what):
            highest.append(loss)
            super().refuse_far(loss, what)

    run = Watched(preset.build(0, images), images, config, None)
    for _ in run.steps():
        pass
    assert run.began is not None and len(highest) >= 44
    assert max(highest) < FAR * max(run.began, images.input_dim) / 3


def test_where_it_began_is_remembered(small, tmp_path):
    fit(make_model(), small, replace(QUICK, epochs=1), out=tmp_path, progress=False)
    began = load(tmp_path / "checkpoint.safetensors")[1]["began"]
    assert 500 < began < 600  # 784 log 2, and a little for the rate
    fit(make_model(), small, QUICK, out=tmp_path, resume=True, progress=False)
    assert load(tmp_path / "checkpoint.safetensors")[1]["began"] == began


@pytest.mark.parametrize("term", ["rate", "distortion"])
def test_a_bad_loss_is_named_within_one_logging_interval(small, term):
    model = make_model()
    with torch.no_grad():
        part = model.encoder if term == "rate" else model.decoder
        list(part.parameters())[-1][0] = math.inf
    with pytest.raises(Diverged, match=f"step 1 of epoch 1: the {term} is"):
        fit(model, small, QUICK, progress=False)


def interrupted(*_):
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({}, None),
        ({"config": replace(QUICK, lr=1000.0)}, Diverged),
        ({"callback": interrupted}, KeyboardInterrupt),
        ({"resume": True}, ValueError),
    ],
    ids=["to the end", "diverged", "Ctrl-C", "refused"],
)
@pytest.mark.parametrize("mode", [True, False])
def test_however_it_ends_the_model_is_left_in_evaluation_mode(small, changes, error, mode):
    model = ConvVAE(1, 28, (4, 8), 16, 4).train(mode)
    arguments = {"config": replace(QUICK, epochs=2), "progress": False, **changes}
    if error is None:
        fit(model, small, **arguments)
    else:
        with pytest.raises(error):
            fit(model, small, **arguments)
    assert not any(part.training for part in model.modules())
    assert all(weight.grad is None for weight in model.parameters())


def test_a_callback_that_looks_at_the_model_does_not_end_its_training(small):
    """Batch normalisation learns in training mode alone."""
    seen = []

    def look(*_):
        model.eval()
        seen.append(model.state_dict()["encoder.layers.2.running_mean"].clone())

    torch.manual_seed(0)
    model = ConvVAE(1, 28, (4, 8), 16, 4)
    fit(model, small, QUICK, callback=look, progress=False)
    assert not torch.equal(*seen)


def test_looking_before_a_step_is_refused(small):
    run = Run(make_model(), small, QUICK, None)
    with pytest.raises(ValueError, match="nothing to look at: epoch 1 has not had a step yet"):
        run.look()
    run.advance(run.batches()[0])
    assert run.look().elbo < -500


def test_listing_batches_changes_nothing(small):
    run = Run(make_model(), small, QUICK, None)
    run.advance(run.batches()[0])
    before = dict(run.totals), run.position, run.epoch
    run.batches()
    assert (run.totals, run.position, run.epoch) == before


def test_steps_are_counted_and_epochs_end(small):
    run = Run(make_model(), small, QUICK, None)
    places = [(run.epoch, run.position, run.number) for _ in run.steps()]
    first = [(0, step, step) for step in range(1, 8)] + [(1, 0, 7)]
    assert places == first + [(1, step, 7 + step) for step in range(1, 8)] + [(2, 0, 14)]
    assert run.number == 14 and list(run.steps()) == []


def test_ctrl_c_saves_and_says_how_to_go_on(small, tmp_path):
    config = replace(QUICK, epochs=1000)
    before = signal.getsignal(signal.SIGINT)

    def interrupt(_, history):
        if len(history) == 2:
            threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGINT)).start()

    with pytest.raises(KeyboardInterrupt, match=r"saved in .*--resume"):
        fit(make_model(), small, config, out=tmp_path, callback=interrupt, progress=False)
    assert signal.getsignal(signal.SIGINT) is before
    record = load(tmp_path / "checkpoint.safetensors")[1]
    assert record["epoch"] >= 2
    resumed, whole = make_model(seed=2), make_model()
    until = replace(config, epochs=record["epoch"] + 1)
    fit(resumed, small, until, out=tmp_path, resume=True, progress=False)
    fit(whole, small, until, progress=False)
    assert torch.equal(weights_of(resumed), weights_of(whole))


def test_training_in_a_thread_works_without_signals(small):
    failures = []

    def work():
        try:
            fit(make_model(), small, QUICK, progress=False)
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert failures == []


def test_history_as_csv(small, tmp_path):
    history = fit(make_model(), small, QUICK, progress=False)
    history.to_csv(tmp_path / "history.csv")
    rows = list(csv.DictReader((tmp_path / "history.csv").read_text(encoding="utf-8").splitlines()))
    assert [float(row["test_elbo"]) for row in rows] == history["test_elbo"]
    assert len(History()) == 0


def test_seconds_are_those_of_training_alone(small, monkeypatch):
    real, away = time.perf_counter, []
    monkeypatch.setattr(time, "perf_counter", lambda: real() + 1e6 * len(away))
    history = fit(make_model(), small, QUICK, callback=lambda *_: away.append(1), progress=False)
    assert len(away) == len(history) == 2
    assert 0 < sum(history["seconds"]) < 1e6  # a callback took a million


# --- the folder of a run ---


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_fit_leaves_what_the_shell_leaves(small, tmp_path, monkeypatch):
    monkeypatch.setattr("vae_core.runs.draw_picture", PAINT)
    model = make_model()
    history = fit(model, small, QUICK, out=tmp_path / "run", about={"note": "a first try"}, progress=False)
    left = contents(tmp_path / "run")
    assert set(left) == set(FILES)
    settings = json.loads(left["config.json"])
    assert settings["note"] == "a first try" and settings["images"] == "digits" and settings["model"] == model.config
    assert TrainConfig(**{name: settings[name] for name in vars(QUICK)}) == QUICK
    rows = list(csv.DictReader(left["history.csv"].decode().splitlines()))
    assert [float(row["test_elbo"]) for row in rows] == history["test_elbo"]
    assert left["picture.png"].startswith(b"\x89PNG") and len(left["picture.png"]) > 5000
    again = load_model(tmp_path / "run" / "model.safetensors")
    assert torch.equal(weights_of(again), weights_of(model))
    said = ("epochs", "trained_epochs", "data", "data_sha256", "test_elbo", "note")
    assert [again.record[name] for name in said] == [
        2, 2, "digits", small.sha256, history["test_elbo"][-1], "a first try",
    ]  # fmt: skip
    assert not {"root", "images", "model"} & set(again.record)


@pytest.mark.parametrize("name", FILES)
def test_a_folder_with_a_run_is_refused_and_left_as_it_was(small, tmp_path, name):
    (tmp_path / name).write_bytes(b"three epochs")
    (tmp_path / "notes.txt").write_bytes(b"mine")
    model, before = make_model(), contents(tmp_path)
    message = (
        rf"{tmp_path.name} already holds a run \({name}\): resume=True \(--resume\) .* overwrite=True \(--overwrite\)"
    )
    with pytest.raises(ValueError, match=message):
        fit(model, small, QUICK, out=tmp_path, progress=False)
    assert contents(tmp_path) == before and torch.equal(weights_of(model), weights_of(make_model()))
    fit(model, small, QUICK, out=tmp_path, overwrite=True, progress=False)
    left = contents(tmp_path)
    assert set(left) == {*FILES, "notes.txt"} and left["notes.txt"] == b"mine" and b"three epochs" not in left.values()


@pytest.mark.parametrize("overwrite", [True, False])
def test_what_cannot_be_written_down_is_refused_before_anything_is_thrown_away(small, tmp_path, overwrite):
    if overwrite:
        fit(make_model(), small, replace(QUICK, epochs=1), out=tmp_path, progress=False)
    before, model = contents(tmp_path), make_model()
    folder = tmp_path if overwrite else tmp_path / "new"
    with pytest.raises(
        ValueError, match=r"about is \{'who': \{1\}\}, which cannot be written down .*config\.json holds numbers"
    ):
        fit(model, small, QUICK, out=folder, overwrite=overwrite, about={"who": {1}}, progress=False)
    assert contents(tmp_path) == before and torch.equal(weights_of(model), weights_of(make_model()))


def test_what_cannot_be_resumed_is_not_written_over(small, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"a model of mine")
    with pytest.raises(ValueError, match=r"no checkpoint\.safetensors to resume from"):
        fit(make_model(), small, QUICK, out=tmp_path, resume=True, progress=False)
    with pytest.raises(ValueError, match="ask for one of them"):
        fit(make_model(), small, QUICK, out=tmp_path, resume=True, overwrite=True, progress=False)
    assert contents(tmp_path) == {"model.safetensors": b"a model of mine"}


def test_a_damaged_config_is_named(small, tmp_path):
    fit(make_model(), small, QUICK, out=tmp_path, progress=False)
    for text in ("{", "[1]"):
        (tmp_path / "config.json").write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=r"config\.json (is damaged|holds no settings).*start anew"):
            fit(make_model(), small, QUICK, out=tmp_path, resume=True, progress=False)


def test_a_model_that_cannot_be_saved_ends_no_run(small, tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise ValueError("its encoder is of another type: register it")

    monkeypatch.setattr("vae_core.runs.save_model", refuse)
    model = make_model()
    history = fit(model, small, QUICK, out=tmp_path, progress=False)
    assert len(history) == 2 and set(contents(tmp_path)) == {*FILES} - {"model.safetensors"}
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and "no model.safetensors" in said[0] and "checkpoint.safetensors" in said[0]
    assert "register it" in said[0]
    again = make_model(seed=4)
    fit(again, small, QUICK, out=tmp_path, resume=True, progress=False)
    assert torch.equal(weights_of(again), weights_of(model))


def test_a_picture_that_cannot_be_drawn_ends_no_run(small, tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise TypeError("a picture of that?")

    monkeypatch.setattr("vae_core.runs.draw_picture", refuse)
    fit(make_model(), small, QUICK, out=tmp_path, progress=False)
    assert set(contents(tmp_path)) == {*FILES} - {"picture.png"}
    assert capsys.readouterr().err == f"{tmp_path}: no picture.png (a picture of that?)\n"


def test_of_oblong_images_there_is_no_picture(digits, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("vae_core.runs.draw_picture", PAINT)
    oblong = replace(digits.first(200, 20), train=digits.train[:200, :, 4:24], test=digits.test[:20, :, 4:24])
    fit(VAE(560, (8,), 2), oblong, QUICK, out=tmp_path, progress=False)
    assert set(contents(tmp_path)) == {*FILES} - {"picture.png"}
    assert "no picture.png (it shows square images, and these have 20×28 pixels)" in capsys.readouterr().err


# --- what a resumed run may change ---


def test_a_resumed_run_may_have_another_learning_rate_and_says_so(small, tmp_path, capsys):
    fit(make_model(), small, QUICK, out=tmp_path, about={"root": "/photos"}, progress=False)
    slower = replace(QUICK, lr=1e-4, epochs=3)
    model = make_model(seed=7)
    history = fit(model, small, slower, out=tmp_path, resume=True, progress=False)
    assert history["lr"] == [1e-3, 1e-3, 1e-4]
    assert "goes on with lr = 0.0001; its steps so far had 0.001" in capsys.readouterr().err
    settings = json.loads((tmp_path / "config.json").read_bytes())
    assert (settings["lr"], settings["epochs"], settings["root"]) == (1e-4, 3, "/photos")
    assert settings["before"] == [{"until_step": 14, "epochs": 2, "lr": 1e-3}]
    assert load_model(tmp_path / "model.safetensors").record["before"] == settings["before"]

    by_hand = make_model()
    run = Run(by_hand, small, QUICK, None)
    for _ in run.steps():
        pass
    run.config = slower
    for _ in run.steps():
        pass
    assert torch.equal(weights_of(model), weights_of(by_hand))

    fit(model, small, replace(slower, epochs=4), out=tmp_path, resume=True, progress=False)
    settings = json.loads((tmp_path / "config.json").read_bytes())
    assert settings["before"][1:] == [{"until_step": 21, "epochs": 3}]
    before = contents(tmp_path)
    for config, message in (
        (replace(slower, epochs=4, lr=0.1), "lr is 0.1, but of 4 epochs none is left to train"),
        (replace(slower, epochs=3), "epochs is 3, but the run in .* has begun epoch 4"),
    ):
        with pytest.raises(ValueError, match=message):
            fit(make_model(), small, config, out=tmp_path, resume=True, progress=False)
    assert contents(tmp_path) == before


def test_a_run_of_an_earlier_release_is_resumed(small, tmp_path):
    """Its folder holds no config.json."""
    fit(make_model(), small, QUICK, out=tmp_path, progress=False)
    (tmp_path / "config.json").unlink()
    assert len(fit(make_model(), small, replace(QUICK, epochs=3), out=tmp_path, resume=True, progress=False)) == 3
    assert json.loads((tmp_path / "config.json").read_bytes())["epochs"] == 3


def test_a_trained_model_starts_a_run_of_its_own(small, tmp_path):
    """Fine-tuning: other data, another learning rate, a folder of its own."""
    fit(make_model(), small, QUICK, out=tmp_path / "one", progress=False)
    model = load_model(tmp_path / "one" / "model.safetensors")
    before = evaluate(model, small.test).elbo
    few = small.first(200, 100)
    history = fit(model, few, replace(QUICK, lr=1e-4), out=tmp_path / "two", progress=False)
    assert len(history) == 2 and history["test_elbo"][0] > before - 5
    assert load_model(tmp_path / "two" / "model.safetensors").record["lr"] == 1e-4


# --- callbacks ---


@pytest.mark.parametrize("schedule", [{}, ONE_CYCLE])
def test_a_callback_that_returns_true_ends_the_run_in_good_order(small, tmp_path, schedule):
    config, seen = replace(QUICK, epochs=4, **schedule), []

    def stop(model, history):
        seen.append((model, len(history)))
        return history["epoch"][-1] == 2

    model = make_model()
    history = fit(model, small, config, out=tmp_path, callback=stop, progress=False)
    assert seen == [(model, 1), (model, 2)] and len(history) == 2 and not model.training
    assert set(contents(tmp_path)) == set(FILES)
    stopped = load_model(tmp_path / "model.safetensors")
    assert torch.equal(weights_of(stopped), weights_of(model))
    assert (stopped.record["epochs"], stopped.record["trained_epochs"]) == (4, 2)

    whole, resumed = make_model(), make_model(seed=5)
    expected = fit(whole, small, config, progress=False)
    history = fit(resumed, small, config, out=tmp_path, resume=True, progress=False)
    assert torch.equal(weights_of(resumed), weights_of(whole))
    assert history["test_elbo"] == expected["test_elbo"]


def test_a_callback_that_raises_leaves_the_history_and_a_model_to_use(small, tmp_path):
    def fail(_, history):
        if len(history) == 2:
            raise RuntimeError("of its own")

    model = make_model()
    with pytest.raises(RuntimeError, match="of its own"):
        fit(model, small, replace(QUICK, epochs=5), out=tmp_path, callback=fail, progress=False)
    assert not any(part.training for part in model.modules())
    assert len((tmp_path / "history.csv").read_text(encoding="utf-8").splitlines()) == 3
    assert load(tmp_path / "checkpoint.safetensors")[1]["epoch"] == 2


@pytest.mark.parametrize("callback", [lambda history: None, lambda model, history, more: None, 3])
def test_a_callback_that_could_not_be_called_is_refused_at_once(small, tmp_path, callback):
    model = make_model()
    with pytest.raises(ValueError, match=r"cannot be called as callback\(model, history\)"):
        fit(model, small, QUICK, out=tmp_path / "run", callback=callback, progress=False)
    assert torch.equal(weights_of(model), weights_of(make_model())) and not (tmp_path / "run").exists()


# --- images, models and losses of one's own ---


@pytest.mark.parametrize(
    "make",
    [
        lambda x: x,
        lambda x: x.numpy(),
        lambda x: TensorDataset(x),
        lambda x: DataLoader(TensorDataset(x)),
        lambda x: None,
    ],
    ids=["Tensor", "ndarray", "TensorDataset", "DataLoader", "None"],
)
def test_what_is_no_image_set_is_refused_with_the_remedy(small, make):
    images = make(small.train)
    with pytest.raises(ValueError, match=rf"images is of {type(images).__name__}.*ImageSet\.of"):
        fit(make_model(), images, QUICK, progress=False)


def test_what_is_no_model_of_this_book_is_refused_with_the_remedy(small):
    model: Any = torch.nn.Linear(784, 2)
    with pytest.raises(ValueError, match="model is of Linear.*subclass VAE"):
        fit(model, small, QUICK, progress=False)


class FreeBits(VAE):
    """A loss of one's own: no latent dimension's rate counts below a tenth of a nat."""

    def forward(self, x, epsilon):
        mean, log_var = self.encoder(x)
        outputs = self.decoder(mean + torch.exp(0.5 * log_var) * epsilon)
        rate = torch.stack([gaussian_kl(mean[:, i : i + 1], log_var[:, i : i + 1]) for i in range(self.latent_dim)])
        return Elbo(rate.clamp(min=0.1).sum(0), -self.likelihood.log_prob(x, outputs))


def test_a_loss_of_ones_own_is_trained_stopped_and_resumed(small, tmp_path):
    def make(seed=0):
        torch.manual_seed(seed)
        return FreeBits(784, (32,), 4)

    whole, resumed = make(), make(seed=6)
    history = fit(whole, small, QUICK, progress=False)
    assert history["train_rate"][0] >= 0.4 - 1e-4 and history["test_elbo"][1] > history["test_elbo"][0]
    fit(make(), small, QUICK, out=tmp_path, callback=lambda *_: True, progress=False)
    fit(resumed, small, QUICK, out=tmp_path, resume=True, progress=False)
    assert torch.equal(weights_of(resumed), weights_of(whole))


class Tied(VAE):
    """Its encoder and decoder have a layer in common."""

    def __init__(self):
        super().__init__(784, (16, 16), 2)
        encoder: Any = self.encoder
        self.decoder.get_submodule("layers").add_module("2", encoder.layers[2])


def test_a_model_of_shared_layers_is_trained_stopped_and_resumed(small, tmp_path, capsys):
    def make(seed=0) -> Any:
        torch.manual_seed(seed)
        return Tied()

    whole, resumed, loaded = make(), make(seed=6), make(seed=7)
    fit(whole, small, QUICK, progress=False)
    fit(make(), small, QUICK, out=tmp_path, callback=lambda *_: True, progress=False)
    fit(resumed, small, QUICK, out=tmp_path, resume=True, progress=False)
    load_model(tmp_path / "checkpoint.safetensors", into=loaded)
    for model in (resumed, loaded):
        assert model.encoder.layers[2] is model.decoder.layers[2]
        assert torch.equal(weights_of(model), weights_of(whole))


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (lambda terms: terms.loss(), "returned a Tensor"),
        (lambda terms: tuple(terms), "returned a tuple"),
        (lambda terms: Elbo(terms.rate.mean(), terms.distortion.mean()), r"shapes \[\(\), \(\)\]"),
        (lambda terms: Elbo(terms.rate, terms.distortion[:, None]), r"shapes \[\(100,\), \(100, 1\)\]"),
    ],
)
def test_a_loss_that_is_no_elbo_is_refused_in_a_sentence(small, returned, words):
    class Mine(VAE):
        def forward(self, x, epsilon):
            return returned(super().forward(x, epsilon))

    message = rf"Mine\.forward returned .*{words}.*Elbo\(rate, distortion\).*\(100,\), one number an image"
    with pytest.raises(ValueError, match=message.replace("returned .*returned", "returned")):
        fit(Mine(784, (32,), 4), small, QUICK, progress=False)


class Heads(torch.nn.Module):
    """An encoder of one's own that returns whatever `made_of` makes of its four outputs."""

    def __init__(self, made_of):
        super().__init__()
        self.layer, self.made_of = torch.nn.Linear(784, 4), made_of

    def forward(self, x):
        return self.made_of(self.layer(x))


@pytest.mark.parametrize(
    ("kind", "returned", "words"),
    [
        (VAE, lambda h: h, r"Tensor of shapes \[\(3, 4\)\]"),
        (VAE, lambda h: h[:, :2], r"Tensor of shapes \[\(3, 2\)\]"),
        (VAE, lambda h: None, "NoneType"),
        (VAE, lambda h: (h[:, :2], h[:, 2:], h), r"tuple of shapes \[\(3, 2\), \(3, 2\), \(3, 4\)\]"),
        (VAE, lambda h: (h[:, :3], h[:, :3]), r"tuple of shapes \[\(3, 3\), \(3, 3\)\]"),
        (VAE, lambda h: (h[:, :1], h[:, :1]), r"tuple of shapes \[\(3, 1\), \(3, 1\)\]"),  # was broadcast in silence
        (Autoencoder, lambda h: h, r"Tensor of shapes \[\(3, 4\)\]"),
        (Autoencoder, lambda h: h.chunk(2, dim=-1), r"tuple of shapes \[\(3, 2\), \(3, 2\)\]"),
    ],
)
def test_an_encoder_that_returns_something_else_is_refused_in_a_sentence(small, kind, returned, words):
    model = kind(784, (8,), 2)
    model.encoder = Heads(returned)
    wanted = "mean and log_var, two tensors .*" if kind is VAE else "one code "
    with pytest.raises(
        ValueError, match=rf"Heads, the encoder, returned {words}.* it must return {wanted}of shape \(3, 2\)"
    ):
        fit(model, small, QUICK, progress=False)


def test_an_encoder_that_returns_what_its_own_forward_takes_is_trained(small):
    class Mine(VAE):
        def forward(self, x, epsilon):
            mean, log_var = self.encoder(x).chunk(2, dim=-1)
            outputs = self.decoder(mean + torch.exp(0.5 * log_var) * epsilon)
            return Elbo(gaussian_kl(mean, log_var), -self.likelihood.log_prob(x, outputs))

    for kind, returned in ((Mine, lambda h: h), (VAE, lambda h: list(h.chunk(2, dim=-1)))):
        model = kind(784, (8,), 2)
        model.encoder = Heads(returned)
        assert len(fit(model, small, QUICK, progress=False)) == 2


def test_the_weights_of_a_model_of_ones_own_are_in_its_checkpoint(small, tmp_path, capsys):
    """No file could bring it back unasked; the run says so, and what does."""
    model, again = FreeBits(784, (32,), 4), FreeBits(784, (32,), 4)
    fit(model, small, QUICK, out=tmp_path, progress=False)
    said = capsys.readouterr().err.splitlines()
    assert (
        len(said) == 1
        and "no model.safetensors; load_model(" in said[0]
        and "into=my_model) has the weights" in said[0]
    )
    load_model(tmp_path / "checkpoint.safetensors", into=again)
    assert torch.equal(weights_of(again), weights_of(model))


def test_a_run_is_not_resumed_under_another_likelihood(small, tmp_path):
    fit(make_model(), small, QUICK, out=tmp_path, progress=False)
    other = make_model()
    other.likelihood = Gaussian(std=0.1)
    with pytest.raises(ValueError, match=r"model\.likelihood = 'bernoulli', not \{'name': 'Gaussian', 'std': 0\.1"):
        fit(other, small, QUICK, out=tmp_path, resume=True, progress=False)
