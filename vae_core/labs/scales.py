"""The ends of a lab's axes, which stay where they are: set once, by all the images that the lab can show."""

import math

from torch import Tensor

from vae_core.labs.noise import normals
from vae_core.losses import gaussian_kl
from vae_core.models import VAE, evaluating

STEPS = (1, 1.5, 2, 2.5, 3, 4, 6, 8)


def round_up(value: float) -> float:
    """The smallest of `STEPS`, times a power of ten, that is not below this."""
    power = 10.0 ** math.floor(math.log10(value))
    return next((step * power for step in STEPS if step * power >= value), 10 * power)


def costs(model: VAE, x: Tensor, mean: Tensor, log_var: Tensor, draws: int) -> Tensor:
    """What each image costs in nats, at least 1: its rate, and its distortion over some draws where that is above 0.

    x (N, D) in [0, 1], mean and log_var (N, L), all on the CPU -> (N,).
    """
    epsilon = x.new_tensor(normals(1, draws * model.latent_dim)).view(draws, 1, model.latent_dim)
    z = mean + (0.5 * log_var).exp() * epsilon
    with evaluating(model):
        outputs = model.decode(z.flatten(0, 1).to(model.device)).cpu().view(*z.shape[:2], -1)
    distortion = -model.likelihood.log_prob(x, outputs).mean(0)
    return (distortion.clamp_min(0) + gaussian_kl(mean, log_var)).clamp_min(1)
