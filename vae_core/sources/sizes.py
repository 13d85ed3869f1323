"""How large the pictures of a folder are, from their headers alone."""

import warnings
from pathlib import Path
from statistics import median_low

from PIL import Image

from vae_core.sources.pictures import SUFFIXES

LOOKED_AT = 200  # pictures, evenly spread over the folder


def usual_size(root: str | Path | None, largest: int) -> int:
    """The shorter side that pictures below `root` usually have, down to a multiple of 4, from 8 to `largest` pixels.

    Half of `largest` where there is nothing to look at; whoever reads the folder says why.
    """
    folder = Path(root) if root else None
    inside = folder.rglob("*") if folder and folder.is_dir() else ()
    paths = sorted(path for path in inside if path.suffix.lower() in SUFFIXES and path.is_file())
    sides = [side for path in paths[:: 1 + len(paths) // LOOKED_AT] if (side := _shorter_side(path))]
    return min(max(median_low(sides) // 4 * 4, 8), largest) if sides else largest // 2


def _shorter_side(path: Path) -> int | None:
    """Nothing for what cannot be read, which the reader of pictures will name."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # no pixel is decoded here
            with Image.open(path) as picture:
                return min(picture.size)
    except Exception:  # decoders of hostile bytes raise what they like
        return None
