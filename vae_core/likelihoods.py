"""What the decoder's output means: log p(x | z), summed over pixels, in nats.

A decoder returns raw numbers. A likelihood says which distribution over pixels they
describe: the logits of a Bernoulli, or the mean of a Gaussian with a fixed standard
deviation. Everything else in the book asks it for `log_prob` and `mean` and never looks inside.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


def widen(values: Tensor) -> Tensor:
    """Half-precision values as float32, others as they are: sums over pixels need the bits."""
    return values.float() if values.dtype in (torch.bfloat16, torch.float16) else values


@dataclass(frozen=True)
class Bernoulli:
    """Each pixel is a coin; the decoder returns the log-odds (Kingma & Welling 2013, appendix C.1).

    For grey pixels x in (0, 1) the same formula is a cross-entropy, not the log of a normalised
    density: compare such numbers only with each other.
    """

    def log_prob(self, x: Tensor, x_logits: Tensor) -> Tensor:
        """log p(x | z) in nats: (..., D), (..., D) -> (...). Finite for every finite logit."""
        x_logits = widen(x_logits)  # works from the logits: there is no log of a rounded-off sigmoid
        log_sum = F.softplus(x_logits, threshold=40)  # log(1 + e^logit), which above 40 is the logit, to the bit
        return (x * x_logits - log_sum).sum(-1)

    def mean(self, x_logits: Tensor) -> Tensor:
        """The expected pixel, in [0, 1]: (..., D) -> (..., D)."""
        return torch.sigmoid(x_logits)


@dataclass(frozen=True)
class Gaussian:
    """Each pixel is a Gaussian of known width; the decoder returns its mean.

    With `std` = 1, −log p is half the squared error plus a constant; with std² = ½ it is the whole
    squared error. `squash` passes the decoder's output through a sigmoid first, for pixels in [0, 1].
    """

    std: float = 1.0
    squash: bool = False

    def log_prob(self, x: Tensor, outputs: Tensor) -> Tensor:
        """log p(x | z) in nats: (..., D), (..., D) -> (...)."""
        outputs = widen(outputs)
        mean = torch.sigmoid(outputs) if self.squash else outputs
        constant = 0.5 * x.shape[-1] * math.log(2 * math.pi * self.std**2)
        return -((x - mean) ** 2).sum(-1) / (2 * self.std**2) - constant

    def mean(self, outputs: Tensor) -> Tensor:
        """The expected pixel, brought into [0, 1]: (..., D) -> (..., D)."""
        return torch.sigmoid(outputs) if self.squash else outputs.clamp(0, 1)


Likelihood = Bernoulli | Gaussian

LIKELIHOODS: dict[str, Likelihood] = {
    "bernoulli": Bernoulli(),
    "gaussian": Gaussian(),
    "squared-error": Gaussian(std=0.5**0.5, squash=True),
}


def get_likelihood(name: str) -> Likelihood:
    """Look a likelihood up by name.

    Raises:
        ValueError: no likelihood of that name; the message lists those there are.
    """
    if name not in LIKELIHOODS:
        raise ValueError(f"unknown likelihood {name!r}: choose one of {', '.join(map(repr, LIKELIHOODS))}")
    return LIKELIHOODS[name]
