"""The still pictures that stand in for a lab until its script has run: drawn with Pillow, a few kilobytes each."""

import numpy as np
from PIL import Image, ImageDraw

PAPER, INK, GREY, ACCENT = "#ffffff", "#1f2430", "#6e7887", "#0a6a80"


def sheet(width: int, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """A white sheet and something to draw on it with."""
    image = Image.new("RGB", (width, height), PAPER)
    return image, ImageDraw.Draw(image)


def paste_digit(image: Image.Image, pixels: np.ndarray, x: int, y: int, size: int) -> None:
    """A square picture with values in [0, 1], dark on light, `size` pixels wide."""
    side = round(pixels.size**0.5)
    shades = (255 * (1 - pixels.reshape(side, side).clip(0, 1))).round().astype(np.uint8)
    image.paste(Image.fromarray(shades).resize((size, size), Image.Resampling.NEAREST), (x, y))
    ImageDraw.Draw(image).rectangle((x - 1, y - 1, x + size, y + size), outline=GREY)
