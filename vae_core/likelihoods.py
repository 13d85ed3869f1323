"""What the decoder's output means: log p(x | z), summed over pixels, in nats.

A decoder returns raw numbers. A likelihood says which distribution over pixels they describe: the logits of a Bernoulli, or the centre
of a Gaussian or a logistic, whose width is fixed or learned. Everything else in the book asks it for `log_prob` and `mean` and never
looks inside; so a likelihood of your own is any object that has these two.
"""

import math
from dataclasses import dataclass, fields, is_dataclass
from numbers import Integral, Real
from typing import Any, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def widen(values: Tensor) -> Tensor:
    """Half-precision values as float32, others as they are: sums over pixels need the bits."""
    return values.float() if values.dtype in (torch.bfloat16, torch.float16) else values


@runtime_checkable
class Likelihood(Protocol):
    """What a model asks of its likelihood. One that is a dataclass can be registered, and is then saved with its fields."""

    def log_prob(self, x: Tensor, outputs: Tensor, /) -> Tensor:
        """log p(x | z), summed over pixels, in nats: (..., D), (..., D) -> (...)."""
        ...

    def mean(self, outputs: Tensor, /) -> Tensor:
        """The expected pixel, in [0, 1]: (..., D) -> (..., D)."""
        ...


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

    Raises:
        ValueError: `std` is not a positive number.
    """

    std: float = 1.0
    squash: bool = False

    def __post_init__(self) -> None:
        _width("std", self.std)

    def log_prob(self, x: Tensor, outputs: Tensor) -> Tensor:
        """log p(x | z) in nats: (..., D), (..., D) -> (...)."""
        outputs = widen(outputs)
        mean = torch.sigmoid(outputs) if self.squash else outputs
        constant = 0.5 * x.shape[-1] * math.log(2 * math.pi * self.std**2)
        return -((x - mean) ** 2).sum(-1) / (2 * self.std**2) - constant

    def mean(self, outputs: Tensor) -> Tensor:
        """The expected pixel, brought into [0, 1]: (..., D) -> (..., D)."""
        return torch.sigmoid(outputs) if self.squash else outputs.clamp(0, 1)


class LearnedGaussian(nn.Module):
    """A Gaussian whose width is learned with the network, one for all pixels (Rybkin et al. 2021).

    The decoder's output passes through a sigmoid: pixels are in [0, 1], and so is a Gaussian's mean here. `std` is where it begins.

    Raises:
        ValueError: `std` is not a positive number.
    """

    def __init__(self, std: float = 0.5):
        super().__init__()
        self.log_std = nn.Parameter(torch.tensor(math.log(_width("std", std))))

    @property
    def std(self) -> float:
        """The standard deviation of a pixel, in units of the whole range from black to white."""
        return self.log_std.exp().item()

    def log_prob(self, x: Tensor, outputs: Tensor) -> Tensor:
        """log p(x | z) in nats: (..., D), (..., D) -> (...)."""
        log_std = widen(self.log_std)
        apart = (x - torch.sigmoid(widen(outputs))) * torch.exp(-log_std)
        return -0.5 * apart.square().sum(-1) - x.shape[-1] * (log_std + 0.5 * math.log(2 * math.pi))

    def mean(self, outputs: Tensor) -> Tensor:
        """The expected pixel, in [0, 1]: (..., D) -> (..., D)."""
        return torch.sigmoid(outputs)


class DiscretizedLogistic(nn.Module):
    """Each of 256 levels has the probability that a logistic puts on its bin (Salimans et al. 2017).

    So −log p is a number of nats for 8-bit pixels as they are, and no density: never below 0. The lowest and the highest level
    take the tails. The decoder's output passes through a sigmoid and is the logistic's centre; its `scale` is learned, one for all pixels.

    Raises:
        ValueError: `scale` is not a positive number.
    """

    def __init__(self, scale: float = 0.1):
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(_width("scale", scale))))

    @property
    def scale(self) -> float:
        """Of the logistic, in units of the whole range from black to white; its standard deviation is π / √3 times that."""
        return self.log_scale.exp().item()

    def log_prob(self, x: Tensor, outputs: Tensor) -> Tensor:
        """log P(x | z) in nats, of the 8-bit level next to each pixel: (..., D), (..., D) -> (...)."""
        level = (255 * x).round()
        per_scale = torch.exp(-widen(self.log_scale))
        above = (level + 0.5 - 255 * torch.sigmoid(widen(outputs))) / 255 * per_scale  # the bin's upper edge
        width = per_scale / 255
        # σ(a) − σ(b) = σ(a) σ(−b) (1 − e^(b − a)): three logarithms, none of a difference that rounding could make 0
        lower, upper = F.logsigmoid(above), F.logsigmoid(width - above)
        inside = lower + upper + torch.log(-torch.expm1(-width))
        return torch.where(level < 0.5, lower, torch.where(level > 254.5, upper, inside)).sum(-1)

    def mean(self, outputs: Tensor) -> Tensor:
        """The logistic's centre, in [0, 1]: (..., D) -> (..., D)."""
        return torch.sigmoid(outputs)


def _width(name: str, value: Any) -> float:
    number = float(value) if isinstance(value, Real) else math.nan
    if not 0 < number < math.inf:
        raise ValueError(f"{name} is {value!r}: it must be a positive number, of a tensor float({name})")
    return number


def bits_per_dimension(nats: Tensor | float, dimensions: int, *, density: bool = False) -> Any:
    """−log p of an image as bits a pixel and channel, as colour images are compared.

    nats: −log p. Of 8-bit levels (`DiscretizedLogistic`) it is that over D · log 2. A `density` of pixels in [0, 1] gives every level
    256 times more room than it has, so log₂ 256 = 8 bits are added; for a bound on the probability of levels its pixels must be
    dequantized: (level + u) / 256, u uniform (Theis et al. 2016).
    """
    return nats / (dimensions * math.log(2)) + (8 if density else 0)


LIKELIHOODS: dict[str, Likelihood] = {
    "bernoulli": Bernoulli(),
    "gaussian": Gaussian(),
    "squared-error": Gaussian(std=0.5**0.5, squash=True),
}
"""The names that a model's `likelihood` may be."""

KINDS: dict[str, type] = {kind.__name__: kind for kind in (Bernoulli, Gaussian, LearnedGaussian, DiscretizedLogistic)}
"""The classes that a configuration may name; `vae_core.register` adds those of your own."""


def get_likelihood(given: Any) -> Likelihood:
    """A likelihood: by its name in LIKELIHOODS, as `describe` put it into a configuration, or the object itself.

    Raises:
        ValueError: none of these; the message lists the names there are.
    """
    if isinstance(given, dict):
        return _from_description(**given)
    names = ", ".join(map(repr, LIKELIHOODS))
    if isinstance(given, str):
        if given not in LIKELIHOODS:
            raise ValueError(f"unknown likelihood {given!r}: choose one of {names}")
        return LIKELIHOODS[given]
    if isinstance(given, type) or not isinstance(given, Likelihood):
        object_of_ones_own = "an object that has log_prob(x, outputs) and mean(outputs)"
        raise ValueError(f"likelihood is {given!r}: choose one of {names}, or pass {object_of_ones_own}")
    return given


def _from_description(name: Any = None, **fields: Any) -> Likelihood:
    if name not in KINDS:
        known = f"its class must be registered first (@vae_core.register); known are {', '.join(map(repr, KINDS))}"
        raise ValueError(f"unknown likelihood {name!r}: {known}")
    try:
        return KINDS[name](**fields)
    except TypeError as error:
        raise ValueError(f"{name} cannot be made from {fields}: {error}") from error


def describe(likelihood: Any) -> str | dict[str, Any]:
    """A likelihood as a configuration has it: the name it has in LIKELIHOODS, else that of its class, and its fields."""
    for name, shipped in LIKELIHOODS.items():
        if type(likelihood) is type(shipped) and likelihood == shipped:
            return name
    if is_dataclass(likelihood):
        names = [field.name for field in fields(likelihood)]
    else:  # of a module, the weights are the model's and stand in its state_dict
        names = [] if isinstance(likelihood, nn.Module) else list(getattr(likelihood, "__dict__", {}))
    return {"name": type(likelihood).__name__, **{name: as_json(getattr(likelihood, name)) for name in names}}


UNSAID = "not JSON"


def as_json(value: Any) -> Any:
    """A value as JSON has it, a tuple as a list. What JSON has not becomes {UNSAID: words}, which do not bring it back."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Integral | Real):  # NumPy's
        return int(value) if isinstance(value, Integral) else float(value)
    if isinstance(value, list | tuple):
        return [as_json(part) for part in value]
    if isinstance(value, dict):
        return {str(name): as_json(part) for name, part in value.items()}
    words = " ".join(repr(value).split())
    return {UNSAID: type(value).__name__ if isinstance(value, nn.Module) or " at 0x" in words else words}
