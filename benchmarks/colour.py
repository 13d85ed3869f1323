"""Chapter 10's comparisons of trained networks on colour pictures, in results/colour.json.

python benchmarks/colour.py                      # what is not there yet; a minute on one quiet core
python benchmarks/colour.py --record again.json  # all of it anew, to compare

nets: dense against convolutional, on the pictures as they are and with every picture's pixels moved by one permutation.
flips: two hundred pictures, and the same with their mirror images, half as often.
system: system E of the book's sources, as its text has it and as this book has it.
"""

import statistics
import sys
from dataclasses import replace
from typing import Any

import torch
from records import RESULTS, begin, write
from torch import Tensor, nn

from vae_core import VAE, ConvVAE, ImageSet, TrainConfig, fit, load_images
from vae_core.data import to_pixels
from vae_core.likelihoods import DiscretizedLogistic, bits_per_dimension
from vae_core.metrics import evaluate, posteriors, rate_per_unit
from vae_core.models import LatentModel
from vae_core.presets import build_seeded, get_preset

PATH = RESULTS / "colour.json"
SEEDS, SMALL, LARGE = 3, 22, 90  # hidden units: as many weights as the convolutional network, and four times as many
NET = TrainConfig(epochs=4, batch_size=64, lr=3e-3, schedule="one-cycle")
FEW, VALID, EPOCHS, EVERY = 200, 200, 40, 4
CLASSIC = replace(get_preset("conv-32-20").config, epochs=3)
PROTOCOL = (
    "nets: 256 levels by one discretised logistic, 32 latent dimensions, 4 epochs of 2,000 pictures, batch 64, Adam, one-cycle to 0.003; bits a pixel "
    "and channel of −ELBO on 1,000 test pictures, one draw. flips: the same convolutional network and loss, 200 pictures for 40 epochs "
    "in batches of 20 at a constant 0.002, or these and their mirror images for 20; −ELBO in bits after every 800 pictures, on 200 others. system: "
    "conv-32-20 with three channels, 1,500 pictures, 3 epochs, cross-entropy; nats an image on the test pictures"
)


class Bent(nn.Module):
    """System E's encoder as its text has it: an activation, and dropout, on mean and log variance."""

    def __init__(self, inner: nn.Module, dropout: float):
        super().__init__()
        self.inner, self.bend = inner, nn.Sequential(nn.LeakyReLU(), nn.Dropout(dropout))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_var = self.inner(x)
        return self.bend(mean), self.bend(log_var)


def conv(seed: int) -> ConvVAE:
    return get_preset("colour-logistic").build(seed)


def dense(hidden: int, seed: int) -> VAE:
    model = {"model": "VAE", "input_dim": 3072, "hidden_dims": [hidden], "latent_dim": 32}
    return build_seeded({**model, "likelihood": {"name": "DiscretizedLogistic"}}, seed)


def moved(images: ImageSet) -> ImageSet:
    """Every picture with its pixels in another order, the same for all."""
    order = torch.randperm(32 * 32, generator=torch.Generator().manual_seed(0))
    train, test = (part.flatten(2)[..., order].view(part.shape) for part in (images.train, images.test))
    return replace(images, train=train, test=test)


def bits(model: LatentModel, images: Tensor) -> float:
    """−ELBO of 8-bit levels in bits a pixel and channel."""
    assert isinstance(model.likelihood, DiscretizedLogistic)
    return round(float(bits_per_dimension(-evaluate(model, images).elbo, model.input_dim)), 4)


def rms(model: LatentModel, images: Tensor) -> float:
    """Root mean squared error of the drawing again from the posterior's mean, in levels of 255."""
    x = to_pixels(images)
    return round(255 * (model.reconstruct(x) - x).square().mean().sqrt().item(), 3)


def net(images: ImageSet, model: LatentModel, seed: int) -> dict[str, Any]:
    fit(model, replace(images, test=images.test[:1], test_labels=images.test_labels[:1]), replace(NET, seed=seed))
    weights = sum(weight.numel() for weight in model.parameters())
    return {"weights": weights, "bits": bits(model, images.test), "rms": rms(model, images.test)}


def flips(images: ImageSet, mirrored: bool, seed: int) -> dict[str, list[float]]:
    """After each 800 pictures: bits of those learned from (as they are) and of those held out."""
    few = images.train[:FEW]
    train = torch.cat([few, few.flip(-1)]) if mirrored else few
    labels = torch.zeros(len(train), dtype=torch.int64)
    held = images.train[FEW : FEW + VALID]
    part = ImageSet("few", train, held, labels, torch.zeros(VALID, dtype=torch.int64))
    epochs, every = (EPOCHS // 2, EVERY // 2) if mirrored else (EPOCHS, EVERY)
    model, found = conv(seed), {"train": [], "held": []}

    def look(model: LatentModel, history: Any) -> None:
        if len(history) % every == 0:
            found["train"].append(bits(model, few))
            found["held"].append(round(float(bits_per_dimension(-history["test_elbo"][-1], 3072)), 4))

    fit(model, part, TrainConfig(epochs=epochs, batch_size=20, lr=2e-3, seed=seed), callback=look)
    return found


def system(images: ImageSet, variant: str, seed: int) -> dict[str, Any]:
    """System E, ours, or with an activation (and dropout) after mean and log variance."""
    model = get_preset("conv-32-20").build(seed, images)
    if variant != "ours":
        model.encoder = Bent(model.encoder, 0.2 if "dropout" in variant else 0.0)
    torch.manual_seed(seed)  # of dropout
    fit(model, images.first(1_500, 1), replace(CLASSIC, seed=seed))
    terms = evaluate(model, images.test)
    mean, log_var = posteriors(model, images.test)
    std = (0.5 * log_var).exp()
    return {
        "rate": round(float(terms.rate), 2),
        "distortion": round(float(terms.distortion), 2),
        "cost": round(float(terms.rate + terms.distortion), 2),
        "rms": rms(model, images.test),
        "smallest_std": round(std.min().item(), 3),
        "negative_means": round((mean < 0).float().mean().item(), 3),
        "used": int((rate_per_unit(mean, log_var) > 0.1).sum()),
    }


def jobs(images: ImageSet) -> list[tuple[str, str, Any]]:
    """(part, row, how to measure it for a seed), in the order of their use to the page."""
    other = moved(images)
    return [
        ("nets", "convolutional", lambda seed: net(images, conv(seed), seed)),
        ("nets", "dense, as many weights", lambda seed: net(images, dense(SMALL, seed), seed)),
        ("system", "ours", lambda seed: system(images, "ours", seed)),
        ("system", "bent", lambda seed: system(images, "bent", seed)),
        ("system", "bent, dropout", lambda seed: system(images, "bent, dropout", seed)),
        ("flips", "as they are", lambda seed: flips(images, False, seed)),
        ("flips", "and mirrored", lambda seed: flips(images, True, seed)),
        ("nets", "convolutional, pixels moved", lambda seed: net(other, conv(seed), seed)),
        ("nets", "dense, as many weights, pixels moved", lambda seed: net(other, dense(SMALL, seed), seed)),
        ("nets", "dense, four times as many", lambda seed: net(images, dense(LARGE, seed), seed)),
    ]


def main() -> None:
    options, record = begin(__doc__, PATH)
    images = load_images("colour").first(2_000, 1_000)
    if images.name != "cifar10-jpeg":
        sys.exit(f"these are {images.name}: put the folder that holds cifar10-jpeg into VAE_DATA")
    rows = record.get("rows", {})
    for part, name, measure in jobs(images):
        done = rows.setdefault(part, {}).setdefault(name, [])
        for seed in range(len(done), SEEDS):
            done.append(measure(seed))
            print(part, name, seed, {k: v for k, v in done[-1].items() if not isinstance(v, list)}, flush=True)
            write(options.record, "colour", PROTOCOL, data=images.name, seeds=list(range(SEEDS)), rows=rows)
        if part == "nets":
            print(part, name, "mean", statistics.mean(row["bits"] for row in done), flush=True)


if __name__ == "__main__":
    main()
