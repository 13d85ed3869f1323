"""What a lab shows, and what it is called: the images that it is given, else the book's own test digits, and models."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from vae_core.data import ImageSet, check_images, load_images, to_pixels
from vae_core.models import VAE, LatentModel, check_model
from vae_core.saving import load_pretrained

SHOWN = 2  # images of each class, to choose from
BOOKS = "the book's own, trained on MNIST."


def square(images: ImageSet | None) -> tuple[ImageSet, int, int]:
    """The images, or MNIST's where none are given, how many pixels each side has, and how many channels: one or three.

    Raises:
        ValueError: no ImageSet, or images that are not square, or neither grey nor in colour.
    """
    images = load_images("mnist", fallback="digits") if images is None else images
    check_images(images)
    channels, height, width = images.test.shape[1:]
    if height != width:
        framed = f"images.padded({max(height, width)}) puts them in a black frame"
        raise ValueError(f"labs show square images, not {height} × {width}: {framed}, for a model to train on")
    if channels not in (1, 3):
        raise ValueError(f"labs show images of one channel or three, not of {channels}: keep some, as images[:, :3]")
    return images, height, channels


def check_size(model: LatentModel, side: int, instead: str = "", channels: int = 1) -> None:
    """Raise ValueError for no model, or one of images of another size; `instead` of the book's own, what could be passed."""
    check_model("model", model)
    if model.input_dim == channels * side**2:
        return
    kind = type(model).__name__
    size = f"{side} × {side}" if channels == 1 else f"{side} × {side} in {channels} channels"
    if instead:
        sizes = f"is for the 28 × 28 pixels of MNIST, and the images have {size}"
        raise ValueError(f"the book's own {kind} {sizes}: pass {instead}, trained on these images")
    sizes = f"takes {model.input_dim:,} numbers an image, and the images have {size}"
    raise ValueError(f"the {kind} {sizes}: pass images=, those that it was trained on")


def pair(
    ae: LatentModel | None,
    vae: LatentModel | None,
    images: ImageSet,
    side: int,
    channels: int = 1,
    latent_dim: int = 2,
) -> tuple[list[LatentModel], list[str], str]:
    """Two models to compare, what each is called, and a sentence on whose they are where that is mixed, else none.

    The book's own have `latent_dim` numbers a code. One given alone stands beside the book's own of the other kind, whichever kind it is.

    Raises:
        ValueError: a model of images of another size, the reader's or the book's.
    """
    if vae is None and isinstance(ae, VAE):
        ae, vae = None, ae
    elif ae is None and vae is not None and not isinstance(vae, VAE):
        ae, vae = vae, None
    own = [model for model in (ae, vae) if model is not None]
    models = [ae or load_pretrained(f"ae-{latent_dim}"), vae or load_pretrained(f"vae-{latent_dim}")]
    lent = [model for model in models if model not in own]
    for model in own:
        check_size(model, side, channels=channels)
    for model in lent:
        check_size(model, side, "both models, ae= and vae=", channels)
    kinds = titles(models)
    if not lent or not (own or foreign(images)):
        return models, kinds, ""
    whose = "Both models are" if len(lent) == 2 else f"The {kinds[models.index(lent[0])]} is"
    marked = [f"{kind} (the book's)" if model in lent else kind for kind, model in zip(kinds, models, strict=True)]
    return models, marked, f" {whose} {BOOKS}"


def marks(models: Sequence[LatentModel]) -> list[str]:
    """The colours of two models: blue for a VAE, orange for an autoencoder, and one of each where both are of a kind."""
    return (
        ["accent", "orange"] if isinstance(models[0], VAE) and not isinstance(models[1], VAE) else ["orange", "accent"]
    )


def legend(models: Sequence[LatentModel]) -> tuple[str, ...]:
    """The two colours, to be explained where they stand for what they do in every lab."""
    return ("orange", "accent") if len({isinstance(model, VAE) for model in models}) == 2 else ()


def foreign(images: ImageSet) -> bool:
    """Whether these are not the digits that the book's own models know."""
    return noun(images) != "digit"


def has_classes(images: ImageSet) -> bool:
    """Whether the labels tell images apart: those that came without any have all the same."""
    return len(images.test_labels.unique()) > 1


def called(images: ImageSet) -> dict[str, Any]:
    """What these images are called, for a lab's spec (js/images.mjs); nothing where the script knows it: of digits."""
    named = {"noun": noun(images)} if foreign(images) else {}
    return named if has_classes(images) else {**named, "classes": False}


def noun(images: ImageSet) -> str:
    """What one of these images is called: a digit, or an image."""
    return "digit" if images.name in ("mnist", "digits") else "image"


def choose(images: ImageSet) -> tuple[Tensor, tuple[str, ...]]:
    """The first test images of each class, or, where there are no classes, of all: x (N, D) in [0, 1], and a name for each."""
    rows, names = choose_rows(images)
    return to_pixels(images.test[rows]), names


def choose_rows(images: ImageSet) -> tuple[list[int], tuple[str, ...]]:
    """The same, by their rows among the test images."""
    if not has_classes(images):
        rows = list(range(min(10 * SHOWN, len(images.test))))
        return rows, tuple(f"{noun(images)} {i + 1}" for i in rows)
    rows, names = [], []
    for label in images.test_labels.unique()[:10].tolist():
        for count, row in enumerate((images.test_labels == label).nonzero()[:SHOWN, 0].tolist()):
            rows.append(row)
            name = f"class {label}" if foreign(images) else f"{label}"
            names.append(name if count == 0 else f"{name}, another")
    return rows, tuple(names)


def titles(models: Sequence[LatentModel]) -> list[str]:
    """What each model is, and which of its kind where there are more: "Autoencoder", or "VAE 1" and "VAE 2"."""
    kinds = [type(model).__name__ for model in models]
    return [f"{kind} {kinds[: i + 1].count(kind)}" if kinds.count(kind) > 1 else kind for i, kind in enumerate(kinds)]
