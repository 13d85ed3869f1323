"""What is drawn by hand as an image, as MNIST's were made: the arithmetic of js/ink.mjs once more, for Python's side of a lab."""

import math
from collections.abc import Sequence

import numpy as np

FINE = 140  # rows of the raster that is drawn on
PEN = 6.0  # half a line's width there
TRACE = 1e-3  # of ink: a row with less has none
TIE = 1e-6  # of a pixel: what is drawn evenly about a middle falls on one side, whatever the rounding
FIELD, BOX = 28, 20  # pixels of MNIST's images, and of the box in them that a digit fills

Stroke = Sequence[Sequence[float]]
"""The places where a pen went, one after another, each (x, y) from 0 to 1."""


def inked(strokes: Sequence[Stroke]) -> np.ndarray:
    """How much of each pixel of a fine raster is under ink: (FINE, FINE) from 0 to 1."""
    y, x = np.mgrid[:FINE, :FINE] + 0.5
    ink = np.zeros((FINE, FINE))
    for stroke in strokes:
        places = FINE * np.asarray(stroke, float)
        for (x0, y0), (x1, y1) in zip([places[0], *places[:-1]], places, strict=True):
            dx, dy = x1 - x0, y1 - y0
            along = np.clip(((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy or 1), 0, 1)
            away = np.hypot(x - x0 - along * dx, y - y0 - along * dy)
            ink = np.maximum(ink, np.clip(PEN + 0.5 - away, 0, 1))
    return ink


def placed(
    ink: np.ndarray, side: int, fitted: bool = True, right: float = 0, down: float = 0, size: float = 1
) -> np.ndarray:
    """A raster (N, N) as an image of side²: each pixel the mean of what it covers.

    `fitted` is how MNIST was made (LeCun and others, 1998): the ink's longer side is made 20 of 28 pixels, and the ink moved by
    whole pixels until its centre of mass lies in the pixel right of and below the middle, as that of each of MNIST's images does.
    Else the raster is the image. Then `right` and `down` move it, and `size` makes it larger.
    """
    scale, [top, left] = size * side / len(ink), (0.5 * (1 - size) * side,) * 2
    if fitted and ink.any():
        sums = [ink.sum(axis) for axis in (1, 0)]  # of rows, and of columns
        there = [np.flatnonzero(along > TRACE) for along in sums]
        scale = size * side * BOX / FIELD / (1 + max(map(np.ptp, there)))
        middles = [along @ (np.arange(len(ink)) + 0.5) / ink.sum() for along in sums]
        top, left = (
            side // 2 - math.floor(scale * (middle - first) + TIE) - scale * first
            for middle, (first, *_) in zip(middles, there, strict=True)
        )
    return _shares(side, len(ink), scale, top + down) @ ink @ _shares(side, len(ink), scale, left + right).T


def _shares(side: int, count: int, scale: float, start: float) -> np.ndarray:
    """What of each of `count` pixels, scaled and begun at `start`, goes into each of `side`: (side, count)."""
    edges = (np.arange(side + 1) - start) / scale
    first, last = np.maximum(edges[:-1, None], np.arange(count)), np.minimum(edges[1:, None], np.arange(count) + 1)
    return scale * np.clip(last - first, 0, None)
