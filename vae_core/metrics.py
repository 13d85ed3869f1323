"""Measuring a trained model over a whole data set, in nats per image."""

from collections.abc import Iterator

import torch
from torch import Generator, Tensor

from vae_core.data import to_pixels
from vae_core.losses import Elbo, gaussian_kl, iwae_bound
from vae_core.models import VAE, LatentModel


@torch.no_grad()
def evaluate(
    model: LatentModel,
    images: Tensor,
    *,
    num_samples: int = 1,
    pixels: str = "grey",
    seed: int = 0,
    batch_size: int = 1000,
) -> Elbo:
    """Mean rate and distortion over uint8 images (N, ...), with z sampled: two scalars, float64, nats per image.

    The same seed draws the same noise on one device; the model is left in the mode it was in.

    Raises:
        ValueError: no images, images of the wrong size, or `num_samples` below 1.
    """
    if num_samples < 1:
        raise ValueError(f"num_samples is {num_samples}: an estimate needs at least 1")
    at = next(model.parameters())
    was_training = model.training
    model.eval()
    generator = torch.Generator(at.device).manual_seed(seed)
    sums = torch.zeros(2, dtype=torch.float64 if at.device.type != "mps" else torch.float32, device=at.device)
    for x in _batches(model, images, pixels, batch_size, generator):
        for _ in range(num_samples):
            epsilon = torch.randn(len(x), model.latent_dim, generator=generator, device=at.device)
            terms: Elbo = model(x, epsilon)
            sums += torch.stack([terms.rate.sum(), terms.distortion.sum()])
    model.train(was_training)
    rate, distortion = (sums / (len(images) * num_samples)).double().cpu()
    return Elbo(rate, distortion)


@torch.no_grad()
def posteriors(model: VAE, images: Tensor, *, batch_size: int = 1000) -> tuple[Tensor, Tensor]:
    """The posterior of every uint8 image (N, ...): mean (N, L), log_var (N, L), on the CPU."""
    parts = [model.encoder(x) for x in _batches(model, images, "grey", batch_size, None)]
    means, log_vars = zip(*parts, strict=True)
    return torch.cat(means).cpu(), torch.cat(log_vars).cpu()


def rate_per_unit(mean: Tensor, log_var: Tensor) -> Tensor:
    """The mean KL of each latent unit over the images: (N, L), (N, L) -> (L,), in nats."""
    return gaussian_kl(mean[..., None], log_var[..., None]).mean(0)


def active_units(mean: Tensor, threshold: float = 0.01) -> Tensor:
    """Which units' means vary from image to image by more than this variance (Burda et al. 2015, section 5.2): (L,)."""
    return mean.var(0) > threshold


@torch.no_grad()
def log_likelihood(
    model: VAE, images: Tensor, *, num_samples: int = 100, pixels: str = "grey", seed: int = 0, batch_size: int = 50
) -> float:
    """The mean importance-weighted bound over uint8 images (N, ...): an estimate of log p(x) from below, in nats."""
    generator = torch.Generator(next(model.parameters()).device).manual_seed(seed)
    batches = _batches(model, images, pixels, batch_size, generator)
    bounds = [iwae_bound(model, x, num_samples, generator=generator) for x in batches]
    return torch.cat(bounds).double().mean().item()


def _batches(
    model: LatentModel, images: Tensor, pixels: str, batch_size: int, generator: Generator | None
) -> Iterator[Tensor]:
    """The images as the model sees them, on its device, in order.

    Raises:
        ValueError: no images, or images of the wrong size.
    """
    if not len(images):
        raise ValueError("there are no images to measure on: pass at least one")
    if images[0].numel() != model.input_dim:
        raise ValueError(f"images have {images[0].numel()} numbers each, the model takes {model.input_dim}")
    device = next(model.parameters()).device
    for batch in images.split(batch_size):
        yield to_pixels(batch.to(device), pixels, generator=generator)
