"""Chapter 12's conditional VAE beside the same VAE that is not told the class, with three seeds each: results/conditional.json.

python benchmarks/conditional.py             # what is not there yet; all of it, some two minutes on one quiet core
python benchmarks/conditional.py --record /tmp/again.json    # all of it, somewhere else, to compare

It may be stopped, and a later call goes on. What reads the class from codes is the page's own cell, run here.
"""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from bench import machine
from cells import ROOT, defined_by

from vae_core import TrainConfig, fit
from vae_core.metrics import evaluate
from vae_core.presets import build_seeded

PAGE = "chapters/12_at_work.ipynb"
PATH = ROOT / "benchmarks" / "results" / "conditional.json"
COUNT, EPOCHS, SEEDS = 20_000, 15, 3
PROTOCOL = (
    f"One hidden layer of 200 units on either side, {COUNT:,} grey training images, {EPOCHS} epochs, one-cycle to 3e-3, batch 128. rate, "
    "distortion and elbo: of the 10,000 test images, two draws each. line and near: percent of 5,000 test images whose class logistic "
    "regression, and ten neighbours, read from the posterior means, learnt on those of 5,000 training images"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("--record", type=Path, default=PATH, help="the file to go on with (default: the book's)")
    options = parser.parse_args()
    torch.set_num_threads(1)  # sums are added in the same order on every machine
    page = defined_by(PAGE, ["load", "probe"])
    if page["images"].name != "mnist":
        parser.error("MNIST is not at hand: put its folder's path into VAE_DATA")
    sets = {"not told": page["images"].first(COUNT), "told the class": page["told"].first(COUNT)}
    rows: dict[str, Any] = {}
    if options.record.exists():
        rows = json.loads(options.record.read_text(encoding="utf-8"))["rows"]
    for seed in range(SEEDS):
        for units in (2, 10):
            for kind, images in sets.items():
                runs = rows.setdefault(f"{units} units, {kind}", {})
                if str(seed) in runs:
                    continue
                name = "VAE" if kind == "not told" else "ConditionalVAE"
                config = {"model": name, "input_dim": images.input_dim, "hidden_dims": [200], "latent_dim": units}
                model = build_seeded(config, seed)
                fit(model, images, TrainConfig(epochs=EPOCHS, lr=3e-3, schedule="one-cycle", seed=seed, device="cpu"))
                terms = evaluate(model, images.test, num_samples=2)
                line, near = page["read_class"](model, images)
                found = {"rate": terms.rate, "distortion": terms.distortion, "elbo": terms.elbo}
                found |= {"line": 100 * line, "near": 100 * near}
                runs[str(seed)] = {key: round(float(value), 2) for key, value in found.items()}
                print(units, kind, seed, runs[str(seed)], flush=True)
                record = {
                    "command": "python benchmarks/conditional.py",
                    "protocol": PROTOCOL,
                    "rows": dict(sorted(rows.items(), key=lambda row: (int(row[0].split()[0]), row[0]))),
                    "date": datetime.now(UTC).date().isoformat(),
                    "machine": machine(torch.device("cpu")),
                }
                options.record.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
