"""Annealed importance sampling: log p(x) of a decoder, with no encoder's help (Neal 2001; Wu et al. 2017).

A chain walks from the prior to the posterior through p(z) · p(x | z)^t, t from 0 to 1, by Hamiltonian Monte Carlo, and its weight
grows by what each rise of t is worth where it stands. The mean of such weights is p(x), whatever the steps; few of
them leave it wide, and the log of a wide mean lies below log p(x). Walked backwards from a draw of the posterior the same chain bounds
it from above (Grosse et al. 2015).
"""

import math
from itertools import pairwise

import torch
from torch import Generator, Tensor

from vae_core.checks import whole
from vae_core.losses import gaussian_log_prob
from vae_core.models import VAE, LatentModel, evaluating

PILOTS = 4  # chains that find the step sizes
ACCEPTED = 0.65  # the share of moves that they aim at (Neal 2011, section 5.4.4)
STRIDES = 0.2, 1.0  # of a step size, at least and over that: paths of one length may close, and end where they began
PACE = 0.2  # how fast the log of a step size follows


def ais(
    model: VAE,
    x: Tensor,
    *,
    steps: int = 500,
    chains: int = 16,
    leapfrog: int = 10,
    start: Tensor | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """A bound on log p(x) by annealed importance sampling, which rises to it with steps and chains: x (B, D) -> (B,), in nats.

    With `start` (B, L), the codes that x was drawn from, an upper bound, which falls to it: x must be a sample of the
    model, so that `start` is a draw of its posterior (BDMC). Either holds on average over the noise: see `log_weights`.

    Raises:
        ValueError: `steps`, `chains` or `leapfrog` below 1, an Autoencoder, or x or `start` of a wrong shape.
    """
    weights = log_weights(model, x, steps=steps, chains=chains, leapfrog=leapfrog, start=start, generator=generator)
    bound = torch.logsumexp(weights, dim=0) - math.log(chains)
    return bound if start is None else -bound


def log_weights(
    model: VAE,
    x: Tensor,
    *,
    steps: int = 500,
    chains: int = 16,
    leapfrog: int = 10,
    start: Tensor | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """What each chain found: the log of an unbiased estimate of p(x), or with `start` of 1 / p(x): x (B, D) -> (chains, B).

    Its spread over the chains says how far to trust the mean: the standard error of p(x) is, relatively, that of their exp.
    Step sizes, one for an image and a moment, come from a few chains that walk first and are then forgotten. Had the chains
    that count fitted them to themselves, no mean would be exact.
    """
    for name, value in {"steps": steps, "chains": chains, "leapfrog": leapfrog}.items():
        whole(name, value)
    if isinstance(model, LatentModel) and not isinstance(model, VAE):
        raise ValueError(f"model is of {type(model).__name__}, which has no prior: only of a VAE there is a p(x)")
    x = model.check(x)
    if start is not None and start.shape != (len(x), model.latent_dim):
        wanted = f"it must be {(len(x), model.latent_dim)}, the code that each image was drawn from"
        raise ValueError(f"start has shape {tuple(start.shape)}: {wanted}")
    # slow at both ends, where a small change of t is worth many nats, or moves are small (Grosse et al. 2015)
    rise = torch.sigmoid(torch.linspace(-4, 4, steps + 1, dtype=torch.float64))
    moments = ((rise - rise[0]) / (rise[-1] - rise[0])).tolist()

    def prior(count: int) -> Tensor:
        shape = (count, len(x), model.latent_dim)
        return torch.randn(shape, generator=generator, dtype=x.dtype, device=x.device)

    with evaluating(model):
        _, sizes = _walk(model, x, prior(PILOTS), moments, leapfrog, [], generator)
        if start is None:
            return _walk(model, x, prior(chains), moments, leapfrog, sizes, generator)[0]
        z = start.to(x).expand(chains, -1, -1)
        return _walk(model, x, z, moments[::-1], leapfrog, sizes[::-1], generator)[0]


def _walk(
    model: VAE,
    x: Tensor,
    z: Tensor,
    moments: list[float],
    leapfrog: int,
    sizes: list[Tensor],
    generator: Generator | None,
) -> tuple[Tensor, list[Tensor]]:
    """Chains z (C, B, L) through the moments: -> their log weights (C, B) and the step sizes (B,), fitted where none are given."""

    def look(z: Tensor) -> tuple[Tensor, Tensor]:
        """log p(x | z) (C, B) and its slope (C, B, L)."""
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            pixels, code = model.told(x, z)
            value = model.likelihood.log_prob(pixels, model.decode(code))
            return value.detach(), torch.autograd.grad(value.sum(), z)[0]

    weights, given, size = z.new_zeros(z.shape[:2]), bool(sizes), z.new_full((len(x),), 0.5)
    here, slope = look(z)
    for number, (before, t) in enumerate(pairwise(moments)):
        weights += (t - before) * here
        if number == len(moments) - 2:  # what the chain did from here on would count for nothing
            break
        if not given:
            sizes.append(size)
        jitter = torch.rand((*z.shape[:2], 1), generator=generator, dtype=z.dtype, device=z.device)
        stride = sizes[number][:, None] * (STRIDES[0] + STRIDES[1] * jitter)
        speed = torch.randn(z.shape, generator=generator, dtype=z.dtype, device=z.device)
        energy = gaussian_log_prob(z) + t * here + gaussian_log_prob(speed)
        at, there, tilt = z, here, slope
        for _ in range(leapfrog):
            speed = speed + 0.5 * stride * (t * tilt - at)
            at = at + stride * speed
            there, tilt = look(at)
            speed = speed + 0.5 * stride * (t * tilt - at)
        gain = gaussian_log_prob(at) + t * there + gaussian_log_prob(speed) - energy
        chance = gain.clamp(max=0).exp().nan_to_num(0)
        taken = torch.rand(chance.shape, generator=generator, dtype=z.dtype, device=z.device) < chance
        z, slope = (torch.where(taken[..., None], new, old) for new, old in ((at, z), (tilt, slope)))
        here = torch.where(taken, there, here)
        size = size * (PACE * (chance.mean(0) - ACCEPTED)).exp()
    return weights, sizes
