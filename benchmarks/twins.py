"""How much of what chapter 6 shows of its twins is the seed's: five pairs of them, in results/twins.json.

python benchmarks/twins.py                      # on MNIST: what is not there yet; a minute for each pair, on one quiet core
python benchmarks/twins.py --record again.json  # all of it anew, to compare

Training and measures are the page's own cells, run here, so that record and page are made alike. Each seed has its own
initial weights, order of the images, noise and pairs of images. Four epochs, as on the page, are few.
"""

from typing import Any

import torch
from cells import defined_by, on_mnist
from records import RESULTS, begin, write

PAGE = "chapters/06_interpolation.ipynb"
PATH = RESULTS / "twins.json"
SEEDS, EPOCHS = 5, 4
CELLS = ("load", "train-code", "paths-code", "walk-code", "measure-code", "judge-code", "middle-code", "halfway-code")
PROTOCOL = (
    "MNIST, grey pixels; twins of 784–256–128–10, batch 128, Adam at 0.001; the drawing halfway between each of 1,000 pairs of "
    "test images of different digits, by seed; measures: share readable, mean distance to the nearest of 10,000 real digits, "
    "share of half-inked pixels"
)


def page() -> dict[str, Any]:
    """What those cells of the page define."""
    return defined_by(PAGE, CELLS)


def measure(names: dict[str, Any], seed: int, epochs: int) -> dict[str, Any]:
    """One pair of twins: for each and each route the three measures, to four digits."""
    twins = names["train_pair"](seed, epochs)
    with torch.no_grad():
        table = names["halfway"](twins, names["draw_pairs"](seed))
    return {
        name: {path: [round(v, 4) for v in values] for path, values in rows.items()} for name, rows in table.items()
    }


def main() -> None:
    options, record = begin(__doc__, PATH)
    names = on_mnist(page())
    rows = record.get("rows", [])
    for seed in range(len(rows), SEEDS):
        rows.append(measure(names, seed, EPOCHS))
        print("seed", seed, rows[-1], flush=True)
        write(options.record, "twins", PROTOCOL, epochs=EPOCHS, seeds=list(range(len(rows))), rows=rows)


if __name__ == "__main__":
    main()
