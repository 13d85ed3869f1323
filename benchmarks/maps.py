"""Which comparisons of chapter 1 are the kind's, and which the seed's: five networks of each kind, in results/maps.json.

python benchmarks/maps.py           # what is not there yet; all of it, some ten minutes on one quiet core
python benchmarks/maps.py vae-10    # one kind, its seeds

The measures are the page's own cells, run here, so that record and page cannot differ. Each seed has its own initial weights,
order of the images and noise. Five epochs are few: the shipped networks were trained for sixty.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from cells import ROOT, defined_by, on_mnist
from records import RESULTS, begin, write

from vae_core import ImageSet, fit
from vae_core.presets import build_seeded, get_preset

PAGE = "chapters/01_ae_vs_vae.ipynb"
PATH = RESULTS / "maps.json"
RUNS = ROOT / "runs" / "maps"  # the networks themselves, which are not committed
CELLS = "load through third-load scale strangers sample-code vote-code fit-code leap-code cloud noise-code figures-code solution-2"
KINDS: dict[str, dict[str, Any]] = {
    "ae-2": {},
    "ae-2-bernoulli": {},
    "vae-2": {},
    "vae-2-free": {"beta": 0.0},  # a cloud for each image, and no price
    "ae-10": {},
    "vae-10": {},
}
EPOCHS, SEEDS = 5, 5
PROTOCOL = (
    "MNIST, grey pixels, batch 128, Adam, one-cycle to 0.003, as the shipped networks but for the epochs, and for beta 0 of "
    "vae-2-free; each measure as the page's cells compute it, on 10,000 test images or 1,000 draws"
)


def page() -> dict[str, Any]:
    """What those cells of the page define."""
    return defined_by(PAGE, CELLS.split())


def train(kind: str, seed: int, epochs: int, images: ImageSet, runs: Path = RUNS) -> Any:
    """One network; a run that is there already is gone on with."""
    preset, folder = get_preset(kind.removesuffix("-free")), runs / f"{kind}-{seed}"
    model = build_seeded(preset.model, seed)
    config = replace(preset.config, epochs=epochs, seed=seed, device="cpu", **KINDS[kind])
    fit(model, images, config, out=folder, resume=folder.exists(), progress=False)
    return model


@torch.no_grad()
def measure(names: dict[str, Any], model: Any) -> dict[str, float]:
    """The page's figures of one network, to four digits; of one with ten numbers also those of its second exercise."""
    found = names["figures"](model)
    if model.latent_dim > 2:
        found |= {"ten bell curves, readable, %": 100 * names["readable"](names["mixed"](model))}
    return {name: round(float(value), 4) for name, value in found.items()}


def main() -> None:
    options, record = begin(__doc__, PATH, KINDS, "kind")
    names = on_mnist(page())
    images = names["images"].first(60_000, 1000)  # an epoch ends with a look at test images
    rows = record.get("rows", {})
    for seed in map(str, range(SEEDS)):
        for kind in options.names:
            if seed in rows.setdefault(kind, {}):
                continue
            rows[kind][seed] = measure(names, train(kind, int(seed), EPOCHS, images))
            print(kind, "seed", seed, rows[kind][seed], flush=True)
            in_order = {name: rows[name] for name in KINDS if name in rows}
            write(options.record, "maps", PROTOCOL, epochs=EPOCHS, rows=in_order)


if __name__ == "__main__":
    main()
