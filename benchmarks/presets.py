"""What each published system reaches here: trains every preset and writes results/presets.json.

python benchmarks/presets.py                 # all of them, some seven minutes on two CPU cores
python benchmarks/presets.py relu-200-10     # one; the others' rows stay
"""

import argparse
import json
import math
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import machine

from vae_core import fit, load_images
from vae_core.likelihoods import Gaussian
from vae_core.machine import pick_device
from vae_core.presets import PRESETS, SHIPPED, get_preset

PATH = Path(__file__).parent / "results" / "presets.json"


def measure(name: str, device: str) -> dict[str, Any]:
    """Train one preset on MNIST: its losses as its author counts them, in nats per image, and its seconds."""
    preset = get_preset(name)
    images = preset.prepare(load_images("mnist"))
    model = preset.build(preset.config.seed)
    history = fit(model, images, replace(preset.config, device=device))
    # A sum of squared errors leaves out the Gaussian's constant, which our distortion has.
    constant = 0.5 * model.input_dim * math.log(math.pi) if isinstance(model.likelihood, Gaussian) else 0.0
    train, test = ([-value - constant for value in history[f"{part}_elbo"]] for part in ("train", "test"))
    return {
        "epochs": len(history),
        "train_images": len(images.train),
        "train_loss": round(train[-1], 2),
        "test_loss": round(test[-1], 2),
        "train_loss_after": {str(n): round(train[n - 1], 2) for n in (1, 10, 20) if n <= len(train)},
        "seconds": round(sum(history["seconds"]), 1),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(pick_device(device)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("names", nargs="*", help="presets (all the published ones)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    options = parser.parse_args()
    rows = json.loads(PATH.read_text(encoding="utf-8"))["rows"] if PATH.exists() else {}
    for name in options.names or [name for name in PRESETS if name not in (*SHIPPED, "photos")]:
        rows[name] = measure(name, options.device)
        print(name, rows[name]["train_loss_after"], "test", rows[name]["test_loss"], flush=True)
        protocol = (
            "MNIST, grey pixels, z sampled, seed 0; losses in nats per image: train, averaged over the last epoch"
        )
        PATH.write_text(json.dumps({"protocol": protocol, "rows": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
