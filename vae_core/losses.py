"""The objective of a variational autoencoder: pure functions, one number per image, in nats.

Nothing here averages over the batch: every function returns shape (B,), so that the caller
decides, once and in sight, how to reduce.
"""

import math
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Generator, Tensor

from vae_core.likelihoods import widen

if TYPE_CHECKING:
    from vae_core.models import VAE

LOG_VAR_RANGE = (-30.0, 20.0)
"""Where `log_var` is believed. Outside it exp() would underflow or overflow and poison the gradients."""


class Elbo(NamedTuple):
    """The two terms of the evidence lower bound, each (B,), in nats per image."""

    rate: Tensor
    distortion: Tensor

    @property
    def elbo(self) -> Tensor:
        """−(distortion + rate): a lower bound on log p(x) (Kingma & Welling 2013, eq. 3)."""
        return -(self.distortion + self.rate)

    def loss(self, beta: float | Tensor = 1.0) -> Tensor:
        """distortion + β·rate, what training makes small (Higgins et al. 2017, eq. 4)."""
        return self.distortion + beta * self.rate


def gaussian_kl(mean: Tensor, log_var: Tensor) -> Tensor:
    """KL(N(mean, exp(log_var)) ‖ N(0, I)), exactly: (..., L), (..., L) -> (...), in nats.

    Kingma & Welling 2013, appendix B. `log_var` is the log of the variance, in nats.
    """
    mean, log_var = widen(mean), widen(log_var).clamp(*LOG_VAR_RANGE)
    return 0.5 * (mean.square() + log_var.exp() - 1 - log_var).sum(-1)


def reparameterize(mean: Tensor, log_var: Tensor, epsilon: Tensor) -> Tensor:
    """A draw z = mean + std · ε that gradients can pass through (Kingma & Welling 2013, section 2.4).

    mean, log_var: (B, L); epsilon: (..., B, L) standard normal -> z: (..., B, L).
    """
    std = torch.exp(0.5 * widen(log_var).clamp(*LOG_VAR_RANGE))
    return widen(mean) + std * epsilon


def gaussian_log_prob(z: Tensor, mean: Tensor | float = 0.0, log_var: Tensor | float = 0.0) -> Tensor:
    """log N(z; mean, exp(log_var)), summed over the last axis: (..., L) -> (...), in nats."""
    log_var = torch.as_tensor(log_var, dtype=z.dtype, device=z.device).clamp(*LOG_VAR_RANGE)
    return -0.5 * (math.log(2 * math.pi) + log_var + (z - mean).square() / log_var.exp()).sum(-1)


def elbo(model: "VAE", x: Tensor, num_samples: int = 1, *, generator: Generator | None = None) -> Elbo:
    """The evidence lower bound by Monte Carlo over `num_samples` draws of z: x (B, D) -> (B,) each.

    The rate is exact; the distortion −E_q[log p(x|z)] is averaged over the draws
    (Kingma & Welling 2013, eq. 10).

    Raises:
        ValueError: `num_samples` below 1.
    """
    mean, log_var, z = _draw(model, x, num_samples, generator)
    distortion = -model.likelihood.log_prob(x, model.decode(z)).mean(0)
    return Elbo(gaussian_kl(mean, log_var), distortion)


def iwae_bound(model: "VAE", x: Tensor, num_samples: int = 50, *, generator: Generator | None = None) -> Tensor:
    """The importance-weighted bound log (1/K) Σ p(x, z_k) / q(z_k | x): x (B, D) -> (B,), in nats.

    At K = 1 its mean is the ELBO; it rises towards log p(x) with K (Burda et al. 2015, eq. 8).

    Raises:
        ValueError: `num_samples` below 1.
    """
    mean, log_var, z = _draw(model, x, num_samples, generator)
    log_joint = model.likelihood.log_prob(x, model.decode(z)) + gaussian_log_prob(z)
    log_weights = log_joint - gaussian_log_prob(z, mean, log_var)
    return torch.logsumexp(log_weights, dim=0) - math.log(num_samples)


def _draw(model: "VAE", x: Tensor, num_samples: int, generator: Generator | None) -> tuple[Tensor, Tensor, Tensor]:
    """The posterior of each image and draws from it: mean (B, L), log_var (B, L), z (K, B, L)."""
    if num_samples < 1:
        raise ValueError(f"num_samples is {num_samples}: an estimate needs at least 1")
    mean, log_var = model.encode(x)
    epsilon = torch.randn((num_samples, *mean.shape), generator=generator, dtype=mean.dtype, device=mean.device)
    return mean, log_var, reparameterize(mean, log_var, epsilon)
