"""Figures for the chapters: each function returns one matplotlib figure, drawn on white.

Every figure carries `alt`, a sentence for those who cannot see it. `data_note` says which images a page was made from.
"""

import math
from collections.abc import Sequence
from html import escape
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import HTML
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from torch import Tensor
from torchvision.utils import make_grid

from vae_core.colours import CLASS_COLOURS, DISTORTION, RATE
from vae_core.data import ImageSet, check_images, to_pixels
from vae_core.latent import plane
from vae_core.models import LatentModel, check_model, out_of_range
from vae_core.training import History

STYLE: Any = {
    "figure.facecolor": "white",
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "legend.frameon": False,
}


def show_rows(rows: dict[str, Tensor], channels: int = 1) -> Figure:
    """Labelled rows of images, one below the other: each value is (N, D) in [0, 1].

    Raises:
        ValueError: no rows, images of another shape, or a row that holds no pixels, but a decoder's raw outputs, for instance.
    """
    rows = {label: _pixels(x, f"the row {label!r}", channels) for label, x in _by_name(rows, "rows").items()}
    count = max(len(images) for images in rows.values())
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(len(rows), 1, figsize=(0.62 * count, 0.92 * len(rows)), squeeze=False)
        for ax, (label, images) in zip(axes[:, 0], rows.items(), strict=True):
            blank = torch.full((count - len(images), images.shape[1]), 0.0 if channels == 1 else 1.0)
            _tile(ax, torch.cat([images, blank]), count, channels)
            ax.set_title(label, loc="left", fontsize=12, fontweight="normal", pad=2)
    return _done(figure, f"Rows of {count} images: {'; '.join(rows)}.")


def show_grid(images: Tensor, across: int, title: str = "", channels: int = 1) -> Figure:
    """Images (N, D) in [0, 1] in a square grid, `across` a row.

    Raises:
        ValueError: images of another shape, or that hold no pixels, but a decoder's raw outputs, for instance.
    """
    images = _pixels(images, "the grid", channels)
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(4.5, 4.5 * math.ceil(len(images) / across) / across + 0.3))
        _tile(ax, images, across, channels)
        ax.set_title(title)
    return _done(figure, f"A grid of {len(images)} images. {title}")


def show_plane(model: LatentModel, across: int = 20, span: float = 3.0) -> Figure:
    """What a model with two latent dimensions decodes all over its plane, as one picture.

    `span` is in units of z, around the origin.
    """
    z = plane(across, span)
    images = model.draw(z.flatten(0, 1))
    left, right, low, high = z[0, 0, 0], z[0, -1, 0], z[-1, 0, 1], z[0, 0, 1]
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(5.5, 5.5))
        tiles = make_grid(images.unflatten(1, _shape(images, 1)), nrow=across, padding=0)
        _paint(ax, tiles, extent=(float(left), float(right), float(low), float(high)))
        ax.set(xlabel="$z_1$", ylabel="$z_2$")
    return _done(figure, f"Digits decoded from a grid of {across} by {across} points of the latent plane.")


def show_codes(codes: dict[str, Tensor], labels: Tensor, ring: float | None = None) -> Figure:
    """Scatters side by side of two-dimensional codes (N, 2), coloured by label (N,); each with axes of its own.

    `ring` draws a circle of this radius about the origin.

    Raises:
        ValueError: no codes, or codes of another shape.
    """
    codes, labels = _by_name(codes, "codes"), torch.as_tensor(labels).cpu()
    for title, z in codes.items():
        if z.shape != (len(labels), 2):
            wanted = f"{len(labels)} labels want {(len(labels), 2)}: choose two units, as in z[:, :2]"
            raise ValueError(f"the codes {title!r} have shape {tuple(z.shape)}, and {wanted}")
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(codes), figsize=(3.3 * len(codes) + 0.5, 3.3), squeeze=False)
        for ax, (title, z) in zip(axes[0], codes.items(), strict=True):
            for label in range(int(labels.max()) + 1):
                chosen = z[labels == label].numpy()
                colour = CLASS_COLOURS[label % 10]
                ax.scatter(chosen[:, 0], chosen[:, 1], s=5, alpha=0.9, color=colour, lw=0, label=str(label))
            if ring is not None:
                ax.add_patch(Circle((0, 0), ring, fill=False, lw=1.6, color="black"))
            ax.set(title=title, xlabel="$z_1$", ylabel="$z_2$")
            ax.set_aspect("equal", adjustable="datalim")
        axes[0, -1].legend(title="label", markerscale=4, loc="center left", bbox_to_anchor=(1, 0.5))
    return _done(figure, f"Scatter of the codes of {len(labels)} images, coloured by label: {'; '.join(codes)}.")


def show_bars(
    series: dict[str, Sequence[float]],
    names: Sequence[object],
    ylabel: str,
    title: str = "",
) -> Figure:
    """Groups of bars: one group a name, in it one bar a series."""
    width = 0.8 / len(series)
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(5.6, 2.8))
        for i, (label, values) in enumerate(series.items()):
            at = np.arange(len(names)) + (i - (len(series) - 1) / 2) * width
            ax.bar(at, values, 0.92 * width, color=CLASS_COLOURS[(1, 0, 8, 4)[i % 4]], label=label)
        ax.set(xticks=range(len(names)), xticklabels=[str(name) for name in names], ylabel=ylabel, title=title)
        figure.legend(loc="outside upper center", ncols=len(series))
    return _done(figure, f"Bars of {ylabel} for {', '.join(map(str, names))}: {'; '.join(series)}.")


def show_history(history: History) -> Figure:
    """−ELBO on the training and the test set, and the test set's rate and distortion, epoch by epoch."""
    epochs = history["epoch"]
    with plt.rc_context(STYLE):
        # one above the other: side by side, a phone shrinks them
        figure, (above, below) = plt.subplots(2, 1, figsize=(5.2, 5.0), sharex=True)
        above.plot(epochs, [-value for value in history["train_elbo"]], color=CLASS_COLOURS[1], lw=3, label="train")
        above.plot(epochs, [-value for value in history["test_elbo"]], color=CLASS_COLOURS[0], label="test")
        above.set(ylabel="nats per image", title="−ELBO")
        above.legend()
        below.plot(epochs, history["test_distortion"], color=DISTORTION, label="distortion")
        below.plot(epochs, history["test_rate"], color=RATE, label="rate")
        below.set(xlabel="epoch", ylabel="nats per image", ylim=(0, None), title="Its two terms, test")
        below.legend()
    return _done(figure, "Training and test loss falling over the epochs, and the rate and distortion of the test set.")


def overview(model: LatentModel, images: ImageSet, count: int = 12) -> Figure:
    """What a trained model does: test images, their reconstructions, and samples from the prior.

    Raises:
        ValueError: no model of this book, no ImageSet, or images of another size than the model's.
    """
    check_model("model", model)
    check_images(images)
    channels = images.test.shape[1]
    x = to_pixels(images.test[:count]).to(model.device)
    generator = torch.Generator(model.device).manual_seed(0)
    samples = model.sample(count, generator=generator)
    return show_rows(
        {"test images": x, "reconstructions": model.reconstruct(x), "samples from N(0, I)": samples}, channels
    )


def data_note(images: ImageSet) -> HTML:
    """A sentence for the page: which images what follows was made from."""
    why = ", which stand in where MNIST is not at hand" if images.name == "digits" else ""
    sizes = f"{len(images.train):,} training and {len(images.test):,} test images"
    return HTML(f"<p>Made from <strong>{escape(images.title)}{why}</strong>: {sizes}.</p>")


def _by_name(given: Any, what: str) -> dict[str, Tensor]:
    """Tensors or arrays by name, as tensors on the CPU without gradients."""
    if not isinstance(given, dict) or not given:
        shown = "empty" if isinstance(given, dict) else f"of {type(given).__name__}"
        raise ValueError(f"{what} is {shown}: pass one or more by name, as in {{'a name': x}}")
    return {name: torch.as_tensor(values).detach().cpu() for name, values in given.items()}


def _pixels(images: Tensor, where: str, channels: int) -> Tensor:
    """The images on the CPU, once they are seen to be pixels in [0, 1]: logits would look like pictures of something else."""
    images = torch.as_tensor(images).detach().float().cpu()
    if images.ndim != 2 or not len(images) or math.prod(_shape(images, channels)) != images.shape[1]:
        remedy = "channels is 1 for grey, 3 for colour, and x.flatten(1) makes (N, D) of (N, C, H, W)"
        raise ValueError(f"{where} has shape {tuple(images.shape)}, not (N, {channels} × side × side): {remedy}")
    if wrong := out_of_range(images, slack=1e-3):  # a blend of two images may miss by a rounding
        remedy = "model.draw(z) makes pixels of codes, and 8-bit pixels are to be divided by 255"
        raise ValueError(f"{where}: {wrong}, not [0, 1]: {remedy}")
    return images


def _shape(images: Tensor, channels: int) -> tuple[int, int, int]:
    side = math.isqrt(images.shape[1] // channels)
    return channels, side, side


def _tile(ax: Axes, images: Tensor, across: int, channels: int) -> None:
    """Draw images (N, D) as one raster, `across` a row, dark ink on white where they are grey."""
    tiles = make_grid(images.unflatten(1, _shape(images, channels)), nrow=across, padding=1, pad_value=0.0)
    _paint(ax, tiles if channels == 3 else tiles[:1])
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set_visible(False)


def _paint(ax: Axes, pixels: Tensor, extent: tuple[float, float, float, float] | None = None) -> None:
    """Draw a raster (C, H, W) in [0, 1], one channel as dark ink on white."""
    pixels = (pixels * 15).round() / 15  # with sharp pixels, a figure of a sixth of the bytes
    shown = np.moveaxis(pixels.numpy(), 0, -1) if len(pixels) == 3 else pixels[0].numpy()
    ax.imshow(shown, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest", extent=extent)


def _done(figure: Figure, alt: str) -> Figure:
    """Close the figure, so that a notebook shows it once, as the value of its cell."""
    figure.alt = alt  # type: ignore[attr-defined]
    plt.close(figure)
    return figure
