"""Estimates of a model, in nats per image: of each image of a batch, or the mean over a whole data set."""

from collections.abc import Iterator

import torch
from torch import Generator, Tensor

from vae_core.annealing import ais as ais
from vae_core.checks import whole
from vae_core.data import to_pixels
from vae_core.losses import Elbo, gaussian_kl, importance_weighted, reparameterize
from vae_core.models import VAE, LatentModel, evaluating


def elbo(model: VAE, x: Tensor, num_samples: int = 1, *, generator: Generator | None = None) -> Elbo:
    """The evidence lower bound by Monte Carlo over `num_samples` draws of z: x (B, D) -> (B,) each.

    The rate is exact; the distortion −E_q[log p(x|z)] is averaged over the draws
    (Kingma & Welling 2013, eq. 10).

    Raises:
        ValueError: `num_samples` below 1, or a model without a posterior.
    """
    mean, log_var, _, log_likelihood = _draw(model, x, num_samples, generator)
    return Elbo(gaussian_kl(mean, log_var), -log_likelihood.mean(0))


def iwae_bound(model: VAE, x: Tensor, num_samples: int = 50, *, generator: Generator | None = None) -> Tensor:
    """The importance-weighted bound log (1/K) Σ p(x, z_k) / q(z_k | x): x (B, D) -> (B,), in nats.

    At K = 1 its mean is the ELBO; it rises towards log p(x) with K (Burda et al. 2015, eq. 8).

    Raises:
        ValueError: `num_samples` below 1, or a model without a posterior.
    """
    mean, log_var, z, log_likelihood = _draw(model, x, num_samples, generator)
    return importance_weighted(log_likelihood, z, mean, log_var)


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

    The same seed draws the same noise on one device; the model is left in the mode it was in, here and below.

    Raises:
        ValueError: no images, images of the wrong size, or `num_samples` below 1.
    """
    whole("num_samples", num_samples)
    device = model.device
    generator = torch.Generator(device).manual_seed(seed)
    sums = torch.zeros(2, dtype=torch.float64 if device.type != "mps" else torch.float32, device=device)
    with evaluating(model):
        for x in _batches(model, images, pixels, batch_size, generator):
            for _ in range(num_samples):
                epsilon = torch.randn(len(x), model.latent_dim, generator=generator, dtype=x.dtype, device=device)
                terms: Elbo = model(x, epsilon)
                sums += torch.stack([terms.rate.sum(), terms.distortion.sum()])
    rate, distortion = (sums / (len(images) * num_samples)).double().cpu()
    return Elbo(rate, distortion)


def posteriors(model: VAE, images: Tensor, *, batch_size: int = 1000) -> tuple[Tensor, Tensor]:
    """The posterior of every uint8 image (N, ...): mean (N, L), log_var (N, L), on the CPU.

    Raises:
        ValueError: no images, images of the wrong size, or a model without a posterior.
    """
    _check_posterior(model)
    with evaluating(model):
        parts = [model.encoder(x) for x in _batches(model, images, "grey", batch_size, None)]
    means, log_vars = zip(*parts, strict=True)
    return torch.cat(means).cpu(), torch.cat(log_vars).cpu()


def rate_per_unit(mean: Tensor, log_var: Tensor) -> Tensor:
    """The mean KL of each latent unit over the images: (N, L), (N, L) -> (L,), in nats."""
    return gaussian_kl(mean[..., None], log_var[..., None]).mean(0)


def active_units(mean: Tensor, threshold: float = 0.01) -> Tensor:
    """Which units' means vary from image to image by more than this variance (Burda et al. 2015, section 5.2): (N, L) -> (L,).

    Raises:
        ValueError: fewer than two images.
    """
    if len(mean) < 2:
        raise ValueError(
            f"mean has shape {tuple(mean.shape)}: to see it vary from image to image, pass two images or more"
        )
    return mean.var(0) > threshold


def log_likelihood(
    model: VAE, images: Tensor, *, num_samples: int = 100, pixels: str = "grey", seed: int = 0, batch_size: int = 50
) -> float:
    """The mean importance-weighted bound over uint8 images (N, ...): an estimate of log p(x) from below, in nats.

    Raises:
        ValueError: no images, images of the wrong size, `num_samples` below 1, or a model without a posterior.
    """
    generator = torch.Generator(model.device).manual_seed(seed)
    with evaluating(model):
        batches = _batches(model, images, pixels, batch_size, generator)
        bounds = [iwae_bound(model, x, num_samples, generator=generator) for x in batches]
    return torch.cat(bounds).double().mean().item()


def neighbours(pictures: Tensor, library: Tensor, labels: Tensor, k: int = 10) -> tuple[Tensor, Tensor]:
    """The label that most of the k nearest of a library have, and how many have it: (N, D), (M, D), (M,) -> (N,), (N,).

    Nearest pixel by pixel, in Euclidean distance (Cover & Hart 1967); of labels that come up equally often, one of them.

    Raises:
        ValueError: `k` below 1, or more than the library holds.
    """
    if whole("k", k) > len(library):
        raise ValueError(f"k is {k}, and the library holds {len(library)}: ask for {len(library)} or fewer")
    # 500 at a time: to all 60,000 images of MNIST that is 120 MB of distances
    nearest = [torch.cdist(part, library).topk(k, largest=False).indices for part in pictures.split(500)]
    votes = labels[torch.cat(nearest)]
    winner = votes.mode(dim=1).values
    return winner, (votes == winner[:, None]).sum(1)


def _draw(
    model: VAE, x: Tensor, num_samples: int, generator: Generator | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The posterior of each image, draws from it and log p(x | z) there: mean (B, L), log_var (B, L), z (K, B, L), (K, B)."""
    whole("num_samples", num_samples)
    _check_posterior(model)
    mean, log_var = model.encode(x)
    epsilon = torch.randn((num_samples, *mean.shape), generator=generator, dtype=mean.dtype, device=mean.device)
    z = reparameterize(mean, log_var, epsilon)
    x = torch.as_tensor(x, device=mean.device)  # which may be all that `encode` takes
    x = x.to(torch.promote_types(x.dtype, mean.dtype))  # pixels keep the bits that coarse weights have not
    pixels, code = model.told(x, z)
    return mean, log_var, z, model.likelihood.log_prob(pixels, model.decode(code))


def _check_posterior(model: LatentModel) -> None:
    if isinstance(model, LatentModel) and not isinstance(model, VAE):
        name = type(model).__name__
        raise ValueError(f"model is of {name}, which gives each image a point and no posterior: only a VAE has an ELBO")


def _batches(
    model: LatentModel, images: Tensor, pixels: str, batch_size: int, generator: Generator | None
) -> Iterator[Tensor]:
    """The images as the model sees them, on its device and in its precision, in order.

    Raises:
        ValueError: no images, images of the wrong size, a batch size below 1, or weights of half precision.
    """
    if not isinstance(images, Tensor):
        raise ValueError(f"images is of {type(images).__name__}: pass a uint8 tensor, such as an ImageSet's test")
    if not len(images):
        raise ValueError("there are no images to measure on: pass at least one")
    if images[0].numel() != model.input_dim:
        raise ValueError(f"images have {images[0].numel()} numbers each, the model takes {model.input_dim}")
    dtype = next(model.parameters()).dtype
    if dtype.itemsize < 4:
        raise ValueError(
            f"the model's weights are {dtype}, too coarse to measure with: model.float() makes them float32"
        )
    for batch in images.split(whole("batch_size", batch_size)):
        yield to_pixels(batch.to(model.device), pixels, generator=generator).to(dtype)
