"""The family of chapter 8, one network for each weight β of the rate, begun cold and warm: written to results/family.json.

python benchmarks/family.py            # what is not there yet; all of it, some 25 minutes on one quiet core
python benchmarks/family.py up         # of one kind of start alone
python benchmarks/family.py --record /tmp/again.json    # all of it, somewhere else, to compare

Cold: every β begins with fresh weights; those of seed 0 are not trained here, they are what `make weights` ships as "beta-B".
Up: every β begins with the network that the smaller one before it has ended with; the first is the cold one. Down: the same from
the largest β.

It may be stopped at any time: each network is kept when it is trained, each row is written, and a later call goes on with the next one.
"""

import argparse
import json
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from bench import machine

from vae_core import ImageSet, fit, load_images
from vae_core.metrics import active_units, evaluate, posteriors, rate_per_unit
from vae_core.models import VAE, load_model, load_pretrained, save_model
from vae_core.presets import BETAS, get_preset

ROOT = Path(__file__).parent.parent
PATH = ROOT / "benchmarks" / "results" / "family.json"
RUNS = ROOT / "runs" / "family"  # the networks themselves, which are not committed
STARTS = {"cold": BETAS, "up": BETAS, "down": BETAS[::-1]}
WARM_EPOCHS = 10
SEEDS = {"cold": 3, "up": 1, "down": 1}
PROTOCOL = (
    "MNIST, grey pixels, Bernoulli, batch 128, Adam, one-cycle to 0.003 over 30 epochs, of a warm start over 10: it takes "
    "over the weights alone, Adam and the schedule begin anew. Test: 10,000 images, nats per image, z sampled once; rate of each unit "
    "in the network's own order; active: means that vary by more than 0.01"
)


def settings() -> dict[str, Any]:
    """What all of the family have in common: of a record or a network with other ones nothing is used."""
    preset = get_preset("beta-1")
    config = {**asdict(preset.config), "device": "cpu"}
    common = {name: value for name, value in config.items() if name not in ("beta", "seed")}
    return json.loads(json.dumps({"model": preset.model, **common, "warm_epochs": WARM_EPOCHS}))


def network(start: str, seed: int, beta: float, images: ImageSet) -> VAE:
    """The trained network: one that ships or is kept, or it is trained now, after those that it begins with."""
    place = STARTS[start].index(beta)
    if start != "cold" and place == 0:
        return network("cold", seed, beta, images)
    if start == "cold" and seed == 0:
        return load_pretrained(f"beta-{beta}")
    path = RUNS / f"{start}-{seed}" / f"beta-{beta}.safetensors"
    if path.exists():
        kept = load_model(path)
        if kept.record["trained"] == settings():
            return kept
    preset = get_preset(f"beta-{beta}")
    config = replace(preset.config, seed=seed, device="cpu")
    if start == "cold":
        model = preset.build(seed)
    else:
        model, config = network(start, seed, STARTS[start][place - 1], images), replace(config, epochs=WARM_EPOCHS)
    fit(
        model, images.first(len(images.train), 1000), config, progress=False
    )  # an epoch ends with a look at test images
    path.parent.mkdir(parents=True, exist_ok=True)
    save_model(path, model, {"trained": settings()})
    return model


@torch.no_grad()
def measure(model: VAE, images: ImageSet) -> dict[str, Any]:
    """Its place on the plane of rate and distortion, and what each unit carries, on the test images."""
    test = evaluate(model, images.test)
    mean, log_var = posteriors(model, images.test)
    units = rate_per_unit(mean, log_var)
    found = {"rate": round(float(test.rate), 3), "distortion": round(float(test.distortion), 3)}
    return found | {"active": int(active_units(mean).sum()), "units": [round(float(unit), 4) for unit in units]}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("starts", nargs="*", metavar="start", help=f"of {', '.join(STARTS)} (all of them)")
    parser.add_argument("--record", type=Path, default=PATH, help="the file to go on with (default: the book's)")
    options = parser.parse_args()
    if unknown := [start for start in options.starts if start not in STARTS]:
        parser.error(f"no start is named {unknown[0]!r}; choose of: {', '.join(STARTS)}")
    torch.set_num_threads(1)  # sums are added in the same order on every machine
    images = load_images("mnist")
    record: dict[str, Any] = {}
    if options.record.exists():
        record = json.loads(options.record.read_text(encoding="utf-8"))
    rows = record["rows"] if record.get("settings") == settings() else {}
    for seed in range(max(SEEDS.values())):
        for start in options.starts or STARTS:
            if seed >= SEEDS[start]:
                continue
            row = rows.setdefault(start, {}).setdefault(str(seed), {})
            for beta in STARTS[start]:
                if str(beta) in row:
                    continue
                row[str(beta)] = measure(network(start, seed, beta, images), images)
                print(start, "seed", seed, "beta", beta, row[str(beta)], flush=True)
                record = {
                    "command": "python benchmarks/family.py",
                    "protocol": PROTOCOL,
                    "settings": settings(),
                    "rows": rows,
                    "machine": machine(torch.device("cpu")),
                    "date": datetime.now(UTC).date().isoformat(),
                }
                options.record.parent.mkdir(parents=True, exist_ok=True)
                options.record.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
