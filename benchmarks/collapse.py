"""Chapter 8's question, what keeps a strong decoder listening to the code, with five seeds each: results/collapse.json.

python benchmarks/collapse.py             # what is not there yet; all of it, some five minutes on one quiet core
python benchmarks/collapse.py strong      # one system, its seeds
python benchmarks/collapse.py --record /tmp/again.json    # all of it, somewhere else, to compare

The networks and what is measured are the page's own cells, run here, so that record and page cannot differ. It may be stopped at
any time: each run is written when it is done, and a later call goes on with the next one.
"""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from bench import machine
from cells import ROOT, defined_by

PAGE = "chapters/08_rate_distortion.ipynb"
PATH = ROOT / "benchmarks" / "results" / "collapse.json"
CELLS = ["load", "causal-decoder", "causal-vae", "halved"]
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
PROTOCOL = (
    "MNIST at 14 × 14, a pixel black where the mean of four is at least a half; 20,000 training images, 3 epochs, batch 128, Adam, "
    "one-cycle to 0.003, 8 units; test: 10,000 images, nats per image, z sampled once. Warm-up: β rises from 0 to 1 over 1.5 epochs. "
    "Free bits: no unit's mean rate counts for less than 0.25. Listens: by how much the distortion is higher with the code of "
    "another image"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("names", nargs="*", metavar="system", help=f"of {'; '.join(SYSTEMS)} (all of them)")
    parser.add_argument("--record", type=Path, default=PATH, help="the file to go on with (default: the book's)")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in SYSTEMS]:
        parser.error(f"no system is named {unknown[0]!r}; choose of: {'; '.join(SYSTEMS)}")
    torch.set_num_threads(1)  # sums are added in the same order on every machine
    page = defined_by(PAGE, CELLS)
    if page["images"].name != "mnist":
        parser.error("MNIST is not at hand: put its folder's path into VAE_DATA")
    images = page["halved"](page["images"])
    rows: dict[str, Any] = {}
    if options.record.exists():
        rows = json.loads(options.record.read_text(encoding="utf-8"))["rows"]
    for seed in map(str, range(SEEDS)):
        for name in options.names or SYSTEMS:
            if seed in rows.setdefault(name, {}):
                continue
            rows[name][seed] = page["figures"](page["train"](images, int(seed), **SYSTEMS[name]), images)
            print(name, "seed", seed, rows[name][seed], flush=True)
            record = {
                "command": "python benchmarks/collapse.py",
                "protocol": PROTOCOL,
                "settings": SYSTEMS,
                "rows": {each: rows[each] for each in SYSTEMS if each in rows},
                "date": datetime.now(UTC).date().isoformat(),
                "machine": machine(torch.device("cpu")),
            }
            options.record.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
