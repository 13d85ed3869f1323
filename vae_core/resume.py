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
from vae_core.saving import check_fit, check_made_of, parts_of


def derive_seed(*parts: int | str) -> int:
    """A seed of its own for each purpose, 63 bits from a hash of the parts."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "big") >> 1


def save_run(run: Any, path: Path) -> None:
    """Write everything the run needs to go on."""
    tensors = {f"model.{name}": value for name, value in run.model.state_dict().items()}
    tensors |= {f"optimizer.{name}": value for name, value in run.optimizer.state_dict().items()}
    tensors["generator"] = run.generator.get_state()
    moment = {"epoch": run.epoch, "position": run.position, "totals": run.totals, "began": run.began}
    moment |= {"device": run.device.type, "history": run.history.rows}
    path.parent.mkdir(parents=True, exist_ok=True)
    made_of = {"model": {**run.model.config, "parts": parts_of(run.model)}}
    checkpoint.save(path, tensors, {**settings(run), **moment, **made_of})


def load_run(run: Any) -> None:
    """Go back to the moment of the last checkpoint, if there is one.

    A run may go on on another device, where its noise cannot be the same, and says so; with a constant learning rate it
    may be given more epochs.

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
    then, free = flatten(record), {"config.device"}
    if run.config.schedule == "constant":
        free.add("config.epochs")
    for name, now in flatten(settings(run)).items():
        if then.get(name) != now and name not in free:
            remedy = "resume it with its own settings, or start anew in another folder"
            raise ValueError(f"{path} was written with {name} = {then.get(name)!r}, not {now!r}: {remedy}")
    parts: dict[str, dict[str, Tensor]] = {"model": {}, "optimizer": {}, "generator": {}}
    for name, value in tensors.items():
        part, _, rest = name.partition(".")
        parts[part][rest] = value
    remedy = "resume the model that the run was started with, and freeze what was frozen then"
    check_made_of(run.model, record["model"].get("parts"), path, remedy)
    owners = {"model": run.model, "optimizer": run.optimizer}
    for part, owner in owners.items():
        check_fit(owner.state_dict(), parts[part], path, remedy)
    for part, owner in owners.items():
        owner.load_state_dict(parts[part])
    run.epoch, run.position, run.totals = record["epoch"], record["position"], record["totals"]
    run.history.rows, run.began, run.saved = record["history"], record["began"], True
    if record["device"] == run.device.type:
        run.generator.set_state(parts["generator"][""])
    else:
        run.generator.manual_seed(derive_seed(run.config.seed, "noise", run.epoch, run.position))
        devices = f"{path} was written on {record['device']}, and this is {run.device.type}"
        print(f"{devices}: its noise goes on from the seed, so this is no longer the same run", file=sys.stderr)


def how_to_go_on(run: Any) -> str:
    """What to say when Ctrl-C has stopped a run."""
    where = f"stopped after step {run.position} of epoch {run.epoch + 1}"
    if run.path is None:
        return f"{where}; nothing was saved: pass out= to keep checkpoints"
    return f"{where}; saved in {run.path.parent}: run the same again with --resume (resume=True) to go on"


def settings(run: Any) -> dict[str, Any]:
    """What must be equal for a resumed run to be the same run, but for what `load_run` lets go."""
    return {"config": asdict(run.config), "model": run.model.config, "data": run.images.sha256}


def flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as one level, with dotted names."""
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        flat |= flatten(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat
