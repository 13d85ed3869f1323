"""What a lab shows, and what it is called: the images that it is given, else the book's own test digits, and models."""

from collections.abc import Sequence

from torch import Tensor

from vae_core.data import ImageSet, load_images, to_pixels
from vae_core.models import LatentModel

SHOWN = 2  # images of each class, to choose from


def square_grey(images: ImageSet | None) -> tuple[ImageSet, int]:
    """The images, or MNIST's where none are given, and how many pixels each side has.

    Raises:
        ValueError: images that are not square and grey.
    """
    images = images or load_images("mnist", fallback="digits")
    channels, height, width = images.test.shape[1:]
    if channels != 1 or height != width:
        raise ValueError(f"labs show square grey images, not {tuple(images.test.shape[1:])}")
    return images, height


def choose(images: ImageSet) -> tuple[Tensor, tuple[str, ...]]:
    """The first test images of each class: x (N, D) in [0, 1], and a name for each."""
    rows, names = [], []
    for label in images.test_labels.unique()[:10].tolist():
        for count, row in enumerate((images.test_labels == label).nonzero()[:SHOWN, 0].tolist()):
            rows.append(row)
            names.append(f"{label}" if count == 0 else f"{label}, another")
    return to_pixels(images.test[rows]), tuple(names)


def titles(models: Sequence[LatentModel]) -> list[str]:
    """What each model is, and which of its kind where there are more: "Autoencoder", or "VAE 1" and "VAE 2"."""
    kinds = [type(model).__name__ for model in models]
    return [f"{kind} {kinds[: i + 1].count(kind)}" if kinds.count(kind) > 1 else kind for i, kind in enumerate(kinds)]
