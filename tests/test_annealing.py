"""Annealed importance sampling against p(x) by quadrature, in closed form, and between two bounds."""

import math

import pytest
import torch
from exact import LinearGaussian

from vae_core import VAE, Autoencoder, iwae_bound, metrics
from vae_core.annealing import ais, log_weights
from vae_core.exact import EXACT_MODELS, LinearModel
from vae_core.likelihoods import Gaussian


class Known(VAE):
    """One of `exact`, as a VAE whose encoder nobody asks."""

    def __init__(self, exact):
        super().__init__(1, (), 1, likelihood=Gaussian(std=exact.std))
        self.exact = exact
        self.double()

    def check(self, x):
        return x  # these numbers are no pixels

    def encode(self, x):
        raise AssertionError("no posterior is needed")

    def decode(self, z):
        return self.exact.decode(z)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def error_of(weights):
    """The relative standard error of their mean, (C, B) -> (B,)."""
    scaled = (weights - weights.amax(0)).exp()
    return scaled.std(0) / scaled.mean(0) / math.sqrt(len(weights))


@pytest.mark.parametrize("name", EXACT_MODELS)
@pytest.mark.parametrize("steps", [1, 5, 40])
def test_the_mean_weight_is_p_of_x(name, steps):
    """However few the steps: relative errors are as large as the spread says, in mean square over 13 numbers and at most."""
    exact, x = EXACT_MODELS[name], torch.linspace(-2, 2, 13, dtype=torch.float64)[:, None]
    weights = log_weights(Known(exact), x, steps=steps, chains=1000, leapfrog=4, generator=seeded())
    found = torch.logsumexp(weights, 0) - math.log(1000)
    off = ((found - exact.log_marginal(x[:, 0])).exp() - 1) / error_of(weights)
    assert off.square().mean() < 2.5 and off.abs().max() < 4, off


@pytest.fixture
def x():
    return torch.rand(30, 5, generator=seeded(3), dtype=torch.double)


def test_a_linear_gaussian_is_met_and_more_steps_come_nearer(x):
    model, spreads = LinearGaussian(), []
    for steps in (2, 8, 32):
        weights = log_weights(model, x, steps=steps, chains=300, leapfrog=4, generator=seeded())
        found, exact = torch.logsumexp(weights, 0) - math.log(300), model.log_marginal(x)
        off = ((found - exact).exp() - 1) / error_of(weights)
        assert off.square().mean() < 2 and off.abs().max() < 4.5
        spreads.append((exact - weights.mean(0)).mean().item())
    assert spreads[0] > 1.5 * spreads[1] > 2 * spreads[2] > 0, spreads  # the log of one weight lies below, on average
    torch.testing.assert_close(ais(model, x, steps=32, chains=300, leapfrog=4, generator=seeded()), found)


def test_the_truth_lies_between_two_bounds_that_draw_together():
    """Bidirectional Monte Carlo, where the truth is known: a thousand images drawn from the model, and single chains."""
    model, generator = LinearGaussian(), seeded(1)
    z = torch.randn(1000, 2, generator=generator, dtype=torch.double)
    x = model.decode(z) + torch.randn(1000, 5, generator=generator, dtype=torch.double)
    model.check, exact, gaps = lambda x: x, model.log_marginal(x), []
    for steps in (2, 8, 32):
        lower, upper = (
            ais(model, x, steps=steps, chains=1, leapfrog=4, start=start, generator=generator) for start in (None, z)
        )
        for bound, side in ((lower, -1), (upper, 1)):
            above = side * (bound - exact)
            assert above.mean() > -3 * above.std() / math.sqrt(1000)
        gaps.append((upper - lower).mean().item())
    assert gaps[0] > 1.5 * gaps[1] > 2 * gaps[2] > 0, gaps


def test_the_reverse_weights_have_the_mean_that_they_should():
    """1 / p(x), on average over draws of the posterior: here many of one x, so that they must be drawn by formula."""
    model, x = LinearGaussian(), torch.full((2000, 5), 0.7, dtype=torch.double)
    mean, log_var = model.encode(x)
    z = mean + (0.5 * log_var).exp() * torch.randn(2000, 2, generator=seeded(), dtype=torch.double)
    weights = log_weights(model, x, steps=6, chains=1, leapfrog=4, start=z, generator=seeded(1))[0][:, None]
    found = torch.logsumexp(weights, 0) - math.log(2000)
    assert abs((found + model.log_marginal(x[:1])).exp() - 1) < 4 * error_of(weights)


def test_of_a_network_it_agrees_with_many_importance_samples(digits):
    torch.manual_seed(0)
    model = VAE(784, (32,), 3)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    x = (digits.test[:4].flatten(1) > 127).float()
    weights = log_weights(model, x, steps=60, chains=32, leapfrog=5, generator=seeded())
    found = ais(model, x, steps=60, chains=32, leapfrog=5, generator=seeded())
    assert found.dtype == torch.float32 and found.shape == (4,) and not found.requires_grad
    with torch.no_grad():
        off = (found - iwae_bound(model, x, 20_000, generator=seeded())).exp() - 1
    assert (off.abs() < 4 * error_of(weights)).all() and error_of(weights).max() < 0.5
    assert torch.equal(found, torch.logsumexp(weights, 0) - math.log(32))
    assert model.training and all(weight.grad is None for weight in model.parameters())
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())


def test_a_chain_that_flies_off_is_not_believed():
    """A posterior twenty times as narrow as the prior, for which step sizes are made: moves are refused until they shrink."""
    narrow = LinearModel(std=0.05, weight=1.0)
    x = torch.tensor([[0.3], [1.0]], dtype=torch.float64)
    weights = log_weights(Known(narrow), x, steps=300, chains=64, leapfrog=5, generator=seeded())
    assert weights.isfinite().all()
    off = torch.logsumexp(weights, 0) - math.log(64) - narrow.log_marginal_formula(x[:, 0])
    assert (off.abs() < 5 * error_of(weights)).all() and error_of(weights).max() < 0.3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "steps is 0: it must be a whole number, 1 or more"),
        ({"steps": 2.5}, "steps is 2.5"),
        ({"chains": 0}, "chains is 0: it must be a whole number, 1 or more"),
        ({"leapfrog": 0}, "leapfrog is 0"),
        ({"start": torch.zeros(30, 3)}, r"start has shape \(30, 3\): it must be \(30, 2\), the code that each image"),
        ({"x": torch.zeros(30, 4)}, r"x has shape \(30, 4\)"),
        ({"x": torch.full((30, 5), 2.0)}, r"pixels range over \[2, 2\]"),
        (
            {"model": Autoencoder(5, (), 2)},
            r"model is of Autoencoder, which has no prior: only of a VAE there is a p\(x\)",
        ),
    ],
)
def test_what_cannot_be_annealed_is_refused(x, change, message):
    with pytest.raises(ValueError, match=message):
        metrics.ais(**{"model": LinearGaussian(), "x": x, **change})
