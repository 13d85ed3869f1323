"""Fonts cut down to the characters in use, and where installed packages keep theirs."""

import base64
import importlib.util
import io
import logging
from pathlib import Path

from fontTools import subset, ttLib

logging.getLogger("fontTools").setLevel(logging.WARNING)  # it would list each glyph that goes


def folder_of(package):
    """The folder of an installed package."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"the book cannot be built without {package}: pip install -r requirements.txt")
    return Path(spec.origin).parent


def cut(path, codes):
    """The glyphs of these code points that the font has, as a WOFF; b"" when it has none."""
    font = ttLib.TTFont(path, recalcTimestamp=False)
    if not codes & (font.getBestCmap() or {}).keys():
        return b""
    cutter = subset.Subsetter(subset.Options(hinting=False, layout_features=[], drop_tables=["FFTM"]))
    cutter.populate(unicodes=codes)
    cutter.subset(font)
    font.flavor = "woff"
    buffer = io.BytesIO()
    font.save(buffer)
    return buffer.getvalue()


def as_url(font):
    """A WOFF as the `src` of a style sheet, which so needs no second request."""
    return f'url(data:font/woff;base64,{base64.b64encode(font).decode()}) format("woff")'
