"""Likelihoods with a width that is learned, against torch.distributions, sums and autograd; bits per dimension."""

import math

import pytest
import torch
from torch.distributions import AffineTransform, Normal, SigmoidTransform, TransformedDistribution, Uniform
from torch.func import functional_call

from vae_core import VAE, ConvVAE, ImageSet, TrainConfig, fit, load_model, save_model
from vae_core.likelihoods import DiscretizedLogistic, Gaussian, LearnedGaussian, bits_per_dimension


def logistic(centre, scale):
    """torch has none of its own."""
    return TransformedDistribution(Uniform(0.0, 1.0), [SigmoidTransform().inv, AffineTransform(centre, scale)])


@pytest.mark.parametrize("std", [0.01, 0.3, 2.0])
def test_learned_gaussian_is_a_normal_with_its_std(std):
    torch.manual_seed(0)
    x, outputs = torch.rand(3, 50).double(), torch.randn(2, 3, 50).double()
    likelihood = LearnedGaussian(std).double()
    known = Normal(torch.sigmoid(outputs), likelihood.log_std.exp()).log_prob(x).sum(-1)
    torch.testing.assert_close(likelihood.log_prob(x, outputs), known)
    torch.testing.assert_close(
        likelihood.log_prob(x, outputs), Gaussian(likelihood.std, squash=True).log_prob(x, outputs)
    )
    assert likelihood.std == pytest.approx(std)


def test_its_best_std_is_the_root_of_the_mean_squared_error():
    """The slope by log σ is 0 there, and only there."""
    torch.manual_seed(0)
    x, outputs = torch.rand(40, 30), torch.randn(40, 30)
    miss = (x - torch.sigmoid(outputs)).square().mean().sqrt().item()

    def slope(std):
        likelihood = LearnedGaussian(std)
        return torch.autograd.grad(likelihood.log_prob(x, outputs).sum(), [likelihood.log_std])[0].item()

    assert slope(1.1 * miss) < -10 < slope(miss) < 10 < slope(0.9 * miss)
    assert abs(slope(miss)) < 0.01


@pytest.mark.parametrize("scale", [0.002, 0.05, 1.0])
@pytest.mark.parametrize("centre", [0.0, 0.004, 0.5, 0.97])
def test_every_level_has_the_logistics_mass(scale, centre):
    likelihood = DiscretizedLogistic(scale).double()
    output = torch.logit(torch.tensor(centre).double().clamp(1e-12))
    levels = torch.arange(256).double()
    found = likelihood.log_prob(levels[:, None] / 255, output.expand(256, 1)).exp()
    edges = logistic(torch.sigmoid(output), likelihood.log_scale.exp().detach()).cdf((levels[1:] - 0.5) / 255)
    known = torch.cat([edges[:1], edges[1:] - edges[:-1], 1 - edges[-1:]])
    torch.testing.assert_close(found, known, rtol=1e-6, atol=1e-12)
    assert found.sum().item() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("scale", [1e-4, 1e-3, 10.0])
def test_it_is_finite_however_wrong_the_centre(scale):
    """In 32 bits too, where the difference of two sigmoids would be nothing."""
    likelihood = DiscretizedLogistic(scale)
    x = torch.arange(256)[:, None] / 255
    for logit in (-50.0, 0.0, 50.0):
        outputs = torch.full((256, 1), logit, requires_grad=True)
        value = likelihood.log_prob(x, outputs)
        slopes = torch.autograd.grad(value.sum(), [outputs, likelihood.log_scale])
        assert value.isfinite().all() and (value <= 0).all() and all(slope.isfinite().all() for slope in slopes)


def test_gradients_are_those_of_autograd_checked_by_differences():
    torch.manual_seed(0)
    x = (torch.rand(4, 6) * 255).round().double() / 255
    outputs = torch.randn(4, 6).double().requires_grad_()
    for likelihood in (LearnedGaussian(0.2).double(), DiscretizedLogistic(0.05).double()):
        ((name, width),) = likelihood.named_parameters()

        def cost(outputs, width, likelihood=likelihood, name=name):
            return functional_call(Called(likelihood), {f"likelihood.{name}": width}, (x, outputs))

        assert torch.autograd.gradcheck(cost, (outputs, width))


class Called(torch.nn.Module):
    def __init__(self, likelihood):
        super().__init__()
        self.likelihood = likelihood

    def forward(self, x, outputs):
        return self.likelihood.log_prob(x, outputs)


def test_bits_per_dimension_of_a_uniform_is_eight():
    """256 levels that are equally likely take eight bits; as a density on [0, 1] that is 1, whose logarithm is 0."""
    assert bits_per_dimension(100 * math.log(256), 100) == pytest.approx(8)
    assert bits_per_dimension(0.0, 100, density=True) == 8
    x = torch.rand(2000, 10)
    nats = -logistic(0.5, 0.1).log_prob(x).sum(1).mean()
    levels = (x * 255).round() / 255
    coarse = -DiscretizedLogistic(0.1).log_prob(levels, torch.zeros_like(levels)).mean()
    assert bits_per_dimension(coarse, 10).item() == pytest.approx(
        bits_per_dimension(nats, 10, density=True).item(), abs=0.05
    )


@pytest.mark.parametrize("build", [LearnedGaussian, DiscretizedLogistic])
def test_a_model_learns_the_width_and_keeps_it(build, tmp_path):
    torch.manual_seed(0)
    pictures = ImageSet.of((torch.rand(200, 3, 8, 8) * 40 + 100).to(torch.uint8))
    model = ConvVAE(channels=3, size=8, widths=(4,), hidden_dim=16, latent_dim=2, likelihood=build())
    (before,) = (width.item() for width in model.likelihood.parameters())
    fit(model, pictures, TrainConfig(epochs=3, batch_size=20, lr=1e-2, device="cpu"), progress=False)
    (after,) = (width.item() for width in model.likelihood.parameters())
    assert after < before - 0.1
    save_model(tmp_path / "mine.safetensors", model)
    again = load_model(tmp_path / "mine.safetensors")
    assert again.config == model.config and again.config["likelihood"] == {"name": build.__name__}
    z = torch.randn(3, 2)
    assert torch.equal(again.draw(z), model.draw(z))
    (width,) = again.likelihood.parameters()
    assert width.item() == after


@pytest.mark.parametrize("wrong", [0, -1.0, math.inf, math.nan, "wide", None])
def test_a_width_that_is_none_is_named(wrong):
    for build, name in ((LearnedGaussian, "std"), (DiscretizedLogistic, "scale"), (Gaussian, "std")):
        with pytest.raises(ValueError, match=f"{name} is {wrong!r}: it must be a positive number"):
            build(wrong)


def test_a_half_is_widened():
    outputs = torch.randn(2, 784)
    x = torch.rand(2, 784)
    for likelihood in (LearnedGaussian(), DiscretizedLogistic()):
        half = likelihood.log_prob(x, outputs.to(torch.bfloat16))
        assert half.dtype == torch.float32
        torch.testing.assert_close(half, likelihood.log_prob(x, outputs), rtol=2e-2, atol=2)


@pytest.mark.parametrize("build", [LearnedGaussian, DiscretizedLogistic])
def test_a_width_in_half_precision_is_widened_before_it_is_summed(build):
    """The same rounded width in float32 gives the same number: nothing else is rounded."""
    x, outputs = torch.rand(2, 3072), torch.randn(2, 3072)
    half, single = build(0.05).to(torch.bfloat16), build(0.05).to(torch.bfloat16).float()
    torch.testing.assert_close(half.log_prob(x, outputs), single.log_prob(x, outputs), rtol=1e-6, atol=0)


def test_a_dense_vae_takes_them_too():
    for likelihood in (LearnedGaussian(), DiscretizedLogistic()):
        model = VAE(input_dim=12, hidden_dims=(8,), latent_dim=2, likelihood=likelihood)
        assert model(torch.rand(5, 12)).distortion.shape == (5,)
