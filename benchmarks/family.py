"""The family of chapter 8, one network for each weight β of the rate, begun cold and warm: written to results/family.json.

python benchmarks/family.py            # what is not there yet; all of it, some 3,000 epochs, about an hour on one quiet core
python benchmarks/family.py up down    # of these starts alone
python benchmarks/family.py --record /tmp/again.json    # all of it, somewhere else, to compare

Cold: every β begins with fresh weights; those of seed 0 are not trained here, they are what `make weights` ships as "beta-B".
Warm: every β begins with the network that the one before it has ended with; the first is a cold one. So the path goes up, or
down, or leaps from β = 100 to 1. To see which part a unit's return depends on, some last steps take over one part alone, and the
other one is fresh.

It may be stopped at any time: each network is kept when it is trained, each row is written, and a later call goes on with the next one.
"""

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from cells import ROOT
from records import RESULTS, begin, write
from torch import Tensor

from vae_core import ImageSet, fit, load_images
from vae_core.metrics import active_units, evaluate, posteriors, rate_per_unit
from vae_core.presets import BETAS, build_seeded, get_preset
from vae_core.saving import load_model, load_pretrained, save_model

PATH = RESULTS / "family.json"
RUNS = ROOT / "runs" / "family"  # the networks themselves, which are not committed
PROTOCOL = (
    "MNIST, grey pixels, Bernoulli, batch 128, Adam, one-cycle to 0.003 over 30 epochs, of a warm start over 10 (up-longer: 30): it takes "
    "over the weights alone, Adam and the schedule begin anew. Test: 10,000 images, nats per image, z sampled once; rate of each unit "
    "in the network's own order; active: latent units whose means vary by more than 0.01; hidden: of the encoder's 48 hidden units "
    "those whose output is not the same for all images"
)
WARM_EPOCHS = 10
HIDDEN, HEADS, DECODER = PARTS = ("encoder.layers.0.", "encoder.layers.2.", "decoder.")


@dataclass(frozen=True)
class Start:
    """A path along β, which parts each network takes over from the one before it, and of which path the first one is.

    `revived`: the hidden units of the encoder that are dead, and they alone, begin with fresh weights from the pixels.
    """

    betas: tuple[float, ...]
    taken: tuple[str, ...] = PARTS
    after: str | None = "cold"  # none: fresh weights
    activation: str = "relu"
    revived: bool = False
    warm_epochs: int = WARM_EPOCHS
    seeds: int = 3


STARTS = {
    "cold": Start(BETAS, taken=(), after=None),
    "up": Start(BETAS),
    "up-longer": Start((3.2, 5.6), after="up", warm_epochs=30),
    "down": Start(BETAS[::-1]),
    "down-fresh-encoder": Start((1.8, 1), taken=(DECODER,), after="down"),
    "down-fresh-decoder": Start((1.8, 1), taken=(HIDDEN, HEADS), after="down"),
    "down-fresh-heads": Start((1.8, 1), taken=(HIDDEN, DECODER), after="down"),
    "down-revived": Start((1.8, 1), after="down", revived=True),
    "down-softplus": Start(BETAS[::-1], after=None, activation="softplus"),
    "leap": Start((100, 1)),
    "leap-fresh-encoder": Start((100, 1), taken=(DECODER,)),
    "leap-fresh-decoder": Start((100, 1), taken=(HIDDEN, HEADS)),
    "leap-fresh-heads": Start((100, 1), taken=(HIDDEN, DECODER)),
    "leap-revived": Start((100, 1), revived=True),
    "leap-fresh-both": Start((100, 1), taken=()),
}


def settings() -> dict[str, Any]:
    """What all of the family have in common: of a record or a network with other ones nothing is used."""
    preset = get_preset("beta-1")
    config = {**asdict(preset.config), "device": "cpu"}
    unset = ("beta", "seed", "objective", "num_samples", "free_bits")  # of the last three the presets choose none
    common = {name: value for name, value in config.items() if name not in unset}
    return json.loads(json.dumps({"model": preset.model, **common, "warm_epochs": WARM_EPOCHS}))


def network(name: str, seed: int, beta: float, images: ImageSet) -> Any:
    """The trained network: one that ships or is kept, or it is trained now, after those that it begins with."""
    start = STARTS[name]
    place = start.betas.index(beta)
    if start.after and place == 0:
        return network(start.after, seed, beta, images)
    if name == "cold" and seed == 0:
        return load_pretrained(f"beta-{beta}")
    path = RUNS / f"{name}-{seed}" / f"beta-{beta}.safetensors"
    if path.exists():
        kept = load_model(path)
        if kept.record["trained"] == settings():
            return kept
    preset = get_preset(f"beta-{beta}")
    config = replace(preset.config, seed=seed, device="cpu")
    model = build_seeded(preset.model | {"activation": start.activation}, seed)
    if name != "cold" and place > 0:
        config, before = replace(config, epochs=start.warm_epochs), network(name, seed, start.betas[place - 1], images)
        taken = {each: value for each, value in before.state_dict().items() if each.startswith(start.taken)}
        if start.revived:
            alive = ~dead(before, images.train)
            for each in ("encoder.layers.0.weight", "encoder.layers.0.bias"):
                value = model.state_dict()[each].clone()
                value[alive] = taken[each][alive]
                taken[each] = value
        model.load_state_dict(taken, strict=False)
    # an epoch ends with a look at test images, a thousand of them
    fit(model, images.first(len(images.train), 1000), config, progress=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_model(path, model, {"trained": settings()})
    return model


@torch.no_grad()
def dead(model: Any, images: Tensor) -> Tensor:
    """Which of the encoder's hidden units put out the same for all images: (H,) of bool."""
    hidden = model.encoder.layers[:2](images.flatten(1) / 255)  # the first layer and its activation
    return (hidden == hidden[0]).all(0)


@torch.no_grad()
def measure(model: Any, images: ImageSet) -> dict[str, Any]:
    """Its place on the plane of rate and distortion, and what each unit carries, on the test images."""
    test = evaluate(model, images.test)
    mean, log_var = posteriors(model, images.test)
    units = rate_per_unit(mean, log_var)
    found = {"rate": round(float(test.rate), 3), "distortion": round(float(test.distortion), 3)}
    found |= {"active": int(active_units(mean).sum()), "hidden": int((~dead(model, images.test)).sum())}
    return found | {"units": [max(0.0, round(float(unit), 4)) for unit in units]}  # no −0 of rounding


def main() -> None:
    options, record = begin(__doc__, PATH, STARTS, "start")
    images = load_images("mnist")
    rows = record["rows"] if record.get("settings") == settings() else {}
    for seed in range(max(start.seeds for start in STARTS.values())):
        for name in options.names:
            if seed >= STARTS[name].seeds:
                continue
            row = rows.setdefault(name, {}).setdefault(str(seed), {})
            for beta in STARTS[name].betas:
                if str(beta) in row:
                    continue
                row[str(beta)] = measure(network(name, seed, beta, images), images)
                print(name, "seed", seed, "beta", beta, row[str(beta)], flush=True)
                write(options.record, "family", PROTOCOL, settings=settings(), rows=rows)


if __name__ == "__main__":
    main()
