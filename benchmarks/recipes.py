"""What a small VAE's hour is best spent on: nine recipes for six minutes of a core each, the best two for four times as long: results/recipes.json, and recipes.md for the page.

python benchmarks/recipes.py             # what is not there yet; all of it, some two hours of a quiet core

They are judged on training images that were held out, so that the test set has no say.
"""

import time
from dataclasses import replace
from typing import Any

from records import RESULTS, begin, write
from scoreboard import AT_ONCE, IWAE, ROWS, drawn_once

from vae_core import fit, load_images
from vae_core.files import write_atomically
from vae_core.metrics import log_likelihood

PATH = RESULTS / "recipes.json"
HELD_OUT = 2_000
K = 500
PROTOCOL = (
    f"MNIST, bits drawn anew; trained on the first 58,000 training images in batches of 100, one-cycle schedule, highest rate 2e-3, seed 0, as "
    f"many epochs as take about six minutes (longer: four times as many) of a quiet core; one thread beside another. nll: nats, the bound of {K} importance "
    f"samples on the last {HELD_OUT:,} training images, their bits drawn once. minutes: of one core, spent in training"
)
BURDA = ROWS["VAE k=1"]
RELU = {"activation": "relu"}
WIDE = RELU | {"hidden_dims": [500, 500]}
CONV = {"model": "ConvVAE", "channels": 1, "size": 28, "widths": [16, 32], "hidden_dim": 256, "latent_dim": 50}
FIVE = IWAE | {"num_samples": 5}
BF16 = {"precision": "bf16"}
RECIPES: dict[
    str, tuple[dict[str, Any], int, dict[str, Any]]
] = {  # the model, epochs, and what else differs from Burda's VAE
    "Burda's network": (BURDA.model, 124, {}),
    "Burda's network, IWAE k=5": (BURDA.model, 48, FIVE),
    "relu, IWAE k=5": (BURDA.model | RELU, 48, FIVE),
    "convolutions": (CONV, 26, {}),
    "500 units": (BURDA.model | WIDE, 52, {}),
    "500 units, bf16": (BURDA.model | WIDE, 70, BF16),
    "500 units, IWAE k=5, bf16": (BURDA.model | WIDE, 33, FIVE | BF16),
    "convolutions, IWAE k=5": (CONV, 9, FIVE),
    "Burda's network, IWAE k=2": (BURDA.model, 84, IWAE | {"num_samples": 2}),
}


def measure(model: dict[str, Any], epochs: int, settings: dict[str, Any]) -> dict[str, float]:
    """What a recipe comes to on the images held out, and what it took."""
    config = replace(BURDA.config, epochs=epochs, device="cpu", **settings)
    row = replace(BURDA, published=None, model=model, config=config, output_bias="widths" not in model)
    images = load_images("mnist")
    held_out = {"test": drawn_once(images.train[-HELD_OUT:], 0), "test_labels": images.train_labels[-HELD_OUT:]}
    kept = replace(images, **held_out).first(len(images.train) - HELD_OUT)
    network, begun = row.build(kept), time.process_time()
    fit(network, kept.first(len(kept.train), 100), config)
    spent = (time.process_time() - begun) / 60
    nll = -log_likelihood(network, kept.test, num_samples=K, pixels="dynamic", seed=0, batch_size=AT_ONCE // K)
    return {"epochs": epochs, "nll": round(nll, 3), "minutes": round(spent, 1)}


def as_markdown(rows: dict[str, dict[str, float]]) -> str:
    """The page's table, the best first."""
    lines = ["| recipe | epochs | minutes of a core | nats |", "|---|---|---|---|"]
    for name, row in sorted(rows.items(), key=lambda item: item[1]["nll"]):
        lines.append(f"| {name} | {row['epochs']} | {row['minutes']:.0f} | {row['nll']:.2f} |")
    return "\n".join(lines)


def main() -> None:
    options, record = begin(__doc__, PATH)
    rows = dict(record.get("rows", {}))

    def do(name: str, recipe: str, times: int) -> None:
        if name not in rows:
            model, epochs, settings = RECIPES[recipe]
            rows[name] = measure(model, times * epochs, settings)
            print(name, rows[name], flush=True)
            write(options.record, "recipes", PROTOCOL, rows=rows)
            write_atomically(options.record.with_suffix(".md"), (as_markdown(rows) + "\n").encode())

    for name in RECIPES:
        do(name, name, 1)
    for name in sorted(RECIPES, key=lambda name: rows[name]["nll"])[:2]:
        do(f"{name}, longer", name, 4)


if __name__ == "__main__":
    main()
