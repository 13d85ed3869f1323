"""A model under examination: a copy, on which everything may be tried."""

import copy
import math
from collections.abc import Callable, Iterator
from functools import cached_property
from numbers import Real
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from vae_core.models import evaluating

IMAGES = 64  # looked at
REDRAWS = 32  # of all weights


class CopyingValues(TorchFunctionMode):
    """Within, `deepcopy` takes the values of a tensor of a graph, which some models keep; else it refuses one."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is Tensor.__deepcopy__ and not args[0].is_leaf:
            return args[0].detach().clone()
        return func(*args, **(kwargs or {}))


class Patient:
    """A copy of the model, and what several looks want to know of it.

    Raises:
        ValueError: no module with encode and decode, no images, a beta that is not positive and finite, or networks
            whose shapes do not fit together.
    """

    def __init__(self, model: nn.Module, x: Tensor, loss: Callable[..., Any] | None, beta: float):
        if not isinstance(model, nn.Module) or not all(callable(getattr(model, n, None)) for n in ("encode", "decode")):
            remedy = "give a torch.nn.Module with encode(x) -> (mean, log_var) and decode(z)"
            raise ValueError(f"model is {type(model).__name__}: {remedy}")
        if not isinstance(x, Tensor) or x.ndim < 2 or len(x) < 2:
            shown = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
            raise ValueError(f"x is {shown}: give a tensor of two images or more, (B, …), as forward takes it")
        if not (isinstance(beta, Real) and 0 < beta < math.inf):
            raise ValueError(
                f"beta is {beta!r}: give a positive finite number, the weight that its KL is meant to have"
            )
        with CopyingValues():
            self.model: Any = copy.deepcopy(model)
        self.loss, self.beta, self.given = loss, beta, x
        at = next(model.parameters(), torch.zeros(0))
        sound = (
            x[:IMAGES].to(at.device, at.dtype).nan_to_num()
        )  # wrong pixels are one fault, and must not look like others
        self.x = sound / sound.abs().max().clamp(min=1)
        with evaluating(self.model):
            self.mean, self.log_var = self.encode(self.x)  # (B, L) each
            drawn = self.model.decode(self.mean)
        if len(drawn) != len(self.x) or drawn[0].numel() != self.x[0].numel():
            raise ValueError(f"decode makes {tuple(drawn.shape)} of the codes of images {tuple(self.x.shape)}")
        self.has_forward = type(model).forward is not nn.Module.forward
        with evaluating(self.model):
            self.gives_elbo = self.has_forward and hasattr(self.model(self.x), "distortion")
        self.start = copy.deepcopy(self.model.state_dict())

    def rested(self) -> "Patient":
        """Itself, with the weights and running statistics of the start, whatever a look has done to them."""
        self.model.load_state_dict(self.start)
        return self

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """mean, log_var (B, L), of a dense network too that flattens in its `forward` alone."""
        try:
            out = self.model.encode(x)
        except (RuntimeError, ValueError):
            if x.ndim == 2:
                raise
            out = self.model.encode(x.flatten(1))
        parts = list(out) if isinstance(out, tuple | list) else [out]
        shapes = [tuple(part.shape) if isinstance(part, Tensor) else type(part).__name__ for part in parts]
        if len(shapes) != 2 or shapes[0] != shapes[1] or len(shapes[0]) != 2 or shapes[0][0] != len(x):
            raise ValueError(
                f"encode returns {shapes} for {len(x)} images: it must return (mean, log_var), (B, L) each"
            )
        mean, log_var = parts
        return mean, log_var

    def forward(self, copies: int = 1) -> tuple[Tensor, ...]:
        """What `forward` returns; first of it what depends on the draw: x_hat or logits, or an Elbo's distortion."""
        out = self.model(torch.cat([self.x] * copies))
        if hasattr(out, "distortion"):
            return (out.distortion,)
        return tuple(out) if isinstance(out, tuple | list) else (out,)

    def x_hat(self, z: Tensor) -> Tensor:
        """What the decoder draws, (B, …), as a loss gets it or, where a likelihood says what that means, as its mean."""
        if self.has_forward and not self.gives_elbo:
            return self.forward()[0]
        likelihood = getattr(self.model, "likelihood", None)
        return likelihood.mean(self.model.decode(z)) if likelihood else self.model.decode(z)

    def other_weights(self) -> Iterator[None]:
        """The same layers with weights drawn anew, again and again: what is then still so is the layers' doing."""
        kept = copy.deepcopy(self.model.state_dict())
        try:
            for _ in range(REDRAWS):
                with torch.no_grad():
                    for parameter in self.model.parameters():
                        parameter.normal_().mul_(2 / math.sqrt(parameter[0].numel() if parameter.ndim > 1 else 1))
                yield
        finally:  # also where nobody wants the rest
            self.model.load_state_dict(kept)

    @cached_property
    def reach(self) -> tuple[Tensor, Tensor, Tensor]:
        """Where means, log variances and what is drawn can lie at all: over many weights, each flat."""
        found: list[tuple[Tensor, Tensor, Tensor]] = []
        with evaluating(self.model):
            for _ in self.other_weights():
                mean, log_var = self.encode(self.x)
                found.append((mean, log_var, self.x_hat(mean)))
        means, log_vars, drawn = (torch.cat([part.flatten() for part in parts]) for parts in zip(*found, strict=True))
        return means, log_vars, drawn

    @property
    def draws_probabilities(self) -> bool:
        """Does what is drawn stay in [0, 1] whatever the weights are?"""
        return bool(self.reach[2].min() >= 0 and self.reach[2].max() <= 1)


def gradients(outputs: Tensor, inputs: list[Tensor], weights: Tensor | None = None) -> list[Tensor]:
    """Of the outputs' sum, weighted (at random, if not as given); zero where there are none."""
    if not outputs.requires_grad:
        return [torch.zeros_like(part) for part in inputs]
    weights = torch.rand_like(outputs) if weights is None else weights
    slopes = torch.autograd.grad(outputs, inputs, weights, allow_unused=True)
    return [torch.zeros_like(part) if slope is None else slope for part, slope in zip(inputs, slopes, strict=True)]
