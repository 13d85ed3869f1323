"""The objective of a variational autoencoder: pure formulas that know no model, one number per image, in nats.

Nothing here averages over the batch: every function returns shape (B,), so that the caller
decides, once and in sight, how to reduce.
"""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vae_core.likelihoods import widen

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


def importance_weighted(log_likelihood: Tensor, z: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
    """The bound log (1/K) Σ p(x, z_k) / q(z_k | x) of K draws of z (Burda et al. 2015, eq. 8), in nats.

    log_likelihood: log p(x | z_k) (K, B); z: (K, B, L), drawn from q = N(mean, exp(log_var)), (B, L) each -> (B,).
    """
    log_weights = log_likelihood + gaussian_log_prob(z) - gaussian_log_prob(z, mean, log_var)
    return torch.logsumexp(log_weights, dim=0) - math.log(len(log_weights))


def free_bits(rates: Tensor, means: Tensor, least: float) -> Tensor:
    """The rate where no latent unit's counts less than `least` nats, averaged over a batch (Kingma et al. 2016).

    rates: the KL of each unit (B, L); means: their means over the batch (L,) -> (B,), whose mean is Σ max(least, means).
    A unit below `least` counts as that, and pulls no weight.
    """
    return torch.where(means > least, rates, least).sum(-1)


def __getattr__(name: str) -> Any:
    """`elbo` and `iwae_bound` are estimates of a model and live in `metrics`; older notebooks import them from here."""
    if name in ("elbo", "iwae_bound"):
        from vae_core import metrics  # not above: it imports this module

        return getattr(metrics, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
