"""Chapter 9's three gaps of vae-10, after Cremer et al. 2018, written to results/gaps.json.

python benchmarks/gaps.py             # some ten minutes on one quiet core
"""

import math

import torch
from records import RESULTS, write
from torch import Tensor

from vae_core import VAE, load_images, load_pretrained
from vae_core.data import to_pixels
from vae_core.losses import gaussian_kl, gaussian_log_prob
from vae_core.metrics import elbo, iwae_bound

PATH = RESULTS / "gaps.json"
IMAGES, STEPS, DRAWS, LR = 60, 400, 8, 0.02  # of the search for the best q of each image
MANY, FEW = 3000, 100  # images, and K, for the comparison of training and test images
K = 5000
PROTOCOL = (
    f"vae-10, trained on grey pixels; the first {IMAGES} training and test images, grey or each pixel tossed once (seed 5). elbo: of the "
    f"encoder's q, 200 draws. best: of the mean-field Gaussian that {STEPS} steps of Adam, {LR}, with {DRAWS} draws each find for the "
    f"image, from the encoder's on, 1,000 draws. log_p: the importance-weighted bound with K = {K:,}, proposed by that q, its std × 1.25. "
    f"Approximation: log_p − best; amortization: best − elbo. Means over the images, with standard errors. many: elbo (5 draws) and "
    f"the bound with K = {FEW} on the first {MANY:,} training and test images"
)


def best_q(vae: VAE, x: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The mean and log variance of each image's own q, climbed to from the encoder's: x (B, D) -> (B, L), (B, L)."""
    mean, log_var = (part.detach().clone().requires_grad_() for part in vae.encode(x))
    optimizer = torch.optim.Adam([mean, log_var], LR)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    for _ in range(STEPS):
        optimizer.zero_grad()
        elbo_of(vae, x, mean, log_var, DRAWS, generator).sum().neg().backward()
        optimizer.step()
        schedule.step()
    return mean.detach(), log_var.detach()


def elbo_of(vae: VAE, x: Tensor, mean: Tensor, log_var: Tensor, draws: int, generator: torch.Generator) -> Tensor:
    """The ELBO of any q, its rate exact: x (B, D), mean and log_var (B, L) -> (B,)."""
    z = mean + (0.5 * log_var).exp() * torch.randn((draws, *mean.shape), generator=generator)
    return vae.likelihood.log_prob(x, vae.decode(z)).mean(0) - gaussian_kl(mean, log_var)


def bound_of(vae: VAE, x: Tensor, mean: Tensor, log_var: Tensor, generator: torch.Generator) -> Tensor:
    """The importance-weighted bound at `K` of any q, for one image: x (D,), mean and log_var (L,) -> ()."""
    z = mean + (0.5 * log_var).exp() * torch.randn((K, len(mean)), generator=generator)
    log_joint = vae.likelihood.log_prob(x, vae.decode(z)) + gaussian_log_prob(z)
    return (log_joint - gaussian_log_prob(z, mean, log_var)).logsumexp(0) - math.log(K)


def summed(values: Tensor) -> list[float]:
    """Mean and its standard error."""
    return [round(values.mean().item(), 2), round((values.std() / len(values) ** 0.5).item(), 2)]


def measure(vae: VAE, x: Tensor, generator: torch.Generator) -> dict[str, list[float]]:
    mean, log_var = best_q(vae, x, generator)
    with torch.no_grad():
        first = elbo(vae, x, 200, generator=generator).elbo
        best = elbo_of(vae, x, mean, log_var, 1000, generator)
        wider = log_var + 2 * math.log(1.25)
        log_p = torch.stack([bound_of(vae, *each, generator) for each in zip(x, mean, wider, strict=True)])
    terms = {"elbo": first, "best": best, "log_p": log_p, "approximation": log_p - best, "amortization": best - first}
    return {name: summed(value) for name, value in terms.items()}


def compare(vae: VAE, x: Tensor, generator: torch.Generator) -> dict[str, list[float]]:
    with torch.no_grad():
        first = torch.cat([elbo(vae, part, 5, generator=generator).elbo for part in x.split(100)])
        bound = torch.cat([iwae_bound(vae, part, FEW, generator=generator) for part in x.split(50)])
    return {"elbo": summed(first), "bound": summed(bound), "between": summed(bound - first)}


def main() -> None:
    images, vae = load_images("mnist"), load_pretrained("vae-10")
    vae.requires_grad_(False)
    rows, many = {}, {}
    for pixels in ("grey", "dynamic"):
        for part, data in {"training": images.train, "test": images.test}.items():
            generator = torch.Generator().manual_seed(5)
            x = to_pixels(data[:MANY], pixels, generator=generator)
            name = f"{part}, {'grey' if pixels == 'grey' else 'tossed'}"
            rows[name] = measure(vae, x[:IMAGES], generator)
            many[name] = compare(vae, x, generator)
            print(name, rows[name], many[name], flush=True)
            write(PATH, "gaps", PROTOCOL, rows=rows, many=many)


if __name__ == "__main__":
    main()
