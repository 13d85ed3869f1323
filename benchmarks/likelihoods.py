"""Chapter 4's three likelihoods with several seeds each, written to results/likelihoods.json.

python benchmarks/likelihoods.py             # a minute on one quiet core
"""

from dataclasses import replace

from records import RESULTS, write

from vae_core import TrainConfig, fit, load_images
from vae_core.data import to_pixels
from vae_core.likelihoods import Bernoulli, Gaussian
from vae_core.presets import build_seeded, get_preset

PATH = RESULTS / "likelihoods.json"
PROTOCOL = (
    "MNIST, the first 10,000 training and 1,000 test images, grey pixels; relu-200-10, its output squashed; 10 epochs of "
    "batches of 64, Adam, 0.002. Of the test images: rate in nats, squared error of drawings from the mean"
)
LIKELIHOODS = {"Bernoulli": Bernoulli()} | {
    f"Gaussian, σₓ² = {name}": Gaussian(std=variance**0.5, squash=True)
    for name, variance in {"½": 0.5, "1": 1.0}.items()
}
SEEDS = 3


def main() -> None:
    images = load_images("mnist").first(10_000, 1_000)
    x = to_pixels(images.test)
    config = TrainConfig(epochs=10, batch_size=64, lr=2e-3, device="cpu")
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in LIKELIHOODS}
    for name, likelihood in LIKELIHOODS.items():
        for seed in range(SEEDS):
            model = build_seeded(get_preset("relu-200-10").model | {"likelihood": likelihood}, seed)
            history = fit(model, images, replace(config, seed=seed), progress=False)
            error = (model.reconstruct(x) - x).square().sum(1).mean().item()
            rows[name].append({"rate": round(history["test_rate"][-1], 2), "squared_error": round(error, 2)})
            print(name, "seed", seed, rows[name][-1], flush=True)
    write(PATH, "likelihoods", PROTOCOL, rows=rows)


if __name__ == "__main__":
    main()
