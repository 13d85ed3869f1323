"""Chapter 5's questions to networks trained anew: several seeds each, written to results/dimension.json.

python benchmarks/dimension.py               # what is not there yet; all of it, some 10 minutes on one quiet core
python benchmarks/dimension.py vae-20        # one system, its seeds
python benchmarks/dimension.py --record /tmp/again.json    # all of it, somewhere else, to compare

It may be stopped at any time: each run is written when it is done, and a later call goes on with the next one.
"""

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from records import RESULTS, begin, write

from vae_core import ImageSet, fit, load_images
from vae_core.metrics import active_units, evaluate, posteriors, rate_per_unit
from vae_core.presets import build_seeded, get_preset

PATH = RESULTS / "dimension.json"
LEAST = 0.1  # nats, of a unit that is in use: after few epochs some that vary still carry a hundredth
PROTOCOL = (
    "MNIST, grey pixels, batch 128, Adam, one-cycle to 0.003, as the shipped models were trained, but for what a row says. "
    "Nats per image, z sampled once; test: 10,000 images; train: the first 10,000 of those trained on. active: units "
    f"whose mean varies by more than 0.01 (Burda et al. 2016); used: units that carry {LEAST} nats or more"
)


@dataclass(frozen=True)
class System:
    """A preset, and what is changed in it."""

    preset: str
    seeds: int = 5
    hidden_dims: tuple[int, ...] = (256, 128)
    warmup_epochs: float = 0
    images: int = 60_000
    epochs: int = 5

    def train(self, seed: int, images: ImageSet) -> dict[str, float]:
        """Train it once: what it costs on test and training images, and the units that it has in use."""
        preset = get_preset(self.preset)
        model = build_seeded(preset.model | {"hidden_dims": list(self.hidden_dims)}, seed)
        changed = {"epochs": self.epochs, "warmup_epochs": self.warmup_epochs, "seed": seed, "device": "cpu"}
        # an epoch ends with a look at test images, a thousand of them: some of these epochs are short
        seen = images.first(self.images, 1000)
        fit(model, seen, replace(preset.config, **changed), progress=False)
        test, train = evaluate(model, images.test), evaluate(model, seen.train[:10_000])
        with torch.no_grad():
            mean, log_var = posteriors(model, images.test)
            units = {"active": active_units(mean), "used": rate_per_unit(mean, log_var) >= LEAST}
        found = {"cost": -test.elbo, "rate": test.rate, "distortion": test.distortion}
        found |= {"train_cost": -train.elbo, "train_rate": train.rate}
        found = {name: round(float(value), 3) for name, value in found.items()}
        return found | {name: int(which.sum()) for name, which in units.items()}

    def row(self, known: dict[str, Any]) -> dict[str, Any]:
        """Its row of the record, with the runs that are known of just this system: those of other settings go."""
        settings = json.loads(json.dumps(asdict(self)))
        same = all(known.get(name) == value for name, value in settings.items() if name != "seeds")
        return settings | {"runs": known["runs"] if same else {}}


SYSTEMS = {
    "vae-2": System("vae-2", 3),
    "vae-2, larger network": System("vae-2", 3, hidden_dims=(512, 512, 512)),
    "vae-10": System("vae-10", 3),
    "vae-20": System("vae-20"),
    "vae-50": System("vae-50", 3),
    "vae-20, warm-up": System("vae-20", warmup_epochs=2.5),
    "vae-2, 1,000 images": System("vae-2", 2, images=1000, epochs=200),
    "vae-50, 1,000 images": System("vae-50", 2, images=1000, epochs=200),
}


def main() -> None:
    options, record = begin(__doc__, PATH, SYSTEMS, "system")
    rows = record.get("rows", {})
    images = load_images("mnist")
    for name in options.names:
        system = SYSTEMS[name]
        row = rows[name] = system.row(rows.get(name, {}))
        for seed in map(str, range(system.seeds)):
            if seed in row["runs"]:
                continue
            row["runs"][seed] = system.train(int(seed), images)
            print(name, "seed", seed, row["runs"][seed], flush=True)
            write(options.record, "dimension", PROTOCOL, rows=rows)


if __name__ == "__main__":
    main()
