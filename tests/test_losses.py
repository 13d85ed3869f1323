"""The objective against independent references: torch.distributions, Monte Carlo, and an exact model."""

import math
from itertools import pairwise

import pytest
import torch
from exact import LinearGaussian
from torch.distributions import Independent, Normal, kl_divergence

from vae_core import VAE
from vae_core.likelihoods import LIKELIHOODS, Gaussian, get_likelihood
from vae_core.losses import gaussian_kl, gaussian_log_prob, reparameterize
from vae_core.metrics import elbo, iwae_bound


@pytest.fixture
def posterior() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.randn(64, 7, generator=generator, dtype=torch.double) * 1.5 for _ in range(2))  # type: ignore[return-value]


def test_kl_equals_torch_distributions(posterior):
    mean, log_var = posterior
    q = Independent(Normal(mean, (0.5 * log_var).exp()), 1)
    p = Independent(Normal(torch.zeros_like(mean), torch.ones_like(mean)), 1)
    torch.testing.assert_close(gaussian_kl(mean, log_var), kl_divergence(q, p), rtol=1e-12, atol=1e-12)


def test_kl_equals_monte_carlo(posterior):
    mean, log_var = (part[:4] for part in posterior)
    generator = torch.Generator().manual_seed(1)
    epsilon = torch.randn(200_000, *mean.shape, generator=generator, dtype=torch.double)
    z = reparameterize(mean, log_var, epsilon)
    estimates = gaussian_log_prob(z, mean, log_var) - gaussian_log_prob(z)
    error = estimates.std(0) / math.sqrt(len(estimates))
    assert ((estimates.mean(0) - gaussian_kl(mean, log_var)).abs() < 4 * error).all()


def test_kl_is_zero_at_the_prior_and_positive_elsewhere(posterior):
    zeros = torch.zeros(3, 7)
    assert torch.equal(gaussian_kl(zeros, zeros), torch.zeros(3))
    assert (gaussian_kl(*posterior) > 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("value", [1e4, -1e4, 30.0, -60.0])
def test_extreme_log_variances_give_finite_losses_and_gradients(dtype, value):
    mean = torch.ones(3, 5, dtype=dtype, requires_grad=True)
    log_var = torch.full((3, 5), value, dtype=dtype, requires_grad=True)
    z = reparameterize(mean, log_var, torch.randn(3, 5, generator=torch.Generator().manual_seed(0)))
    loss = (gaussian_kl(mean, log_var) + z.square().mean(-1)).sum()
    loss.backward()
    assert loss.isfinite()
    assert mean.grad is not None
    assert log_var.grad is not None
    assert mean.grad.isfinite().all()
    assert log_var.grad.isfinite().all()


def test_reparameterize_has_the_moments_it_names():
    mean, log_var = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, math.log(0.25)]])
    z = reparameterize(mean, log_var, torch.randn(100_000, 1, 2, generator=torch.Generator().manual_seed(0)))
    torch.testing.assert_close(z.mean(0), mean, atol=0.02, rtol=0)
    torch.testing.assert_close(z.var(0), log_var.exp(), atol=0.02, rtol=0)


def test_bernoulli_equals_torch_distributions_and_survives_huge_logits():
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(6, 20, generator=generator).round().double()
    logits = 4 * torch.randn(6, 20, generator=generator, dtype=torch.double)
    expected = torch.distributions.Bernoulli(logits=logits).log_prob(x).sum(-1)
    torch.testing.assert_close(get_likelihood("bernoulli").log_prob(x, logits), expected)
    assert get_likelihood("bernoulli").log_prob(torch.ones(1, 3), torch.full((1, 3), -1e4)).item() == -3e4


@pytest.mark.parametrize("std", [0.3, 1.0, 2.0])
def test_gaussian_equals_torch_distributions(std):
    generator = torch.Generator().manual_seed(0)
    x, mean = torch.rand(2, 6, 20, generator=generator, dtype=torch.double)
    expected = Normal(mean, std).log_prob(x).sum(-1)
    torch.testing.assert_close(Gaussian(std).log_prob(x, mean), expected)


def test_squared_error_is_the_sum_of_squares_plus_a_constant():
    generator = torch.Generator().manual_seed(0)
    x, outputs = torch.rand(2, 6, 20, generator=generator, dtype=torch.double)
    squares = (x - torch.sigmoid(outputs)).square().sum(-1)
    nats = -LIKELIHOODS["squared-error"].log_prob(x, outputs)
    torch.testing.assert_close(nats, squares + 10 * math.log(math.pi))


def test_likelihoods_broadcast_over_samples():
    x, outputs = torch.rand(4, 9), torch.randn(3, 4, 9)
    for likelihood in LIKELIHOODS.values():
        torch.testing.assert_close(
            likelihood.log_prob(x, outputs), torch.stack([likelihood.log_prob(x, o) for o in outputs])
        )


def test_unknown_likelihood_is_named_with_the_choices():
    with pytest.raises(ValueError, match=r"'poisson'.*'bernoulli', 'gaussian', 'squared-error'"):
        VAE(likelihood="poisson")


@pytest.fixture
def x() -> torch.Tensor:
    return torch.rand(200, 5, generator=torch.Generator().manual_seed(3), dtype=torch.double)


def test_elbo_is_log_p_x_when_q_is_the_posterior(x):
    model = LinearGaussian()
    # Every importance weight is then p(x) itself, whatever z was drawn: no Monte Carlo error at all.
    torch.testing.assert_close(iwae_bound(model, x, 3), model.log_marginal(x), rtol=1e-10, atol=1e-10)


def test_elbo_below_iwae_below_log_p_x(x):
    model = LinearGaussian(error=0.4, log_scale=0.5)
    generator = torch.Generator().manual_seed(0)
    exact = model.log_marginal(x).mean()
    lower = elbo(model, x, 2000, generator=generator).elbo.mean()
    bounds = [iwae_bound(model, x, k, generator=generator).mean() for k in (5, 50, 500)]
    chain = [lower, *bounds, exact]
    assert all(a < b for a, b in pairwise(chain)), chain
    assert exact - bounds[-1] < 0.01


def test_the_gap_is_the_kl_to_the_posterior(x):
    model = LinearGaussian(error=0.4, log_scale=0.5)
    mean, log_var = model.encode(x)
    best, best_log_var = LinearGaussian().encode(x)
    q = Independent(Normal(mean, (0.5 * log_var).exp()), 1)
    posterior = Independent(Normal(best, (0.5 * best_log_var).exp()), 1)
    gap = model.log_marginal(x) - elbo(model, x, 20_000, generator=torch.Generator().manual_seed(0)).elbo
    torch.testing.assert_close(gap.mean(), kl_divergence(q, posterior).mean(), atol=2e-3, rtol=0)


def test_terms_are_per_image_and_add_up(x):
    terms = elbo(LinearGaussian(), x, 4)
    assert terms.rate.shape == terms.distortion.shape == terms.elbo.shape == iwae_bound(LinearGaussian(), x, 2).shape
    assert terms.elbo.shape == (200,)
    torch.testing.assert_close(terms.elbo, -(terms.rate + terms.distortion))
    torch.testing.assert_close(terms.loss(3.0), terms.distortion + 3 * terms.rate)


@pytest.mark.parametrize("estimate", [elbo, iwae_bound])
def test_no_samples_is_refused(estimate, x):
    with pytest.raises(ValueError, match="num_samples is 0"):
        estimate(LinearGaussian(), x, 0)
