"""The gradient of an average: how E[f(z)] changes with the mean and standard deviation of z ~ N(mean, std²).

Two ways to estimate it from draws, and functions simple enough for the exact answer to be known.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

WIGGLE = 8
Function = Callable[[Tensor], Tensor]
"""Of z, one value for each: (..., L) -> (...)."""


class Cost(NamedTuple):
    """A function of z whose expectation under N(mean, std²) is known. z (..., 1) -> (...)."""

    words: str
    value: Function
    expected: Callable[[Tensor, Tensor], Tensor]

    def exact_gradient(self, mean: float, std: float) -> Tensor:
        """The derivative of E[f(z)] by mean and by std: float64 (2,)."""
        at = torch.tensor([mean, std], dtype=torch.float64, requires_grad=True)
        return torch.autograd.grad(self.expected(at[0], at[1]), at)[0]


FUNCTIONS = (  # labs/js/gradient.mjs has them in the same order
    Cost("z²", lambda z: z.square().sum(-1), lambda m, s: m**2 + s**2),
    Cost("z² + 10", lambda z: z.square().sum(-1) + 10, lambda m, s: m**2 + s**2 + 10),
    Cost(
        "(z² − 1)²",
        lambda z: (z.square() - 1).square().sum(-1),
        lambda m, s: m**4 + 6 * m**2 * s**2 + 3 * s**4 - 2 * (m**2 + s**2) + 1,
    ),
    Cost(
        f"sin {WIGGLE}z",
        lambda z: (WIGGLE * z).sin().sum(-1),
        lambda m, s: (WIGGLE * m).sin() * (-0.5 * (WIGGLE * s) ** 2).exp(),
    ),
    Cost("1 if z > 0, else 0", lambda z: (z.sign().sum(-1) + 1) / 2, lambda m, s: torch.special.ndtr(m / s)),
)


def pathwise(f: Function, mean: Tensor, std: Tensor, epsilon: Tensor) -> Tensor:
    """The gradient of E[f(z)] through the draws: mean and std (L,).

    epsilon (estimates, K, L), of K draws each -> (2, estimates, L), by mean
    and by std (Kingma & Welling 2013, section 2.4; Mohamed et al. 2020,
    section 5).
    """
    mean = mean.expand(len(epsilon), 1, -1).clone().requires_grad_()
    std = std.expand(len(epsilon), 1, -1).clone().requires_grad_()
    z = mean + std * epsilon  # a function of mean and std
    by_both = torch.autograd.grad(f(z).mean(1).sum(), (mean, std))
    return torch.stack(by_both).squeeze(2)


def score_function(f: Function, mean: Tensor, std: Tensor, epsilon: Tensor, baseline: bool = False) -> Tensor:
    """The same from values of f alone (Williams 1992). Shapes as in `pathwise`.

    With `baseline`, each draw's f is counted from the mean of f over the other
    draws of its estimate (Kool et al. 2019).

    Raises:
        ValueError: a baseline for one draw, which has no other.
    """
    if baseline and epsilon.shape[1] < 2:
        raise ValueError(
            "K is 1: a baseline is the mean over the other draws of an estimate, so give two draws or more"
        )
    with torch.no_grad():
        cost = f(mean + std * epsilon)[..., None]  # (estimates, K, 1)
        if baseline:
            total = cost.sum(1, keepdim=True)
            cost = cost - (total - cost) / (cost.shape[1] - 1)
        by_mean, by_std = epsilon / std, (epsilon.square() - 1) / std
        score = torch.stack([by_mean, by_std])  # of log q: (2, estimates, K, L)
        return (cost * score).mean(2)
