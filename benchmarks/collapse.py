"""Chapter 8's question, what keeps a code alive beside a strong decoder or a σ set too high, five seeds each: results/collapse.json.

python benchmarks/collapse.py             # what is not there yet; all of it, some fifteen minutes on one quiet core
python benchmarks/collapse.py strong      # one system, its seeds
python benchmarks/collapse.py --record /tmp/again.json    # all of it, somewhere else, to compare

The networks and what is measured are the page's own cells, run here, so that record and page cannot differ. It may be stopped at
any time: each run is written when it is done, and a later call goes on with the next one.
"""

from itertools import product
from typing import Any

from cells import defined_by, on_mnist
from records import RESULTS, begin, write

PAGE = "chapters/08_rate_distortion.ipynb"
PATH = RESULTS / "collapse.json"
CELLS = ["load", "gaussian-vae", "train-grey", "grey-figures", "causal-decoder", "causal-vae", "causal-train", "halved"]
SEEDS = 5
SYSTEMS: dict[str, dict[str, Any]] = {
    "strong": {},
    "strong, warm-up": {"warmup": 1.5},
    "strong, free bits": {"free": 0.25},
    "weaker, one row back": {"reach": 1},
    "sees no pixel": {"reach": 0},
    "strong, code at each place": {"own": True},
}
"""What differs from the first, as the page's `train` takes it."""
GREY: dict[str, dict[str, Any]] = {
    "σ = 3": {"sigma": 3.0},
    "σ = 1": {"sigma": 1.0},
    "σ = 0.1": {"sigma": 0.1},
    "learned, from 3": {"sigma": 3.0, "learned": True},
    "learned, from 1": {"sigma": 1.0, "learned": True},
    "learned, from 0.1": {"sigma": 0.1, "learned": True},
}
"""Gaussian pixels, as the page's `train_grey` takes it."""
PROTOCOL = (
    "MNIST at 14 × 14, a pixel black where the mean of four is at least a half; 20,000 training images, 3 epochs, batch 128, Adam, "
    "one-cycle to 0.003, 8 units; test: 10,000 images, nats per image, z sampled once. Warm-up: β rises from 0 to 1 over 1.5 epochs. "
    "Free bits: no unit's mean rate counts for less than 0.25. Listens: by how much the distortion is higher with the code of "
    "another image. Of grey pixels: MNIST as it is, 784–48–10, 5 epochs of 60,000, and else the same; miss: the root of a pixel's mean "
    "squared error; active: latent units whose means vary by more than 0.01"
)


def main() -> None:
    known = SYSTEMS | GREY
    options, kept = begin(__doc__, PATH, known, "system")
    page = on_mnist(defined_by(PAGE, CELLS))
    images = page["images"]
    parts = {  # of the record: what the page trains and measures with, and on which images
        "rows": (SYSTEMS, page["train"], page["figures"], page["halved"](images)),
        "grey": (GREY, page["train_grey"], page["grey_figures"], images),
    }
    unchanged = {name for name in known if kept.get("settings", {}).get(name) == known[name]}
    found = {part: {name: kept[part][name] for name in kept.get(part, ()) if name in unchanged} for part in parts}
    for part, (systems, train, figures, data) in parts.items():
        wanted = [name for name in systems if name in options.names]
        for seed, name in product(map(str, range(SEEDS)), wanted):
            runs = found[part].setdefault(name, {})
            if seed in runs:
                continue
            runs[seed] = figures(train(data, int(seed), **systems[name]), data)
            print(name, "seed", seed, runs[seed], flush=True)
            found[part] = {each: found[part][each] for each in systems if each in found[part]}
            write(options.record, "collapse", PROTOCOL, settings=known, **found)


if __name__ == "__main__":
    main()
