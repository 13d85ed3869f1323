"""Moving about in latent space: pure functions from codes to codes."""

import math

import torch
from torch import Tensor

from vae_core.checks import whole


def lerp(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """The straight line between two codes, both ends included: (L,), (L,) -> (steps, L).

    Raises:
        ValueError: fewer than 2 steps, codes of different L, or of whole numbers.
    """
    start, end, t = _ready(start, end, steps)
    return (1 - t) * start + t * end


def slerp(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """The arc about the origin from one code to another, both ends included: (L,), (L,) -> (steps, L).

    The direction turns at an even rate (Shoemake 1985; for latent spaces White 2016), and the distance from
    the origin changes evenly from one end's to the other's. Between codes in opposite directions, or where one
    is at the origin, no arc is the one, and in the same direction it is straight: all these get the line, `lerp`.

    Raises:
        ValueError: fewer than 2 steps, codes of different L, or of whole numbers.
    """
    start, end, t = _ready(start, end, steps)
    lengths = torch.stack([start.norm(), end.norm()])
    if (lengths == 0).any():
        return lerp(start, end, steps)
    a, b = start / lengths[0], end / lengths[1]
    angle = 2 * torch.atan2((a - b).norm(), (a + b).norm())  # near 0 and π a cosine has no digits left for it
    if torch.sin(angle) < 1e-4:
        return lerp(start, end, steps)
    direction = (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)
    return direction * ((1 - t) * lengths[0] + t * lengths[1])


def traverse(z: Tensor, unit: int, values: Tensor) -> Tensor:
    """Copies of one code with one unit set to each of the values: (L,), (V,) -> (V, L)."""
    codes = z.repeat(len(values), 1)
    codes[:, unit] = values
    return codes


def perturb(
    mean: Tensor, log_var: Tensor, shift: float = 0.0, scale: float = 1.0, unit: int | None = None
) -> tuple[Tensor, Tensor]:
    """A posterior with its mean moved by `shift` and its variance multiplied by `scale`: (..., L) twice -> the same.

    `unit` chooses one latent unit; None moves them all. `shift` is in units of z, `scale` is a factor.

    Raises:
        ValueError: a scale that is not positive: its log would not exist.
    """
    if scale <= 0:
        raise ValueError(f"scale is {scale}: a variance can only be multiplied by a positive number")
    chosen = torch.zeros_like(mean)
    chosen[... if unit is None else (..., unit)] = 1
    return mean + shift * chosen, log_var + math.log(scale) * chosen


def plane(across: int, span: float = 3.0) -> Tensor:
    """A square grid of points in a two-dimensional latent space, top row first: -> (across, across, 2).

    From −span to +span on both axes, in units of z.
    """
    ticks = torch.linspace(-span, span, across)
    up, right = torch.meshgrid(ticks.flip(0), ticks, indexing="ij")
    return torch.stack([right, up], dim=-1)


def _ready(start: Tensor, end: Tensor, steps: int) -> tuple[Tensor, Tensor, Tensor]:
    """Both ends of a path, (L,) or a batch of one (1, L), as (L,); and how far along each step is, (steps, 1)."""
    first, last = torch.atleast_2d(start, end)
    if not first.is_floating_point():
        raise ValueError(f"the codes are of {start.dtype}: between whole numbers there is no path, give start.float()")
    if len(first) != 1 or first.shape != last.shape:
        shapes = f"start has shape {tuple(start.shape)} and end {tuple(end.shape)}"
        raise ValueError(f"{shapes}: a path joins two codes of one length, (L,) each, as z[0] is in a batch")
    t = torch.linspace(0, 1, whole("steps", steps, 2), dtype=start.dtype, device=start.device)
    return first[0], last[0], t[:, None]
