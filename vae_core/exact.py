"""Models with one latent number and one observed number, so small that nothing about them has to be estimated.

p(z) = N(0, 1) and p(x | z) = N(g(z), std²). An integral over z is a sum over an even grid, the trapezoidal rule: for smooth
functions that die away on both sides it is exact to a dozen digits (Trefethen & Weideman 2014), where no density that is summed
is narrower than a standard deviation of 0.03.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from vae_core.losses import Elbo, gaussian_kl, gaussian_log_prob

REACH = 10.0  # the grid ends where a standard normal density has fallen below 1e-22
NODES = torch.linspace(-REACH, REACH, 1001, dtype=torch.float64)
STEP = 2 * REACH / 1000


def log_normal(z: Tensor, mean: Tensor | float, std: Tensor | float) -> Tensor:
    """log N(z; mean, std²) of numbers, whatever their shapes broadcast to, in nats."""
    log_var = 2 * torch.as_tensor(std, dtype=torch.float64).log()
    mean = torch.as_tensor(mean, dtype=torch.float64)  # a number of Python's would become float32
    return gaussian_log_prob(z[..., None], mean[..., None], log_var[..., None])


@dataclass(frozen=True)
class ExactModel:
    """`decode` is g, `std` the noise of x about g(z). Everything else takes and returns float64 of any shape, in nats."""

    decode: Callable[[Tensor], Tensor]
    std: float

    def log_joint(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x, z) = log p(x | z) + log p(z)."""
        return log_normal(x, self.decode(z), self.std) + log_normal(z, 0.0, 1.0)

    def log_marginal(self, x: Tensor) -> Tensor:
        """log p(x) = log ∫ p(x, z) dz."""
        return torch.logsumexp(self.log_joint(x[..., None], NODES), -1) + math.log(STEP)

    def log_posterior(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(z | x), by Bayes' rule."""
        return self.log_joint(x, z) - self.log_marginal(x)

    def elbo(self, x: Tensor, mean: Tensor, std: Tensor) -> Elbo:
        """Rate and distortion of q = N(mean, std²): the rate by its formula, the distortion −E_q[log p(x | z)] as an integral."""
        log_likelihood = log_normal(x[..., None], self.decode(_nodes(mean, std)), self.std)
        return Elbo(gaussian_kl(mean[..., None], 2 * std.log()[..., None]), -_average(log_likelihood))

    def gap(self, x: Tensor, mean: Tensor, std: Tensor) -> Tensor:
        """KL(q ‖ posterior) for q = N(mean, std²), as the integral that defines it."""
        z = _nodes(mean, std)
        log_q = log_normal(z, mean[..., None], std[..., None])
        return _average(log_q - self.log_posterior(x[..., None], z))

    def best_gaussian(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The mean and std of the Gaussian q with the largest ELBO; of two equally good ones, that on the right."""
        starts = torch.tensor([[-1.0, 0.0, 1.5], [-0.7, -0.7, -0.7]], dtype=torch.float64)  # mean, log std
        at = starts[:, None].repeat(1, x.numel(), 1).requires_grad_()
        every = x.reshape(-1, 1).expand_as(at[0])
        optimizer = torch.optim.LBFGS(
            [at], max_iter=1000, tolerance_grad=1e-9, tolerance_change=1e-15, line_search_fn="strong_wolfe"
        )

        def loss() -> Tensor:
            optimizer.zero_grad()
            total = self.elbo(every, at[0], at[1].exp()).loss().sum()
            total.backward()
            return total

        with torch.enable_grad():
            optimizer.step(loss)
        mean, std = at[0].detach(), at[1].detach().exp()
        elbo = self.elbo(every, mean, std).elbo.round(decimals=9)
        best = (elbo + 1e-12 * mean).argmax(-1, keepdim=True)
        return mean.gather(-1, best).view_as(x), std.gather(-1, best).view_as(x)


@dataclass(frozen=True)
class LinearModel(ExactModel):
    """g(z) = weight · z: the one case in which every integral has a formula, and the posterior is a Gaussian."""

    decode: Callable[[Tensor], Tensor] = field(init=False, repr=False)
    weight: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "decode", lambda z: self.weight * z)

    def log_marginal_formula(self, x: Tensor) -> Tensor:
        """log N(x; 0, weight² + std²)."""
        return log_normal(x, 0.0, math.hypot(self.weight, self.std))

    def posterior_formula(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The posterior's mean and std (Bishop 2006, eq. 2.116)."""
        total = self.weight**2 + self.std**2
        return self.weight * x / total, torch.full_like(x, self.std / math.sqrt(total))

    def elbo_formula(self, x: Tensor, mean: Tensor, std: Tensor) -> Tensor:
        """E_q[log p(x | z)] − KL(q ‖ p(z)), both terms by formula."""
        error = (x - self.weight * mean) ** 2 + (self.weight * std) ** 2  # E_q[(x − weight·z)²]
        log_likelihood = -0.5 * math.log(2 * math.pi * self.std**2) - error / (2 * self.std**2)
        return log_likelihood - 0.5 * (mean**2 + std**2 - 1 - 2 * std.log())

    def gap_formula(self, x: Tensor, mean: Tensor, std: Tensor) -> Tensor:
        """KL between two Gaussians, q and the posterior."""
        centre, width = self.posterior_formula(x)
        return (width / std).log() + (std**2 + (mean - centre) ** 2) / (2 * width**2) - 0.5


LINEAR = LinearModel(std=0.6, weight=0.8)
"""Numbers that come out even: p(x) = N(0, 1), and the posterior is N(0.8 x, 0.6²)."""
CURVED = ExactModel(decode=lambda z: 2 * torch.tanh(z), std=0.5)
"""A decoder that bends, as networks do: the posterior has one bump, and leans."""
TWO_BUMPS = ExactModel(decode=lambda z: z**2, std=0.5)
"""z and −z explain x equally well: for x > 0 the posterior has two bumps."""

EXACT_MODELS: dict[str, ExactModel] = {"linear": LINEAR, "curved": CURVED, "two bumps": TWO_BUMPS}


def _nodes(mean: Tensor, std: Tensor) -> Tensor:
    """Grid points z = mean + std · ε under N(mean, std²): (...) -> (..., 1001)."""
    return mean[..., None] + std[..., None] * NODES


def _average(values: Tensor) -> Tensor:
    """E_q of values at `_nodes`: (..., 1001) -> (...)."""
    return STEP * (values * log_normal(NODES, 0.0, 1.0).exp()).sum(-1)
