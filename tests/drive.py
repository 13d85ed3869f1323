"""A lab painted in Node, as a browser would: what it shows at given values, to be asked what it promises."""

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import torch

from vae_core.data import ImageSet, to_pixels
from vae_core.labs.base import Lab
from vae_core.labs.bundle import bundle
from vae_core.labs.controls import stand
from vae_core.metrics import neighbours

DRIVER = Path(__file__).parent / "js" / "drive.mjs"


def state_of(lab: Lab, step: int | None = None, /, **acts: Any) -> dict[str, Any]:
    """The values that the browser has once a step (from 1) is pressed and these controls are moved, a Choice by its word."""
    named = {control.name: control for control in lab.specification}
    set_by_step = lab.canvas.spec["steps"][step - 1]["state"] if step else {}
    return lab.state() | set_by_step | {name: stand(named[name], value) for name, value in acts.items()}


def frames(lab: Lab, *states: dict[str, Any], width: int = 766) -> list[dict[str, Any]]:
    """What the lab's module paints of each state: summary, tiles, regions, handles, words, pictures, calls of the pen."""
    given = {
        "module": bundle("host.mjs", lab.module),
        "spec": lab.canvas.spec,
        "data": base64.b64encode(lab.canvas.data).decode(),
        "states": states,
        "width": width,
    }
    done = subprocess.run(["node", str(DRIVER)], input=json.dumps(given), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def number(frame: dict[str, Any], tile: str) -> float:
    """The number that a tile shows."""
    (value,) = (each["value"] for each in frame["tiles"] if each["name"] == tile)
    return float(str(value).replace("−", "-").replace("∞", "inf"))


def by_neighbours(images: ImageSet, pictures: list[dict[str, Any]]) -> list[int]:
    """Which digit each picture is, by the ten training images that are nearest to it."""
    drawn = torch.tensor([picture["pixels"] for picture in pictures])
    return neighbours(drawn, to_pixels(images.train), images.train_labels)[0].tolist()
