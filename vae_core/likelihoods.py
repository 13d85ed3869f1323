"""What the decoder's output means: log p(x | z), summed over pixels, in nats.

A decoder returns raw numbers. A likelihood says which distribution over pixels they
describe: the logits of a Bernoulli, or the mean of a Gaussian with a fixed standard
deviation. Everything else in the book asks it for `log_prob` and `mean` and never looks inside; so a likelihood
of your own is any object that has these two.
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
        if not (isinstance(self.std, Real) and 0 < self.std < math.inf):
            remedy = "a standard deviation must be a positive number, of a tensor float(std)"
            raise ValueError(f"std is {self.std!r}: {remedy}")

    def log_prob(self, x: Tensor, outputs: Tensor) -> Tensor:
        """log p(x | z) in nats: (..., D), (..., D) -> (...)."""
        outputs = widen(outputs)
        mean = torch.sigmoid(outputs) if self.squash else outputs
        constant = 0.5 * x.shape[-1] * math.log(2 * math.pi * self.std**2)
        return -((x - mean) ** 2).sum(-1) / (2 * self.std**2) - constant

    def mean(self, outputs: Tensor) -> Tensor:
        """The expected pixel, brought into [0, 1]: (..., D) -> (..., D)."""
        return torch.sigmoid(outputs) if self.squash else outputs.clamp(0, 1)


LIKELIHOODS: dict[str, Likelihood] = {
    "bernoulli": Bernoulli(),
    "gaussian": Gaussian(),
    "squared-error": Gaussian(std=0.5**0.5, squash=True),
}
"""The names that a model's `likelihood` may be."""

KINDS: dict[str, type] = {"Bernoulli": Bernoulli, "Gaussian": Gaussian}
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
