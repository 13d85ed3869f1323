"""ElboLab's Python side: what it says is exact, and the least gap it promises."""

import numpy as np
import pytest
import torch

from vae_core.exact import CURVED, EXACT_MODELS, LINEAR, TWO_BUMPS
from vae_core.labs.elbo import DECODERS, FITTING, PROPOSING, ElboLab, X


@pytest.fixture(scope="module")
def lab():
    return ElboLab()


def put(lab, decoder, x, mean, std):
    lab.controls["decoder"].index = decoder
    for name, value in {"x": x, "mean": mean, "std": std}.items():
        lab.controls[name].value = value


def test_the_gap_closes_on_the_posterior_of_the_linear_model(lab):
    put(lab, 0, 1.0, 0.8, 0.6)
    answer = lab.answer()
    assert lab.exact_model is LINEAR and abs(answer["gap"]) < 1e-12
    assert answer["elbo"] == pytest.approx(-0.5 * np.log(2 * np.pi) - 0.5, abs=1e-12)  # log N(1; 0, 1)
    np.testing.assert_allclose(lab.mean, [0.8])
    np.testing.assert_allclose(np.exp(0.5 * lab.log_var), [0.6])


@pytest.mark.parametrize("decoder", range(len(EXACT_MODELS)))
def test_the_answer_adds_up(lab, decoder):
    put(lab, decoder, -1.25, 0.35, 0.85)
    answer = lab.answer()
    assert answer["log_marginal"] == pytest.approx(answer["elbo"] + answer["gap"], abs=1e-10)
    assert answer["elbo"] == -(answer["rate"] + answer["distortion"])
    assert lab.values["decoder"] == DECODERS[decoder]
    assert DECODERS[decoder].startswith(list(EXACT_MODELS)[decoder] + ": ")


def test_every_x_of_the_slider_has_its_least_gap(lab):
    x = np.arange(X.min, X.max + X.step / 2, X.step)
    linear, curved, bumps = np.array(lab.canvas.spec["least"])
    assert linear.shape == x.shape and linear.max() == 0
    assert 0.01 < curved.min() and curved.max() < 0.1
    assert np.all(bumps[x >= 1.5] > 0.69) and np.all(bumps[x >= 1.5] < 0.75)
    every = torch.from_numpy(x)
    for model, row in ((CURVED, curved), (TWO_BUMPS, bumps)):  # never below the best of all, and never far above
        best = model.gap(every, *model.best_gaussian(every)).numpy()
        assert np.all(row >= best - 1e-5) and np.all(row < best + 0.025)


def test_every_posterior_of_the_linear_model_is_on_the_sliders_marks(lab):
    """So that a hand can close the gap, and not only come near."""
    mean, std = (next(c for c in lab.specification if c.name == name) for name in ("mean", "std"))
    for x in np.arange(X.min, X.max + X.step / 2, X.step):
        for control, value in ((mean, 0.8 * x), (std, 0.6)):
            steps = (value - control.min) / control.step
            assert control.min <= value <= control.max and abs(steps - round(steps)) < 1e-9


def test_it_has_another_list_of_steps():
    assert [step["words"] for step in ElboLab(steps="proposing").canvas.spec["steps"]] == [
        step.words for step in PROPOSING
    ]
    assert [step["words"] for step in ElboLab().canvas.spec["steps"]] == [step.words for step in FITTING]


def test_it_begins_and_is_reset_where_its_first_step_begins():
    lab = ElboLab(steps="proposing")
    assert (lab.values["x"], lab.state()["decoder"]) == (2.0, 2)
    assert [control["value"] for control in lab.canvas.spec["controls"]] == [0.5, 0.8, 2.0, 2]
