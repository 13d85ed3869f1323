"""Chapter 9's four ways to make numbers of pixels: the same network trained under each, written to results/pixels.json.

python benchmarks/pixels.py             # some three minutes on one quiet core
"""

from dataclasses import replace

import torch
from records import RESULTS, write

from vae_core import ImageSet, TrainConfig, fit, load_images
from vae_core.data import to_pixels
from vae_core.metrics import evaluate, log_likelihood
from vae_core.presets import build_seeded, get_preset

PATH = RESULTS / "pixels.json"
PROTOCOL = (
    "MNIST, the first 20,000 training and 1,000 test images; relu-200-10; 10 epochs of batches of 128, Adam, one cycle up to "
    "0.003. Nats per test image: the ELBO from 5 draws, and the importance-weighted bound with K = 100; tossed: one draw of "
    "the test images' pixels, seed 9, the same for all. Train: the bound on the first 500 training images, as the model saw them "
    "(tossed anew for the one that is trained so)"
)
SEEDS = 3
K = 100


def tossed(images: torch.Tensor, seed: int) -> torch.Tensor:
    """Each pixel tossed once, with its grey as the chance of ink: uint8 of 0 and 255."""
    black = to_pixels(images, "dynamic", generator=torch.Generator().manual_seed(seed))
    return (255 * black).byte().view_as(images)


def main() -> None:
    images = load_images("mnist").first(20_000, 1_000)
    fixed = replace(images, train=tossed(images.train, 8), test=tossed(images.test, 9))
    trained: dict[str, tuple[ImageSet, str]] = {
        "grey": (images, "grey"),
        "threshold": (images, "threshold"),
        "fixed": (fixed, "grey"),
        "dynamic": (images, "dynamic"),
    }
    measured = {"grey": (images.test, "grey"), "threshold": (images.test, "threshold"), "tossed": (fixed.test, "grey")}
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in trained}
    for seed in range(SEEDS):
        for name, (data, pixels) in trained.items():
            config = TrainConfig(10, 128, 3e-3, "one-cycle", seed=seed, device="cpu", pixels=pixels)
            model = build_seeded(get_preset("relu-200-10").model, seed)
            fit(model, data, config, progress=False)
            row: dict[str, float] = {"seed": seed}
            for kind, (test, how) in measured.items():
                row[f"{kind} elbo"] = round(evaluate(model, test, num_samples=5, pixels=how).elbo.item(), 2)
                row[kind] = round(log_likelihood(model, test, num_samples=K, pixels=how), 2)
            row["train"] = round(log_likelihood(model, data.train[:500], num_samples=K, pixels=pixels), 2)
            rows[name].append(row)
            print(name, row, flush=True)
            write(PATH, "pixels", PROTOCOL, rows=rows)


if __name__ == "__main__":
    main()
