"""The one-number models against integrals done another way, and the β of other people's losses."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.distributions import Normal, kl_divergence

from vae_core import VAE, gaussian_kl
from vae_core.accounting import effective_beta
from vae_core.exact import CURVED, EXACT_MODELS, LINEAR, TWO_BUMPS, ExactModel, LinearModel, log_normal

X = torch.linspace(-3, 3, 25, dtype=torch.float64)
MEAN = torch.linspace(-3, 3, 7, dtype=torch.float64)[:, None]
STD = torch.tensor([0.05, 0.3, 1.0, 2.0], dtype=torch.float64)[:, None, None]


def assert_near(actual, expected):
    torch.testing.assert_close(actual, expected, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("model", EXACT_MODELS.values(), ids=EXACT_MODELS)
def test_what_is_missing_from_the_elbo_is_the_gap(model):
    evidence, gap = model.log_marginal(X), model.gap(X, MEAN, STD)
    assert gap.shape == (4, 7, 25) and gap.min() > 0
    assert_near(model.elbo(X, MEAN, STD).elbo + gap, evidence.expand_as(gap))


@pytest.mark.parametrize("model", EXACT_MODELS.values(), ids=EXACT_MODELS)
def test_integrals_agree_with_simpson(model):
    """By numpy, over another grid and with another rule."""
    z, h = np.linspace(-12, 12, 6001, retstep=True)
    simpson = h / 3 * np.r_[1, np.tile([4, 2], 2999), 4, 1]
    x, mean, std = 1.3, 0.4, 0.7
    log_normal = lambda at, m, s: -0.5 * ((at - m) / s) ** 2 - math.log(s * math.sqrt(2 * math.pi))  # noqa: E731
    log_joint = log_normal(x, model.decode(torch.from_numpy(z)).numpy(), model.std) + log_normal(z, 0, 1)
    log_q = log_normal(z, mean, std)
    evidence = simpson @ np.exp(log_joint)
    kl = (simpson * np.exp(log_q)) @ (log_q - log_joint + math.log(evidence))
    at = [torch.tensor(value, dtype=torch.float64) for value in (x, mean, std)]
    assert model.log_marginal(at[0]).item() == pytest.approx(math.log(evidence), abs=1e-9)
    assert model.gap(*at).item() == pytest.approx(kl, abs=1e-9)
    grid = torch.from_numpy(z)
    assert (torch.from_numpy(simpson) @ model.log_posterior(at[0], grid).exp()).item() == pytest.approx(1, abs=1e-9)


def test_the_linear_model_is_what_its_formulas_say():
    assert_near(LINEAR.log_marginal(X), LINEAR.log_marginal_formula(X))
    assert_near(LINEAR.log_marginal(X), Normal(0.0, 1.0).log_prob(X))
    assert_near(LINEAR.elbo(X, MEAN, STD).elbo, LINEAR.elbo_formula(X, MEAN, STD))
    assert_near(LINEAR.gap(X, MEAN, STD), LINEAR.gap_formula(X, MEAN, STD))
    mean, std = LINEAR.posterior_formula(X)
    torch.testing.assert_close(mean, 0.8 * X)
    assert std.unique().item() == pytest.approx(0.6)
    theirs = kl_divergence(Normal(MEAN, STD), Normal(mean, std))
    assert_near(LINEAR.gap_formula(X, MEAN, STD), theirs)
    assert LINEAR.gap(X, mean, std).abs().max() < 1e-12
    other = LinearModel(std=0.3, weight=-2.0)
    assert_near(other.log_marginal(X), other.log_marginal_formula(X))


def test_the_best_gaussian_is_the_posterior_where_that_is_one():
    mean, std = LINEAR.best_gaussian(X.view(5, 5))
    torch.testing.assert_close(mean, 0.8 * X.view(5, 5), atol=1e-6, rtol=0)
    torch.testing.assert_close(std, torch.full((5, 5), 0.6, dtype=torch.float64), atol=1e-6, rtol=0)


@pytest.mark.parametrize("model", [CURVED, TWO_BUMPS])
def test_no_other_gaussian_is_better(model):
    x = torch.tensor([-1.0, 0.5, 2.0], dtype=torch.float64)
    best = model.gap(x, *model.best_gaussian(x))
    means, stds = torch.linspace(-3, 3, 121)[:, None, None].double(), torch.linspace(0.05, 2, 79)[:, None].double()
    searched = model.gap(x, means, stds).amin((0, 1))
    assert torch.all(best > 1e-3) and torch.all(best <= searched + 1e-12) and torch.all(searched < best + 0.02)


def test_half_of_two_far_bumps_costs_log_2():
    x = torch.tensor(2.0, dtype=torch.float64)
    sharp = ExactModel(decode=torch.square, std=0.1)
    assert sharp.gap(x, *sharp.best_gaussian(x)).item() == pytest.approx(math.log(2), abs=2e-3)
    mean, _ = TWO_BUMPS.best_gaussian(x)
    assert mean > 1  # of the two, the right one


def test_a_number_of_pythons_keeps_its_digits():
    at, mean, std = torch.tensor(0.7, dtype=torch.float64), 0.1, 0.3
    expected = -0.5 * ((0.7 - mean) / std) ** 2 - math.log(std * math.sqrt(2 * math.pi))
    assert log_normal(at, mean, std).item() == pytest.approx(expected, rel=1e-14)


# --- effective beta ---


def test_published_weights():
    tiny = effective_beta(0.00025, error_scale=1 / (3 * 64 * 64), variance=1.0)
    assert tiny == pytest.approx(0.00025 * 12288 / 2) and round(tiny, 2) == 1.54
    assert effective_beta(1.0) == 1.0
    assert effective_beta(1.0, variance=0.5) == 1.0  # the whole squared error, as in "squared-error"
    assert effective_beta(1.0, error_scale=1 / 784, kl_scale=1 / 20) == pytest.approx(39.2)


@pytest.mark.parametrize(("likelihood", "variance"), [("gaussian", 1.0), ("bernoulli", None)])
def test_a_loss_and_its_beta_pull_the_same_way(likelihood, variance):
    """The other loss's gradient is this book's, up to one factor."""
    torch.manual_seed(0)
    model = VAE(30, (8,), 4, likelihood=likelihood).double()
    x, epsilon = torch.rand(6, 30).double(), torch.randn(6, 4).double()
    mean, log_var = model.encode(x)
    outputs = model.decode(mean + (0.5 * log_var).exp() * epsilon)
    error = F.mse_loss(outputs, x) if variance else F.binary_cross_entropy_with_logits(outputs, x)
    theirs = error + 0.02 * gaussian_kl(mean, log_var).mean() / 4
    beta = effective_beta(0.02, error_scale=1 / 30, kl_scale=1 / 4, variance=variance)
    ours = model(x, epsilon).loss(beta).mean()
    a, b = (
        torch.nn.utils.parameters_to_vector(torch.autograd.grad(loss, list(model.parameters())))
        for loss in (theirs, ours)
    )
    factor = (2 if variance else 1) / 30
    torch.testing.assert_close(a, factor * b)


@pytest.mark.parametrize("wrong", [{"error_scale": 0}, {"kl_scale": -1}, {"variance": 0}])
def test_scales_that_cannot_be(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is"):
        effective_beta(1.0, **wrong)
