"""The still pictures that stand in for a lab until its script has run: drawn with Pillow, a few kilobytes each."""

import math
from functools import cache
from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

PAPER, INK, GREY, ACCENT = "#ffffff", "#1f2430", "#6e7887", "#0a6a80"
COLOURS = {"accent": ACCENT, "orange": "#b4690e"}  # by a colour's name in js/draw.mjs, dark enough for words
GAP = 6  # pixels between pictures in a row
# it has ε, σ and ‖, as Pillow's own has not
FONT = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"


class Sheet(ImageDraw.ImageDraw):
    """A white sheet of paper to draw on; `image` is what stands there."""

    def __init__(self, width: int, height: int):
        self.image = Image.new("RGB", (width, height), PAPER)
        super().__init__(self.image)

    def write(self, words: str, x: float, y: float, colour: str = INK, size: int = 14) -> None:
        self.text((x, y), words, fill=colour, font=font(size))

    def show(self, title: str, pictures: Tensor, x: int, y: int, size: int) -> None:
        """A title and, from (x, y) on, a row of square pictures (N, D) in [0, 1], `size` pixels wide.

        Grey ones are dark on light; three times a square number are red, green and blue, as they are.
        """
        self.write(title, x, y - 24)
        grey = math.isqrt(pictures.shape[1]) ** 2 == pictures.shape[1]
        side = math.isqrt(pictures.shape[1] // (1 if grey else 3))
        shades = (255 * (1 - pictures if grey else pictures).clamp(0, 1)).round().byte()
        for shade in shades.unflatten(1, (-1, side, side)).movedim(1, -1).squeeze(-1).numpy():
            drawn = Image.fromarray(shade).resize((size, size), Image.Resampling.NEAREST)
            self.image.paste(drawn, (x, y))
            self.rectangle((x - 1, y - 1, x + size, y + size), outline=GREY)
            x += size + GAP

    def cloud(self, mean: Tensor, log_var: Tensor, x: float, y: float, width: float, height: float) -> None:
        """A posterior's units (L,) one below the other, from −4 to 4: a bar from mean − std to mean + std, and a line at 0."""
        middle, unit = x + width / 2, width / 8
        for i, (at, std) in enumerate(zip(mean.tolist(), (0.5 * log_var).exp().tolist(), strict=True)):
            row = y + 6 + (height - 8) * i / len(mean)
            left, right = (middle + unit * min(4, max(-4, at + sign * std)) for sign in (-1, 1))
            self.line((x, row, x + width, row), fill="#e4e7ec")
            self.rectangle((left, row - 3, right, row + 3), fill=ACCENT)
        self.line((middle, y, middle, y + height), fill=GREY)


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FONT, size)
