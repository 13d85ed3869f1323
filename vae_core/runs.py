"""The folder of a run: what `fit(out=…)` and the shell leave there, by one and the same hand.

config.json says what was asked for, history.csv has a row an epoch, checkpoint.safetensors is there to resume from,
model.safetensors to use and picture.png to look at. A `run` is what `training.Run` says; of several processes, the first writes.
"""

import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vae_core.data import ImageSet
from vae_core.files import write_atomically
from vae_core.losses import Elbo
from vae_core.models import VAE
from vae_core.saving import save_model

CONFIG, HISTORY, CHECKPOINT, MODEL, PICTURE = FILES = (
    "config.json",
    "history.csv",
    "checkpoint.safetensors",
    "model.safetensors",
    "picture.png",
)
# settings that a model's file does not repeat: places, and what it says in its own way
PRIVATE = ("root", "model", "images")


def check_folder(folder: Path, resume: bool, overwrite: bool) -> None:
    """See that a run may use this folder; nothing is written yet.

    Raises:
        ValueError: it holds a run and neither was asked for, or both were, or what it holds cannot be resumed.
    """
    there = [name for name in FILES if (folder / name).exists()]
    holds = f"{folder} already holds a run ({', '.join(there)})"
    anew = "overwrite=True (--overwrite) throws it away, and another folder leaves it alone"
    if resume and overwrite:
        raise ValueError(f"resume goes on with the run in {folder} and overwrite throws it away: ask for one of them")
    if there and not (resume or overwrite):
        raise ValueError(f"{holds}: resume=True (--resume) goes on with it, {anew}")
    if resume and MODEL in there and CHECKPOINT not in there:
        raise ValueError(f"{holds}, but no {CHECKPOINT} to resume from: {anew}")


@contextmanager
def opened(run: Any, overwrite: bool, about: dict[str, Any]) -> Iterator[None]:
    """The folder, made and, if need be, emptied of another run, with config.json: what the run has now, and had before.

    `about` is what there is to say besides the run's own settings. A run that comes to nothing leaves none of it.
    """
    if run.path is None or run.rank > 0:
        yield
        return
    write_settings(run, overwrite, about)
    try:
        yield
    except BaseException:
        if not run.path.exists():
            run.path.with_name(CONFIG).unlink(missing_ok=True)
        raise


def write_settings(run: Any, overwrite: bool, about: dict[str, Any]) -> None:
    """Write config.json, once it is seen that it can be: only then another run makes room.

    Raises:
        ValueError: `about` holds what JSON has not.
    """
    folder = run.path.parent
    then = {} if overwrite else read_settings(folder)
    now = {**about, **asdict(run.config), "images": run.images.name, "model": run.model.config}
    changed = {name: then[name] for name in asdict(run.config) if then.get(name, now[name]) != now[name]}
    if changed and run.number:
        now["before"] = [*then.get("before", []), {"until_step": run.number, **changed}]
    try:
        text = json.dumps({**then, **now}, indent=2)
    except TypeError as error:
        remedy = "config.json holds numbers, words, and lists and dictionaries of them"
        raise ValueError(f"about is {about!r}, which cannot be written down ({error}): {remedy}") from error
    folder.mkdir(parents=True, exist_ok=True)
    if overwrite:
        for name in FILES:
            (folder / name).unlink(missing_ok=True)
    if {**then, **now} != then:
        write_atomically(folder / CONFIG, text.encode())


def read_settings(folder: Path) -> dict[str, Any]:
    """What config.json says; nothing where there is none.

    Raises:
        ValueError: it is not what was written here.
    """
    path = folder / CONFIG
    if not path.exists():
        return {}
    try:
        settings = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}): mend it, or start anew in another folder") from error
    if not isinstance(settings, dict):
        raise ValueError(f"{path} holds no settings: mend it, or start anew in another folder")
    return settings


def note_epoch(run: Any) -> None:
    """Write the history so far."""
    if run.path is not None and run.rank == 0:
        run.history.to_csv(run.path.with_name(HISTORY))


def finish(run: Any) -> None:
    """Leave the trained model, and a picture of what it does. A model that cannot be saved as one ends no run."""
    note_epoch(run)
    if run.path is None or run.rank > 0:
        return
    folder, last = run.path.parent, run.history.rows[-1]
    settings = {name: value for name, value in read_settings(folder).items() if name not in PRIVATE}
    notes = {**settings, "trained_epochs": run.epoch, **measured(run.model, last["test_rate"], last["test_distortion"])}
    try:
        save_model(folder / MODEL, run.model, {**notes, **identity(run.images)})
    except ValueError as error:
        instead = f"load_model({str(run.path)!r}, into=my_model) has the weights"
        print(f"{folder}: no {MODEL}; {instead} ({error})", file=sys.stderr)
    try:
        write_atomically(folder / PICTURE, draw_picture(run.model, run.images))
    except Exception as error:  # somebody's own model or images raise what they like, and the run is whole without it
        print(f"{folder}: no {PICTURE} ({error or type(error).__name__})", file=sys.stderr)


def record(model: Any, images: ImageSet, settings: dict[str, Any], terms: Elbo) -> dict[str, Any]:
    """Where weights come from, written beside them: settings, data and what was measured on its test part."""
    return {**settings, **identity(images), **measured(model, float(terms.rate), float(terms.distortion))}


def identity(images: ImageSet) -> dict[str, str]:
    return {"data": images.name, "data_sha256": images.sha256}


def measured(model: Any, rate: float, distortion: float) -> dict[str, float]:
    terms = {"test_rate": rate, "test_distortion": distortion}
    return {**terms, "test_elbo": -(rate + distortion)} if isinstance(model, VAE) else terms  # an autoencoder has none


def draw_picture(model: Any, images: ImageSet) -> bytes:
    """Test images, their reconstructions and samples, as the bytes of a PNG.

    Raises:
        ValueError: images that are not square.
    """
    height, width = images.test.shape[2:]
    if height != width:
        raise ValueError(f"it shows square images, and these have {height}×{width} pixels")
    from vae_core.plots import overview  # matplotlib takes a second to import, and only this needs it

    png = io.BytesIO()
    overview(model, images).savefig(png, dpi=150, bbox_inches="tight")
    return png.getvalue()
