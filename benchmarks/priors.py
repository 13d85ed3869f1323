"""Chapter 8's second question, bad inventions mended by a model of the codes, with five seeds each: results/priors.json.

python benchmarks/priors.py             # what is not there yet; all of it, some two minutes on one quiet core
python benchmarks/priors.py --record /tmp/again.json    # all of it, somewhere else, to compare

What is fitted, drawn and judged are the page's own cells, run here. A seed decides the draws of the codes, the mixture, the second VAE and
the draws; the models are the shipped ones. It may be stopped, and a later call goes on.
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
PATH = ROOT / "benchmarks" / "results" / "priors.json"
CELLS = ["load", "gaussian-vae", "split", "second", "judge"]
BETAS, SEEDS = (0.01, 0.1, 1), 5
PROTOCOL = (
    "The shipped models beta-0.01, beta-0.1 and beta-1. Codes: one draw from the posterior of each of the first 10,000 training images. "
    "Share in percent of 300 pictures of each way that are readable: of their ten nearest of 10,000 training images at least nine "
    "show the same digit"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("--record", type=Path, default=PATH, help="the file to go on with (default: the book's)")
    options = parser.parse_args()
    torch.set_num_threads(1)  # sums are added in the same order on every machine
    page = defined_by(PAGE, CELLS)
    if page["images"].name != "mnist":
        parser.error("MNIST is not at hand: put its folder's path into VAE_DATA")
    rows: dict[str, Any] = {}
    if options.record.exists():
        rows = json.loads(options.record.read_text(encoding="utf-8"))["rows"]
    for seed in map(str, range(SEEDS)):
        for beta in BETAS:
            if seed in rows.setdefault(str(beta), {}):
                continue
            drawn = page["inventions"](page["load_pretrained"](f"beta-{beta}"), int(seed))
            row = {way: round(100 * page["readable"](pictures), 2) for way, pictures in drawn.items()}
            rows[str(beta)][seed] = row
            print("beta", beta, "seed", seed, row, flush=True)
            record = {
                "command": "python benchmarks/priors.py",
                "protocol": PROTOCOL,
                "rows": rows,
                "date": datetime.now(UTC).date().isoformat(),
                "machine": machine(torch.device("cpu")),
            }
            options.record.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
