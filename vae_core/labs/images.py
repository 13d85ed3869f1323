"""The images that a lab shows: those it is given, else the book's own test digits."""

from vae_core.data import ImageSet, load_images


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


def describe(images: ImageSet) -> str:
    """The set's name as a reader knows it."""
    return images.title
