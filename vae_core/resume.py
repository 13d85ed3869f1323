"""Leaving a run and going back to it, to the bit: all that a checkpoint holds, and the seeds that repeat what it need not.

A `run` is what `training.Run` says: it knows its model, data, settings, optimizer, generator, and how far it has come.
"""

import hashlib
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor

from vae_core import checkpoint
from vae_core.saving import check_fit, check_made_of, excerpt, made_of, naming, take_weights

REASONS = {
    "config.epochs": "a one-cycle schedule is laid out for one number of epochs; keep it, or start anew in another folder",
    "data": "these are not the images that it was trained on; find those (--data, --root), or start anew in another folder",
}
"""Why a run may not go on under another setting, where there is more to say than that it would be another run."""


def derive_seed(*parts: int | str) -> int:
    """A seed of its own for each purpose, 63 bits from a hash of the parts."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "big") >> 1


def save_run(run: Any, path: Path) -> None:
    """Write everything the run needs to go on."""
    moment = {"epoch": run.epoch, "position": run.position, "totals": run.totals, "began": run.began}
    moment |= {"device": run.device.type, "history": run.history.rows}
    path.parent.mkdir(parents=True, exist_ok=True)
    model = {**run.model.config, **made_of(run.model), "outputs": excerpt(run.model)}
    checkpoint.save(path, tensors_of(run), {**settings(run), **moment, "model": model})


def tensors_of(run: Any) -> dict[str, Tensor]:
    """All that a checkpoint of the run holds but its record."""
    tensors = {f"model.{name}": value for name, value in run.model.state_dict().items()}
    tensors |= {f"optimizer.{name}": value for name, value in run.optimizer.state_dict().items()}
    return tensors | {"generator": run.generator.get_state()}


def check_size(run: Any) -> None:
    """Refuse before the first step a run whose checkpoints would be too large to write.

    Raises:
        ValueError: its tensors alone have more bytes than a checkpoint may.
    """
    size = sum(value.nbytes for value in tensors_of(run).values())
    if size > checkpoint.MAX_BYTES:
        weights = sum(weight.numel() for weight in run.model.parameters())
        why = f"each checkpoint would have {size:,} bytes, for Adam remembers two numbers of a weight"
        remedy = f"{checkpoint.MAX_BYTES:,} is the most: make the model smaller, or train it without out="
        raise ValueError(f"the model has {weights:,} weights, and {why}; {remedy}")


def load_run(run: Any) -> None:
    """Go back to the moment of the last checkpoint, if there is one.

    A run may go on on another device, where its noise cannot be the same, and with another learning rate; it says so. With
    a constant learning rate it may be given more epochs.

    Raises:
        ValueError: it was written under other settings, model or data; the message names which.
    """
    path = run.path
    if path is None:
        raise ValueError("resume needs out=, the folder that holds the run")
    if not path.exists():
        print(f"{path} is not there yet: starting from the first step", file=sys.stderr)
        return
    tensors, record = checkpoint.load(path)
    compare(run, record)
    parts: dict[str, dict[str, Tensor]] = {"model": {}, "optimizer": {}, "generator": {}}
    for name, value in tensors.items():
        part, _, rest = name.partition(".")
        parts[part][rest] = value
    remedy = "resume the model that the run was started with, and freeze what was frozen then"
    check_made_of(run.model, record["model"], path, remedy)
    owners = {"model": run.model, "optimizer": run.optimizer}
    for part, owner in owners.items():
        check_fit(owner.state_dict(), parts[part], path, remedy)
    with naming(path, remedy):
        take_weights(run.model, parts["model"], record["model"].get("outputs"))
    run.optimizer.load_state_dict(parts["optimizer"])
    run.epoch, run.position, run.totals = record["epoch"], record["position"], record["totals"]
    run.history.rows, run.began, run.saved = record["history"], record["began"], True
    lr = record["config"]["lr"]
    if lr != run.config.lr and run.rank == 0:
        print(f"{path.parent} goes on with lr = {run.config.lr:g}; its steps so far had {lr:g}", file=sys.stderr)
    if record["device"] == run.device.type:
        run.generator.set_state(parts["generator"][""])
    else:
        run.generator.manual_seed(derive_seed(run.config.seed, "noise", run.epoch, run.position))
        devices = f"{path} was written on {record['device']}, and this is {run.device.type}"
        print(f"{devices}: its noise goes on from the seed, so this is no longer the same run", file=sys.stderr)


def compare(run: Any, record: dict[str, Any]) -> None:
    """Refuse to go on under settings that would make it another run."""
    usual = asdict(type(run.config)())  # what was meant before there was such a setting
    then, free = flatten({**record, "config": usual | record["config"]}), {"config.device", "config.lr"}
    if run.config.schedule == "constant":
        free.add("config.epochs")
    for name, now in flatten(settings(run)).items():
        if then.get(name) != now and name not in free:
            why = REASONS.get(name, "resume it with its own settings, or start anew in another folder")
            raise ValueError(f"{run.path} was written with {name} = {then.get(name)!r}, not {now!r}: {why}")
    epochs, begun = run.config.epochs, record["epoch"] + (record["position"] > 0)
    if epochs < begun:
        raise ValueError(f"epochs is {epochs}, but the run in {run.path.parent} has begun epoch {begun}: ask for more")
    if run.config.lr != record["config"]["lr"] and epochs == record["epoch"]:
        raise ValueError(
            f"lr is {run.config.lr:g}, but of {epochs} epochs none is left to train: ask for more epochs too"
        )


def how_to_go_on(run: Any) -> str:
    """What to say when Ctrl-C has stopped a run."""
    where = f"stopped after step {run.position} of epoch {run.epoch + 1}"
    if run.path is None:
        return f"{where}; nothing was saved: pass out= to keep checkpoints"
    return f"{where}; saved in {run.path.parent}: run the same again with --resume (resume=True) to go on"


def settings(run: Any) -> dict[str, Any]:
    """What must be equal for a resumed run to be the same run, but for what `load_run` lets go."""
    return {"config": asdict(run.config), "model": run.model.config, "data": run.images.sha256}


def flatten(tree: dict[str, Any]) -> dict[str, Any]:
    """Settings and their parts as one level, with dotted names."""
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        flat |= {f"{name}.{part}": what for part, what in value.items()} if isinstance(value, dict) else {name: value}
    return flat
