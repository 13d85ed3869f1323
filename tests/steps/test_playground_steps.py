"""Each step of PlaygroundLab does what its sentence says: the controls at what it sets, and the engine run as a reader would."""

import base64
from typing import Any

import numpy as np
import pytest
import torch
from drive import state_of
from test_playground_engine import engine, pack
from test_playground_optimum import optimum

from vae_core.data import load_images
from vae_core.labs.playground import SETTINGS, PlaygroundLab, small_digits
from vae_core.labs.scenarios import STEPS

IMAGES = load_images("mnist", fallback="digits")
MNIST = IMAGES.name == "mnist"
DATA = small_digits(IMAGES)
LABELS = DATA[3].numpy()
ACTIVE = 0.05  # nats: what js/playground.mjs calls an active unit


@pytest.fixture(scope="module")
def lab():
    return PlaygroundLab()


def run(lab: PlaygroundLab, step: int, *stages: dict[str, Any]) -> list[dict[str, Any]]:
    """Press a step, then train at each stage `steps` steps with these controls moved; `again` starts again before it.

    What is seen after each: a state of js/session.mjs, with `loss` and arrays of the pictures.
    """
    given, moved = [], {}
    for stage in stages:
        controls = {name: value for name, value in stage.items() if name not in ("steps", "again")}
        moved |= controls
        values = {name: value for name, value in state_of(lab, step, **moved).items() if name != "network"}
        given.append({"steps": stage["steps"], "again": stage.get("again", False), "values": values})
    train, _, test, _ = DATA
    controls = lab.canvas.spec["controls"]
    states = engine("lab", train=pack(train), test=pack(test), controls=controls, stages=given)
    for state in states:
        assert not state["failed"]
        state["loss"] = state["test"]["rate"] + state["test"]["distortion"]
        state["printed"] = state["reported"]["rate"] + state["reported"]["distortion"]
        state["kl"], state["mean"] = np.array(state["kl"]), np.array(state["mean"]).reshape(-1, 2)
        for name in ("grid", "draws", "reconstructions"):
            state[name] = np.array(state[name]).reshape(-1, 196)
    return states


def apart(codes: np.ndarray) -> float:
    """How far the digits' middles lie from each other, against how far each digit's codes lie from their middle."""
    middles = np.stack([codes[LABELS == digit].mean(0) for digit in range(10)])
    return float(middles.var(0).sum() / (codes - middles[LABELS]).var(0).sum())


def variety(pictures: np.ndarray) -> float:
    """How much pictures differ: the standard deviation of a pixel of 0 to 255, averaged over pixels."""
    return float(pictures.std(0).mean())


def test_every_step_has_its_test_here():
    assert len(STEPS) == 13


def test_1_digits_get_places_of_their_own(lab):
    start, end, long = run(lab, 1, {"steps": 1}, {"steps": 600}, {"steps": 4399})
    assert apart(end["mean"]) > 0.5 > apart(start["mean"])
    shown = DATA[2][:10].numpy().astype(float)
    alike = [np.corrcoef(shown.ravel(), state["reconstructions"].ravel())[0, 1] for state in (start, end)]
    assert alike[1] > 0.6 > 0.3 > alike[0]
    if MNIST:
        assert long["loss"] == pytest.approx(45.2, abs=0.05)  # what the page says of 5,000 steps


def test_2_an_autoencoder_draws_no_digits_in_its_empty_places_and_noise_with_a_price_closes_them(lab):
    """Its codes lie far out and far apart; what it draws where the prior is, is far from every digit that it has seen."""
    off, on = run(lab, 2, {"steps": 600}, {"steps": 900, "noise": "on", "beta": "1"})
    assert np.abs(off["mean"]).mean() > 3 > 1.5 > np.abs(on["mean"]).mean()
    seen = DATA[0].float()
    far = [torch.cdist(torch.tensor(state["draws"]).float(), seen).amin(1).mean() for state in (off, on)]
    assert far[0] > 1.2 * far[1]


def test_3_codes_go_far_out_and_draws_from_the_prior_are_worse(lab):
    (free,), (paid,) = run(lab, 3, {"steps": 800}), run(lab, 1, {"steps": 800})
    assert free["test"]["rate"] > 5 * paid["test"]["rate"] and np.abs(free["mean"]).mean() > 3
    assert np.abs(paid["mean"]).mean() < 1.5
    assert free["loss"] > paid["loss"] + 5


def test_4_at_20_all_is_one_picture_and_further_down_the_clouds_part(lab):
    collapsed, *down = run(lab, 4, {"steps": 500}, *({"steps": 400, "beta": beta} for beta in ("5", "2", "1")))
    assert collapsed["test"]["rate"] < 0.1 and variety(collapsed["reconstructions"]) < 5
    assert down[-1]["test"]["rate"] > 1 and variety(down[-1]["reconstructions"]) > 10


def test_5_units_live_until_beta_rises_and_the_first_to_go_had_the_lowest_rate(lab):
    betas = ("0.7", "1", "1.5", "2", "3", "4", "5", "7", "10")
    states = run(lab, 5, {"steps": 1000}, *({"steps": 250, "beta": beta} for beta in betas))
    alive = [int((state["kl"] > ACTIVE).sum()) for state in states]
    assert alive[0] == 8 or (alive[0] >= 6 and not MNIST)
    assert alive[-1] <= 1 and alive == sorted(alive, reverse=True)
    k = next(k for k, count in enumerate(alive) if count < alive[0])
    before = states[k - 1]["kl"]
    lowest = np.where(before > ACTIVE, before, np.inf).argmin()  # of those that live
    assert states[k]["kl"][lowest] < ACTIVE


def test_6_the_ends_of_the_paths_lie_on_one_curve(lab):
    """From β to β the rate falls and the distortion rises, ever more for a nat of rate: a curve that is bent one way."""
    betas = ("0.1", "1", "4", "10")
    ends = run(lab, 6, *({"steps": 2000, "beta": beta, "again": True} for beta in betas))
    rates = np.array([end["test"]["rate"] for end in ends])
    distortions = np.array([end["test"]["distortion"] for end in ends])
    slopes = np.diff(distortions) / -np.diff(rates)
    assert (np.diff(rates) < 0).all() and (np.diff(distortions) > 0).all() and (np.diff(slopes) > 0).all()


def test_7_one_unit_is_a_line_on_which_neighbours_look_alike(lab):
    (line,) = run(lab, 7, {"steps": 1000})
    assert line["units"] == [0] and len(line["grid"]) == 13 and line["test"]["rate"] > 1
    steps = np.abs(np.diff(line["grid"].astype(float), axis=0)).mean(1)
    assert steps.max() < np.abs(line["grid"][0].astype(float) - line["grid"][-1]).mean()


def test_8_a_linear_vae_finds_the_principal_components_and_its_rates_fall_in_the_order_of_their_variances(lab):
    """Half a nat above the optimum that the page shows; and at higher β the rates that are known for it."""
    low, _, middle, high = run(lab, 8, {"steps": 6000}, *({"steps": 500, "beta": beta} for beta in ("4", "7", "10")))
    settings = SETTINGS | {"latent": 8, "hidden": 0, "likelihood": "gaussian", "sigma": 0.3}
    best = optimum(settings, lab.canvas.spec["components"])
    assert best and best["rate"] + best["distortion"] == pytest.approx(low["loss"], abs=0.5)
    x = DATA[0].double() / 255
    covariance = torch.cov(x.T, correction=0)
    spectrum = torch.linalg.eigvalsh(covariance)
    weights = torch.from_numpy(np.frombuffer(base64.b64decode(low["weights"]), np.float32).copy()).double()
    decoder = weights[16 * 197 : 16 * 197 + 196 * 8].view(196, 8)  # after the encoder's sixteen rows and biases
    plane = torch.linalg.qr(decoder).Q
    assert (plane.T @ covariance @ plane).trace() > 0.98 * spectrum[-8:].sum()  # no plane holds more of the variance
    for state, beta in ((middle, 7), (high, 10)):
        known = (0.5 * (spectrum.flip(0)[:8] / (beta * 0.3**2)).log()).clamp(min=0)
        np.testing.assert_allclose(np.sort(state["kl"])[::-1], known, atol=0.1)
    assert (high["kl"] > ACTIVE).sum() < (middle["kl"] > ACTIVE).sum()


def test_9_with_and_without_a_warm_up_runs_are_near_each_other_at_the_same_step(lab):
    """The way differs: with the warm-up the rate is higher at first. At step 4,000 the losses are within half a nat."""
    early, warm = run(lab, 9, {"steps": 400}, {"steps": 3600})
    early_cold, cold = run(lab, 9, {"steps": 400, "warmup": "0"}, {"steps": 3600})
    assert early["test"]["rate"] > early_cold["test"]["rate"] + 1
    ends = [end["test"]["distortion"] + 2 * end["test"]["rate"] for end in (warm, cold)]
    assert ends[0] == pytest.approx(ends[1], abs=0.5)


def test_10_units_stop_at_the_half_nat_that_is_free(lab):
    (end,) = run(lab, 10, {"steps": 1200})
    assert (np.abs(end["kl"] - 0.5) < 0.15).sum() >= 6


def test_11_an_average_over_eight_units_is_a_beta_of_an_eighth(lab):
    """To the last bit: both multiply the gradient of the rate by 1 / 8."""
    bug, eighth, whole = run(
        lab, 11, {"steps": 800}, {"steps": 800, "again": True, "bug": "none", "beta": "0.125"}, {"steps": 800, "again": True, "beta": "1"}
    )  # fmt: skip
    assert bug["reported"]["rate"] == pytest.approx(bug["test"]["rate"] / 8)
    assert bug["weights"] == eighth["weights"]
    assert bug["test"]["rate"] > 2 * whole["test"]["rate"]


def test_12_an_average_over_pixels_is_a_beta_of_196_and_collapses(lab):
    (end,) = run(lab, 12, {"steps": 500})
    assert end["test"]["rate"] < 0.1 and variety(end["reconstructions"]) < 5
    assert end["reported"]["distortion"] == pytest.approx(end["test"]["distortion"] / 196, rel=0.01)


def test_13_at_the_mean_the_code_prints_too_little_and_trains_as_it_should(lab):
    (bug,), (right,) = run(lab, 13, {"steps": 400}), run(lab, 1, {"steps": 400})
    assert bug["loss"] == right["loss"] and bug["weights"] == right["weights"]
    assert 0.3 < bug["loss"] - bug["printed"] < 3
