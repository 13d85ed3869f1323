"""RateDistortionLab's Python side: what it measures, what no model can pass, and what can be read back."""

import base64
import math
import zlib

import numpy as np
import pytest
import torch
from drive import frames, number

from vae_core import VAE, Autoencoder, ConvVAE, ImageSet
from vae_core.data import to_pixels
from vae_core.labs import RateDistortionLab
from vae_core.labs.noise import normals
from vae_core.labs.pack import unpack_network
from vae_core.labs.ratedistortion import limits
from vae_core.metrics import evaluate, posteriors, rate_per_unit
from vae_core.presets import BETAS


def small(seed: int, latent_dim: int = 3, **options) -> VAE:
    torch.manual_seed(seed)
    return VAE(hidden_dims=(16,), latent_dim=latent_dim, **options)


@pytest.fixture(scope="module")
def lab(images) -> RateDistortionLab:
    return RateDistortionLab({2: small(0), 0.5: small(1)}, images)


def test_models_stand_in_the_order_of_beta_with_their_own_numbers(lab, images):
    assert lab.controls["beta"].options == ("0.5", "2") and lab.steps == ()
    for model, spec in zip(lab.models, lab.canvas.spec["models"], strict=True):
        test = evaluate(model, images.test)
        assert (spec["rate"], spec["distortion"]) == pytest.approx((float(test.rate), float(test.distortion)), abs=1e-3)
        nats = rate_per_unit(*posteriors(model, images.test))
        assert spec["units"] == sorted(spec["units"], reverse=True)
        assert nats[spec["order"]].tolist() == pytest.approx(spec["units"], abs=1e-4)


@pytest.mark.parametrize("width", [319, 766])
def test_what_is_drawn_is_what_pytorch_draws_with_the_numbers_that_travelled(lab, width):
    """Noise, shift and unit counted in Python and in the script alike: within 1e-4 of a pixel."""
    lab.controls["noise"].value, lab.controls["shift"].value, lab.controls["unit"].value = 0.5, -1.5, "2"
    for beta in (0, 1):
        lab.controls["beta"].index = beta
        (frame,) = frames(lab, lab.state(), width=width)
        drawn = np.array([picture["pixels"] for picture in frame["pictures"][7:]])
        network = unpack_network(lab.canvas.spec["models"][beta]["layers"], lab.canvas.data)
        with torch.no_grad():
            expected = network(torch.from_numpy(lab.z)).sigmoid().numpy()
        np.testing.assert_allclose(drawn, expected, atol=1e-4)
        assert np.abs(lab.answer() - expected).max() < 0.1  # six bits
        x = torch.tensor([picture["pixels"] for picture in frame["pictures"][:7]])
        with torch.no_grad():
            distortion = -lab.models[beta].likelihood.log_prob(x, network(torch.from_numpy(lab.z[:7]))).mean().item()
        assert number(frame, "Distortion of these") == pytest.approx(distortion, abs=0.06)
    lab.controls["noise"].value, lab.controls["shift"].value, lab.controls["unit"].index = 1.0, 0.0, 0


def test_the_first_number_of_a_draw_goes_to_the_costliest_unit(lab):
    order = lab.canvas.spec["models"][lab.state()["beta"]]["order"]
    epsilon = normals(1, 2 * 7 * 3).reshape(14, 3)
    np.testing.assert_allclose(lab.z[7:][:, order], epsilon[7:], atol=1e-6)
    before = lab.z
    lab.controls["shift"].value = 2.0
    moved = lab.z - before
    lab.controls["shift"].value = 0.0
    np.testing.assert_allclose(moved[:7, order[0]], 2.0, atol=1e-5)
    assert not moved[7:].any() and not np.delete(moved, order[0], axis=1).any()


def test_no_model_passes_the_limits_not_even_one_that_knows_the_images_by_heart():
    """On four images: the sum of an optimal memory is the bound itself, log 4 above the pixels' own entropy."""
    torch.manual_seed(0)
    pixels = torch.randint(0, 2, (4, 1, 10, 10)) * 235 + 10  # nearly black and nearly white, so that b tells the image
    images = ImageSet("four", *(pixels.byte(),) * 2, *(torch.zeros(4, dtype=torch.int64),) * 2)
    floor, memory = limits(images)
    x = to_pixels(images.test)
    entropy = -(x * x.log() + (1 - x) * (1 - x).log()).sum(1).mean().item()
    assert floor == pytest.approx(entropy, abs=1e-3)
    assert memory - floor == pytest.approx(math.log(4), abs=1e-3)
    same = ImageSet("same", *(pixels[:1].byte().repeat(4, 1, 1, 1),) * 2, *(torch.zeros(4, dtype=torch.int64),) * 2)
    assert limits(same)[1] == pytest.approx(limits(same)[0], abs=1e-3), "images that are all alike need no name"


def test_the_books_own_models_keep_within_the_limits_and_the_page(images):
    lab = RateDistortionLab(images=images)
    spec = lab.canvas.spec
    assert [model["beta"] for model in spec["models"]] == list(BETAS)
    for model in spec["models"]:
        assert model["distortion"] > spec["floor"] and model["rate"] + model["distortion"] > spec["memory"]
    assert len(zlib.compress(base64.b64encode(lab.canvas.data))) < 600_000
    assert spec["enough"] < 60_000 and spec["enough"] % 12 == 0, "whole letters of base64"
    first = min(model["layers"][0]["weight"]["at"] for model in spec["models"] if model["beta"] != 1)
    assert first >= spec["enough"]


@pytest.mark.parametrize("channels", [1, 3])
def test_it_takes_convolutions_in_grey_and_in_colour(channels):
    images = ImageSet.of(torch.randint(0, 256, (60, channels, 8, 8), dtype=torch.uint8))
    torch.manual_seed(0)
    models = {b: ConvVAE(channels=channels, size=8, widths=(4,), hidden_dim=8, latent_dim=2) for b in (0.1, 1)}
    lab = RateDistortionLab(models, images)
    (frame,) = frames(lab, lab.state(), width=319)
    assert not any("digit" in words for words in [*frame["words"], frame["summary"], lab.canvas.spec["caption"]])
    drawn = [picture["pixels"] for picture in frame["pictures"][len(frame["pictures"]) // 3 :]]
    np.testing.assert_allclose(drawn, lab.answer(), atol=0.02)


@pytest.mark.parametrize(
    ("models", "why"),
    [
        ({}, "two or more"),
        ({1: small(0)}, "two or more"),
        ([small(0), small(1)], "two or more"),
        ({0: small(0), 1: small(1)}, "β = 0"),
        ({"1": small(0), 1: small(1)}, "β = '1'"),
        ({math.inf: small(0), 1: small(1)}, "β = inf"),
        ({1: small(0), 2: small(1, 4)}, r"\[3, 4\] units"),
        ({1: small(0), 2: small(1, likelihood="gaussian")}, "Bernoulli pixels"),
        ({1: small(0), 2: Autoencoder(latent_dim=3)}, "Bernoulli pixels"),
        ({1: small(0), 2: VAE(input_dim=64, latent_dim=3)}, "64 numbers"),
    ],
)
def test_what_cannot_be_compared_is_refused(models, why, images):
    with pytest.raises(ValueError, match=why):
        RateDistortionLab(models, images)
