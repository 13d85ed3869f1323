"""Where images come from: MNIST, verified; small digits that need no download; folders of pictures; the web."""

import os
from pathlib import Path


def places(root: str | Path | None = None) -> list[Path]:
    """The folders in which a data set is looked for, in this order: `root`, `$VAE_DATA`, `./data`."""
    return [Path(place) for place in (root, os.environ.get("VAE_DATA"), "data") if place]
