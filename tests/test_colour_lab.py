"""ColourLab: what the page draws and counts is what PyTorch does, under three likelihoods; what it cannot show is refused."""

import base64
import math
import zlib
from typing import Any

import numpy as np
import pytest
import torch
from drive import frames, number

from vae_core import VAE, Autoencoder, ConvVAE, ImageSet, load_images
from vae_core.data import to_pixels
from vae_core.labs import ColourLab
from vae_core.labs.colour import STEPS
from vae_core.labs.noise import normals
from vae_core.labs.pack import in_numbers, unpack_network
from vae_core.likelihoods import Bernoulli, DiscretizedLogistic, Gaussian, LearnedGaussian, bits_per_dimension
from vae_core.losses import gaussian_kl
from vae_core.metrics import posteriors, rate_per_unit

KINDS = {"one": Gaussian(1.0, squash=True), "learned": LearnedGaussian(0.13), "levels": DiscretizedLogistic(0.06)}


def small(likelihood, seed: int = 0, latent_dim: int = 3) -> ConvVAE:
    """Eight pixels wide, with batch normalisation whose averages are not those it began with."""
    torch.manual_seed(seed)
    model = ConvVAE(3, 8, (4, 6), 8, latent_dim, likelihood)
    with torch.no_grad():
        for _ in range(5):
            model(torch.rand(32, 192), torch.randn(32, latent_dim))
        last: Any = [*model.decoder.modules()][-2]
        last.weight.mul_(4)  # colours, and no grey
    return model.eval()


@pytest.fixture(scope="module")
def pictures() -> ImageSet:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (60, 3, 8, 8), dtype=torch.uint8, generator=generator)
    images[:, :, :2] = torch.tensor([0, 255], dtype=torch.uint8)[:, None].expand(2, 8)  # the first level, and the last
    return ImageSet.of(images, labels=torch.arange(60) % 3)


@pytest.fixture(scope="module")
def lab(pictures) -> ColourLab:
    return ColourLab({name: small(likelihood, seed) for seed, (name, likelihood) in enumerate(KINDS.items())}, pictures)


def below(lab, frame):
    """The pictures that are not there to choose from."""
    return frame["pictures"][len(lab.controls["image"].options) :]


def networks(lab):
    return [unpack_network(one["layers"], lab.canvas.data) for one in lab.canvas.spec["models"]]


@pytest.mark.parametrize("width", [319, 766])
@pytest.mark.parametrize("kind", range(3))
def test_what_is_drawn_and_counted_is_what_pytorch_does_with_the_numbers_that_travelled(lab, kind, width):
    """Pixels within 1e-5; rate, error, width and bits against the likelihoods of Python, batch normalisation folded."""
    lab.controls["pixel"].index, lab.controls["image"].index, lab.controls["unit"].value = kind, 2, "2"
    lab.controls["shift"].value, lab.controls["stretch"].value = 1.3, 0.5
    (frame,) = frames(lab, lab.state(), width=width)
    model, network = lab.models[kind], networks(lab)[kind]
    drawn = below(lab, frame)
    assert len(drawn) == 3 + 7 + 8 + 8, "three above, the traversal, the cloud, the prior"
    with torch.no_grad():
        outputs = network(torch.from_numpy(lab.z))
        cloud = model.likelihood.mean(outputs)
    found = torch.tensor([picture["pixels"] for picture in drawn[10:18]])
    np.testing.assert_allclose(found, cloud, atol=1e-5)
    np.testing.assert_allclose(drawn[1]["pixels"], cloud[0], atol=1e-5)
    np.testing.assert_allclose(lab.answer(), cloud, atol=0.05)  # eight bits a weight

    x = torch.tensor(drawn[0]["pixels"])
    mean, log_var = (part[2] for part in lab._posteriors[kind])
    moved = mean.clone()
    moved[lab._orders[kind][1]] += 1.3
    rate = gaussian_kl(moved, log_var + 2 * math.log(0.5)).item()
    distortion = -model.likelihood.log_prob(x, outputs).mean().item()
    bits = bits_per_dimension(rate + distortion, 192, density=kind < 2)
    assert number(frame, "Rate") == pytest.approx(rate, abs=0.051)
    assert number(frame, "Bits") == pytest.approx(bits, abs=0.0051)
    assert number(frame, "Error") == pytest.approx(255 * (cloud - x).square().mean().sqrt().item(), abs=0.051)
    width_of = [255.0, 255 * 0.13, 255 * 0.06 * math.pi / 3**0.5][kind]
    assert number(frame, "σ") == pytest.approx(width_of, abs=0.051)
    lab.controls["shift"].value, lab.controls["stretch"].value = 0.0, 1.0


def test_the_traversal_is_the_mean_with_one_unit_moved_and_the_last_row_is_the_priors(lab):
    lab.controls["pixel"].index, lab.controls["image"].index, lab.controls["unit"].value = 1, 0, "3"
    (frame,) = frames(lab, lab.state())
    network = networks(lab)[1]
    z = lab._posteriors[1][0][0].repeat(7, 1)
    z[:, lab._orders[1][2]] += torch.arange(-3, 4)
    epsilon = torch.tensor(normals(lab.values["draw"] + 1, 16 * 3)).float().view(16, 3)
    with torch.no_grad():
        walk, prior = (network(codes).sigmoid() for codes in (z, epsilon[8:]))
    np.testing.assert_allclose([picture["pixels"] for picture in below(lab, frame)[3:10]], walk, atol=1e-5)
    np.testing.assert_allclose([picture["pixels"] for picture in below(lab, frame)[18:]], prior, atol=1e-5)
    lab.controls["unit"].value = "1"


@pytest.mark.parametrize("kind", range(3))
def test_pixels_that_are_drawn_have_the_width_that_is_said(lab, kind):
    """Of what a clamp to black and white leaves: against as many draws of torch.distributions."""
    lab.controls["pixel"].index = kind
    state = [lab.state() | {"draw": draw} for draw in range(40)]
    shown = frames(lab, *state)
    centre = torch.tensor([below(lab, frame)[1]["pixels"] for frame in shown])
    thrown = torch.tensor([below(lab, frame)[2]["pixels"] for frame in shown])
    width = lab.canvas.spec["models"][kind]["width"]
    torch.manual_seed(0)
    if kind < 2:
        expected = (centre + width * torch.randn(centre.shape)).clamp(0, 1)
    else:
        u = torch.rand(centre.shape)
        expected = ((centre + width * (u / (1 - u)).log()).clamp(0, 1) * 255).round() / 255
        assert torch.allclose((255 * thrown).round(), 255 * thrown, atol=2e-3), "levels"
    assert thrown.min() >= 0 and thrown.max() <= 1
    assert (thrown - centre).square().mean().sqrt() == pytest.approx(
        float((expected - centre).square().mean().sqrt()), rel=0.05
    )


def test_units_stand_in_the_order_of_what_they_cost_on_the_average(lab, pictures):
    for model, spec in zip(lab.models, lab.canvas.spec["models"], strict=True):
        nats = rate_per_unit(*posteriors(model, pictures.test[:500]))
        assert spec["units"] == sorted(spec["units"], reverse=True)
        assert nats[spec["order"]].tolist() == pytest.approx(spec["units"], abs=1e-3)


def test_the_books_own_models_keep_within_the_page_and_have_steps():
    lab = ColourLab()
    assert lab.steps == STEPS and lab.values["pixel"] == "σ learned"
    assert len(zlib.compress(base64.b64encode(lab.canvas.data))) < 600_000
    for spec in lab.canvas.spec["models"]:
        assert sum(layer["weight"]["bytes"] for layer in spec["layers"]) < 150_000
    kinds = [type(model.likelihood) for model in lab.models]
    assert kinds == [Gaussian, LearnedGaussian, DiscretizedLogistic]
    assert lab.models[0].likelihood.std == 1 and lab.models[0].likelihood.squash
    images = load_images("patches")
    assert ColourLab({"mine": lab.models[1]}, images).steps == ()


def test_a_learned_width_travels_as_a_number():
    assert in_numbers(LearnedGaussian(0.2)) == {"name": "Gaussian", "std": pytest.approx(0.2), "squash": True}
    assert in_numbers(DiscretizedLogistic(0.05)) == {"name": "DiscretizedLogistic", "scale": pytest.approx(0.05)}
    assert in_numbers(Bernoulli()) == "bernoulli"


@pytest.mark.parametrize(
    ("models", "why"),
    [
        ({}, r"models is \{\}: pass VAEs by name"),
        ([small(Gaussian(0.1))], "pass VAEs by name"),
        ({"mine": small("bernoulli")}, "'mine' is ConvVAE, Bernoulli"),
        ({"mine": Autoencoder(192, (8,), 3)}, "'mine' is Autoencoder"),
        (
            {"mine": VAE(784, (8,), 3, Gaussian(0.1))},
            "takes 784 numbers an image, and the images have 8 × 8 in 3 channels",
        ),
        ({"a": small(Gaussian(0.1)), "b": small(Gaussian(0.1), 0, 4)}, r"have \[3, 4\] units"),
        ({"mine": "colour-learned"}, "which is no LatentModel"),
    ],
)
def test_what_cannot_be_shown_is_refused(models, why, pictures):
    with pytest.raises(ValueError, match=why):
        ColourLab(models, pictures)


def test_dense_models_and_grey_pictures_go_behind_it_too():
    torch.manual_seed(0)
    grey = ImageSet.of(torch.randint(0, 256, (30, 1, 8, 8), dtype=torch.uint8))
    lab = ColourLab({"mine": VAE(64, (8,), 2, LearnedGaussian())}, grey)
    (frame,) = frames(lab, lab.state(), width=319)
    np.testing.assert_allclose(frame["pictures"][-16]["pixels"], lab.answer()[0], atol=0.03)
    assert not any("digit" in words for words in [*frame["words"], frame["summary"], lab.canvas.spec["caption"]])
    assert to_pixels(grey.test).shape[1] == 64
