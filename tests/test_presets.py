"""The source systems, as their texts describe them."""

import math
from itertools import pairwise

import pytest
import torch

from vae_core.likelihoods import Bernoulli, Gaussian
from vae_core.presets import BETAS, GAUSSIAN_BETAS, PRESETS, SHIPPED, get_preset, widths_for


@pytest.mark.parametrize("name", [*PRESETS, "beta-0.01", "beta-100", "beta-10-gaussian"])
def test_every_preset_trains_a_step(name, digits):
    preset = get_preset(name)
    images = preset.prepare(digits)
    model = preset.build(0, images)
    x = images.train[:4].flatten(1) / 255
    terms = model(x, torch.randn(4, model.latent_dim))
    terms.loss().mean().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    preset.config.check(images, model)


def test_the_seed_decides_the_weights_and_nothing_else():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    one, two, other = (PRESETS["relu-200-10"].build(seed) for seed in (0, 0, 1))
    assert torch.equal(torch.rand(2), expected)
    weights = [next(model.parameters()) for model in (one, two, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def layers(model):
    return [tuple(layer.weight.shape[::-1]) for layer in model.modules() if isinstance(layer, torch.nn.Linear)]


def test_architectures_are_the_sources():
    assert layers(PRESETS["tanh-512-256-128"].build()) == [
        (784, 512), (512, 256), (256, 256), (128, 256), (256, 512), (512, 784),
    ]  # fmt: skip
    a = PRESETS["softplus-500-2"].build()
    assert layers(a) == [(784, 500), (500, 500), (500, 4), (2, 500), (500, 500), (500, 784)]
    assert any(isinstance(layer, torch.nn.Softplus) for layer in a.modules())
    d = PRESETS["mse-256-128-8"].build()
    assert all(layer.bias is None for layer in d.modules() if isinstance(layer, torch.nn.Linear))
    assert d.likelihood.squash
    assert d.likelihood.std**2 == pytest.approx(0.5)
    e = PRESETS["conv-32-20"].build()
    assert [layer.out_channels for layer in e.modules() if isinstance(layer, torch.nn.Conv2d)] == [8, 16, 32, 64]
    assert sum(isinstance(layer, torch.nn.BatchNorm2d) for layer in e.modules()) == 7


def test_sources_with_fewer_images_or_larger_ones(images):
    assert len(get_preset("tanh-512-256-128").prepare(images).train) == min(55_000, len(images.train))
    assert get_preset("conv-32-20").prepare(images).train.shape[2:] == (32, 32)


def test_unknown_preset_is_named_with_the_choices():
    with pytest.raises(ValueError, match=r"'tanh'.*'tanh-512-256-128'"):
        get_preset("tanh")


@pytest.mark.parametrize(
    ("name", "kind", "latent_dim", "likelihood"),
    [
        ("vae-3", "VAE", 3, "bernoulli"),
        ("ae-17", "Autoencoder", 17, "squared-error"),
        ("ae-4-bernoulli", "Autoencoder", 4, "bernoulli"),
    ],
)
def test_any_latent_dimension_is_a_preset(name, kind, latent_dim, likelihood):
    model = get_preset(name).build()
    assert (type(model).__name__, model.latent_dim, model.config["likelihood"]) == (kind, latent_dim, likelihood)
    assert get_preset(name).config == PRESETS["vae-2"].config


@pytest.mark.parametrize(
    "name", ["vae-0", "vae-", "vae-03", "vae-3.5", "vae-12345", "gan-3", "avae-3", "vae-3-bernoulli", "ae-3-gauss"]
)
def test_no_latent_dimension_is_no_preset(name):
    with pytest.raises(ValueError, match=rf"unknown preset '{name}'.*'vae-N' for N latent dimensions"):
        get_preset(name)


def test_the_family_differs_in_beta_alone():
    for betas, per_decade, suffix in ((BETAS, 4, ""), (GAUSSIAN_BETAS, 2, "-gaussian")):
        steps = [math.log10(after / before) for before, after in pairwise(betas)]
        assert steps == pytest.approx([1 / per_decade] * len(steps), abs=0.02)
        presets = [get_preset(f"beta-{beta}{suffix}") for beta in betas]
        assert [preset.config.beta for preset in presets] == [*betas]
        assert len({str(preset.model) for preset in presets}) == 1
        assert len({str({**vars(preset.config), "beta": 1}) for preset in presets}) == 1
        assert {f"beta-{beta}{suffix}" for beta in betas} <= set(SHIPPED)
        likelihood = Gaussian(1.0) if suffix else Bernoulli()
        assert layers(presets[0].build()) == [(784, 48), (48, 20), (10, 48), (48, 784)]
        assert presets[0].build().likelihood == likelihood


@pytest.mark.parametrize(
    ("name", "beta"), [("beta-0.000001", 1e-6), ("beta-0.5", 0.5), ("beta-9999.5", 9999.5), ("beta-2-gaussian", 2)]
)
def test_any_beta_is_a_preset(name, beta):
    assert get_preset(name).config.beta == beta


@pytest.mark.parametrize(
    "name",
    ["beta-0", "beta-0.0", "beta-", "beta--1", "beta-.5", "beta-1.0", "beta-1.", "beta-01", "beta-1e-2", "beta-0.50",
     "beta-10000", "beta-0.0000001", "beta-1-bernoulli", "beta-inf", "beta-0-gaussian", "beta-1.5-gaussian-2"],
)  # fmt: skip
def test_one_beta_is_written_in_one_way(name):
    with pytest.raises(ValueError, match=rf"unknown preset '{name}'.*'beta-B' for a rate that is weighted by B"):
        get_preset(name)


@pytest.mark.parametrize(
    ("size", "widths"),
    [(8, [16]), (28, [16, 32]), (32, [16, 32, 64]), (60, [16, 32]), (64, 4), (128, 5), (512, 6), (90, [16])],
)
def test_convolutions_halve_a_picture_down_to_four_pixels(size, widths):
    assert widths_for(size) == ([16, 32, 64, 128, 128, 128][:widths] if isinstance(widths, int) else widths)


@pytest.mark.parametrize("size", [1, 4, 6, 33])
def test_pictures_that_cannot_be_halved_are_refused(size):
    with pytest.raises(ValueError, match=f"{size} pixels cannot be halved.*32 or 64"):
        widths_for(size)


def test_the_number_of_pictures_decides_the_epochs(digits):
    photos, few = PRESETS["photos"], (3, 100, 640, 1500)
    configs = [photos.config_for(digits.first(count)) for count in few]
    assert [(config.batch_size, config.epochs) for config in configs] == [(3, 100), (32, 100), (32, 100), (32, 43)]
    assert PRESETS["relu-200-10"].config_for(digits.first(3)) == PRESETS["relu-200-10"].config
