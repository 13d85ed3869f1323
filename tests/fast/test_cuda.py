"""On a GPU: the captured step is the eager step, and resuming is exact. Collected only where there is one."""

from dataclasses import replace

import pytest
import torch

from vae_core import VAE, TrainConfig, fit
from vae_core.fast.graphs import CapturedStep
from vae_core.training import Run

pytestmark = pytest.mark.cuda
CUDA = TrainConfig(
    epochs=4, batch_size=100, device="cuda", log_every=4, pixels="dynamic", warmup_epochs=2, clip_norm=50
)


ONE_CYCLE = replace(CUDA, schedule="one-cycle", lr=5e-3)


@pytest.fixture
def small(digits):
    return digits.first(640, 100)


def make_model(seed=0):
    torch.manual_seed(seed)
    return VAE(784, (32,), 4)


def weights_of(model):
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()]).cpu()


@pytest.mark.parametrize("config", [CUDA, ONE_CYCLE], ids=lambda config: config.schedule)
def test_captured_equals_eager(config, small, monkeypatch):
    captured = make_model()
    history = fit(captured, small, config, progress=False)
    monkeypatch.setattr("vae_core.training.equip", lambda run: None)
    eager = make_model()
    expected = fit(eager, small, config, progress=False)
    torch.testing.assert_close(
        torch.tensor(history["train_elbo"]), torch.tensor(expected["train_elbo"]), rtol=1e-4, atol=0
    )
    torch.testing.assert_close(weights_of(captured), weights_of(eager), rtol=1e-2, atol=1e-3)


def test_both_batch_sizes_are_captured(small):
    run = Run(make_model(), small, CUDA, None)
    for _ in range(5):
        for batch in run.batches():
            run.advance(batch)
        run.look()
        run.epoch, run.position = run.epoch + 1, 0
    assert isinstance(run.step, CapturedStep)
    assert set(run.step.graphs) == {100, 40}


def test_the_same_seed_gives_the_same_run(small):
    first, second = (fit(make_model(), small, CUDA, progress=False)["test_elbo"] for _ in range(2))
    assert first == pytest.approx(second, rel=1e-5)


def test_resume_on_the_gpu(small, tmp_path):
    whole = make_model()
    fit(whole, small, CUDA, progress=False)
    fit(make_model(), small, replace(CUDA, epochs=2), out=tmp_path, progress=False)
    resumed = make_model(seed=5)
    fit(resumed, small, CUDA, out=tmp_path, resume=True, progress=False)
    torch.testing.assert_close(weights_of(resumed), weights_of(whole), rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_it_learns(small, precision):
    history = fit(make_model(), small, replace(CUDA, precision=precision, pixels="grey"), progress=False)
    assert history["test_elbo"][-1] > history["test_elbo"][0]


def test_a_hook_or_a_frozen_weight_is_seen_between_epochs(small):
    model, graphs = make_model(), []
    run = Run(model, small, CUDA, None)
    for _ in run.steps():
        if run.position == 0:
            graphs.append(run.step)
            if run.epoch == 2:
                model.encoder.requires_grad_(False)
            if run.epoch == 3:
                model.register_forward_hook(lambda *_: None)
    assert graphs[0] is graphs[1] and isinstance(graphs[2], CapturedStep) and graphs[2] is not graphs[1]
    assert not isinstance(graphs[3], CapturedStep)
