"""What a lab shows, and what it is called: the images that it is given, else the book's own test digits, and models."""

from collections.abc import Sequence

from torch import Tensor

from vae_core.data import ImageSet, check_images, load_images, to_pixels
from vae_core.models import VAE, LatentModel, check_model
from vae_core.saving import load_pretrained

SHOWN = 2  # images of each class, to choose from


def square_grey(images: ImageSet | None) -> tuple[ImageSet, int]:
    """The images, or MNIST's where none are given, and how many pixels each side has.

    Raises:
        ValueError: no ImageSet, or images that are not square and grey.
    """
    images = load_images("mnist", fallback="digits") if images is None else images
    check_images(images)
    channels, height, width = images.test.shape[1:]
    if channels != 1 or height != width:
        raise ValueError(f"labs show square grey images, not {tuple(images.test.shape[1:])}")
    return images, height


def check_size(model: LatentModel, side: int) -> None:
    """Raise ValueError for what is no model, or one of images of another size."""
    check_model("model", model)
    if model.input_dim != side**2:
        sizes = f"takes {model.input_dim:,} numbers an image, and the images have {side} × {side}"
        raise ValueError(f"the {type(model).__name__} {sizes}: pass images=, those that it was trained on")


def pair(ae: LatentModel | None, vae: LatentModel | None) -> list[LatentModel]:
    """Two models to compare. One given alone stands beside the book's own of the other kind, whichever kind it is."""
    if vae is None and isinstance(ae, VAE):
        ae, vae = None, ae
    elif ae is None and vae is not None and not isinstance(vae, VAE):
        ae, vae = vae, None
    return [ae or load_pretrained("ae-2"), vae or load_pretrained("vae-2")]


def noun(images: ImageSet) -> str:
    """What one of these images is called: a digit, or an image."""
    return "digit" if images.name in ("mnist", "digits") else "image"


def choose(images: ImageSet) -> tuple[Tensor, tuple[str, ...]]:
    """The first test images of each class, or, where there are no classes, of all: x (N, D) in [0, 1], and a name for each."""
    labels = images.test_labels.unique()[:10].tolist()
    if len(labels) == 1:  # without labels, or all of one class
        x = to_pixels(images.test[: 10 * SHOWN])
        return x, tuple(f"{noun(images)} {i + 1}" for i in range(len(x)))
    rows, names = [], []
    for label in labels:
        for count, row in enumerate((images.test_labels == label).nonzero()[:SHOWN, 0].tolist()):
            rows.append(row)
            name = f"{label}" if noun(images) == "digit" else f"class {label}"
            names.append(name if count == 0 else f"{name}, another")
    return to_pixels(images.test[rows]), tuple(names)


def titles(models: Sequence[LatentModel]) -> list[str]:
    """What each model is, and which of its kind where there are more: "Autoencoder", or "VAE 1" and "VAE 2"."""
    kinds = [type(model).__name__ for model in models]
    return [f"{kind} {kinds[: i + 1].count(kind)}" if kinds.count(kind) > 1 else kind for i, kind in enumerate(kinds)]
