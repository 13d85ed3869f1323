"""Images as uint8 tensors, checked before anyone sees them.

`load_images` finds MNIST, Fashion-MNIST, scikit-learn's small digits, small colour pictures or a folder of your own;
`ImageSet.of` takes what is in memory already. Each gives the same thing, an `ImageSet`. Pixels stay 8-bit
until a batch is needed; `to_pixels` then makes them the numbers a model sees.
"""

import hashlib
import sys
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor
from torch.utils.data import Dataset

from vae_core.sources.arrays import as_uint8, opened, split
from vae_core.sources.colour import read_colour, read_patches
from vae_core.sources.digits import read_digits
from vae_core.sources.download import DamagedFile, DataError
from vae_core.sources.mnist import read_mnist

PIXELS = ("grey", "threshold", "dynamic")
PUBLISHED = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST"}  # by torchvision's name, its folder's too
REMEDY = "ImageSet.of(train, test, labels) takes arrays, tensors and data sets of other kinds"


@dataclass(frozen=True, repr=False)
class ImageSet:
    """A training and a test set in memory: images uint8 (N, C, H, W), labels int64 (N,)."""

    name: str
    train: Tensor
    test: Tensor
    train_labels: Tensor
    test_labels: Tensor

    def __post_init__(self) -> None:
        for part, labels in ((self.train, self.train_labels), (self.test, self.test_labels)):
            if not (isinstance(part, Tensor) and isinstance(labels, Tensor)):
                kinds = f"{type(part).__name__} and {type(labels).__name__}"
                raise DataError(f"{self.name}: images and labels are {kinds}, not tensors: {REMEDY}")
            if part.dtype != torch.uint8 or part.ndim != 4:
                found = f"{part.dtype} {tuple(part.shape)}"
                raise DataError(f"{self.name}: images are {found}, not uint8 (N, C, H, W): {REMEDY}")
            if not len(part):
                raise DataError(f"{self.name}: an image set is empty; both train and test need at least one image")
            if len(part) != len(labels):
                raise DataError(f"{self.name}: {len(part)} images but {len(labels)} labels")
        if self.train.shape[1:] != self.test.shape[1:]:
            shapes = f"{tuple(self.train.shape[1:])} in train, {tuple(self.test.shape[1:])} in test"
            raise DataError(
                f"{self.name}: images are {shapes} (C, H, W): bring both to one size and number of channels"
            )

    @classmethod
    def of(
        cls,
        train: Any,
        test: Any = None,
        labels: Any = None,
        *,
        test_labels: Any = None,
        name: str = "images",
        test_share: float = 0.1,
        seed: int = 0,
    ) -> "ImageSet":
        """Images of your own: a NumPy array, a tensor, a `TensorDataset`, a torchvision data set or another with a length.

        Arrays and tensors are (N, D) with D a square number (grey, square), (N, H, W) (grey) or (N, C, H, W) with one
        or three channels; (N, H, W, C) is understood where the second axis could not be the channels. Pixels are
        uint8, or floats in [0, 1], which are kept as the nearest 255ths. Of a data set each item is read once, through
        its transform (which must give one size, and leave Normalize out), and has its own label.

        Without `test`, `test_share` of the images is held out, by `seed`. Without labels all are 0. The images are
        copied; what you passed stays as it is.

        Raises:
            DataError: anything else, or more than fits into memory (said before it is read), with the remedy.
        """
        images, labels = opened(train, labels, name)
        if test is None:
            if test_labels is not None:
                raise DataError(f"{name}: there are test_labels but no test images: pass test=, or labels= alone")
            rows, held = split(len(images), test_share, seed, name)
            made = cls(name, as_uint8(images, name, rows), as_uint8(images, name, held), labels[rows], labels[held])
        else:
            if test_labels is None and labels.any() and not isinstance(test, Dataset):
                raise DataError(f"{name}: the training images have labels and the test images none: pass test_labels=")
            others, test_labels = opened(test, test_labels, f"{name} (test)")
            made = cls(name, as_uint8(images, name), as_uint8(others, f"{name} (test)"), labels, test_labels)
        if max(made.train.max(), made.test.max()) == 1:
            raise DataError(f"{name}: the brightest pixel is 1 of 255, so all is black: multiply the pixels by 255")
        return made

    def __repr__(self) -> str:
        shape = "×".join(map(str, self.train.shape[1:]))
        return f"ImageSet({self.name!r}: {len(self.train):,} training and {len(self.test):,} test images, {shape})"

    @property
    def title(self) -> str:
        """The set's name as a reader knows it."""
        titles = {
            "mnist": "MNIST",
            "fashion-mnist": "Fashion-MNIST",
            "digits": "scikit-learn's small digits",
            "cifar10": "CIFAR-10",
            "cifar10-jpeg": "a part of CIFAR-10, re-encoded as JPEG",
            "patches": "patches of scikit-learn's two photographs",
        }
        return titles.get(self.name, self.name)

    @property
    def input_dim(self) -> int:
        """Numbers in one image, C · H · W: what a model takes as `input_dim`."""
        return self.train[0].numel()

    @cached_property
    def sha256(self) -> str:
        """A hash of every pixel in order, so that a resumed run can tell whether its data is the same."""
        sha = hashlib.sha256(f"{tuple(self.train.shape)}{tuple(self.test.shape)}".encode())
        for images in (self.train, self.test):
            sha.update(images.contiguous().numpy().data)  # a permuted view has no bytes of its own to hash
        return sha.hexdigest()

    def first(self, train: int, test: int | None = None) -> "ImageSet":
        """The first `train` training images and `test` test images (all where None): for quick experiments."""
        return replace(
            self,
            train=self.train[:train],
            train_labels=self.train_labels[:train],
            test=self.test[:test],
            test_labels=self.test_labels[:test],
        )

    def padded(self, size: int) -> "ImageSet":
        """The images in the middle of a black frame, `size` pixels square.

        Raises:
            DataError: the images are larger than that.
        """
        height, width = self.train.shape[2:]
        if size < max(height, width):
            raise DataError(
                f"{self.name}: {height}×{width} images cannot be framed to {size}×{size}: choose a larger size"
            )
        top, left = (size - height) // 2, (size - width) // 2
        frame = (left, size - width - left, top, size - height - top)
        return replace(self, train=F.pad(self.train, frame), test=F.pad(self.test, frame))

    def with_classes(self, classes: int | None = None) -> "ImageSet":
        """For a `ConditionalVAE`: each image a row of its pixels, and behind them its class, a 255 among 0s: (N, 1, 1, C·H·W + classes).

        `classes` is one more than the largest label, unless it is given.

        Raises:
            DataError: a label that is no class.
        """
        labels = torch.cat([self.train_labels, self.test_labels])
        classes = int(labels.max()) + 1 if classes is None else classes
        wrong = labels[(labels < 0) | (labels >= classes)]
        if len(wrong):
            raise DataError(
                f"{self.name}: label {wrong[0].item()} is no class: with classes={classes} they are 0 to {classes - 1}"
            )

        def joined(images: Tensor, labels: Tensor) -> Tensor:
            told = F.one_hot(labels.long(), classes).to(torch.uint8) * 255
            return torch.cat([images.flatten(1), told], 1)[:, None, None]

        return replace(self, train=joined(self.train, self.train_labels), test=joined(self.test, self.test_labels))


def check_images(images: Any) -> None:
    """Raise ValueError for what is no ImageSet, with what makes one of it."""
    if not isinstance(images, ImageSet):
        remedy = "ImageSet.of(…) makes one of arrays, tensors or a data set of torchvision (a DataLoader's .dataset)"
        raise ValueError(f"images is of {type(images).__name__}, and an ImageSet is needed: {remedy}")


def load_images(
    name: str = "mnist",
    root: str | Path | None = None,
    *,
    size: int = 32,
    fallback: str | None = None,
    strict: bool = False,
) -> ImageSet:
    """Find a data set: "mnist", "fashion-mnist", "digits" (scikit-learn's 1,797), "colour", "patches" or "folder" (your own pictures).

    MNIST and Fashion-MNIST are looked for in `root`, then `$VAE_DATA`, then `./data`, as torchvision lays them out, and
    are then downloaded; either way they are what their published SHA-256 says. With `fallback="digits"` a machine
    that has neither the files nor a network gets the digits. "colour" is 32×32 pixels of what is at hand in the same places:
    CIFAR-10, a folder `cifar10-jpeg` of some of it, or else "patches" of the two photographs that come with scikit-learn; the
    set's name says which.
    Pictures are brought to squares of `size` pixels, with one channel where all of them are grey, else three. One that
    cannot be read is skipped and named on stderr; with `strict` it ends the load.

    Raises:
        ValueError: an unknown name, or a `size` that is no whole number of 1 or more.
        DamagedFile: a file of MNIST is damaged and could not be fetched anew.
        DataError: nothing found (every place tried is named), too few pictures, or more than fits into memory.
    """
    if name == "digits":
        return _digits()
    if name in ("colour", "patches"):
        found, (train, train_labels, test, test_labels) = (
            read_colour(root) if name == "colour" else (name, read_patches())
        )
        return ImageSet(found, train, test, train_labels, test_labels)
    if name == "folder":
        from vae_core.sources.pictures import read_folder  # PIL, needed by nobody else

        images, labels, test = read_folder(root, size, strict)
        return ImageSet(
            f"folder {Path(str(root)).resolve().name}", images[~test], images[test], labels[~test], labels[test]
        )
    if name not in PUBLISHED:
        raise ValueError(
            f"unknown image set {name!r}: choose 'mnist', 'fashion-mnist', 'digits', 'colour', 'patches' or 'folder'"
        )
    if fallback not in (None, "digits"):
        raise ValueError(f"unknown fallback {fallback!r}: choose 'digits' or None")
    try:
        train, train_labels, test, test_labels = read_mnist(root, PUBLISHED[name])
    except DataError as error:
        if fallback is None or isinstance(error, DamagedFile):
            raise
        print(f"No {PUBLISHED[name]} here: serving scikit-learn's 1,797 digits instead.\n({error})", file=sys.stderr)
        return _digits()
    return ImageSet(name, train[:, None], test[:, None], train_labels.long(), test_labels.long())


def to_pixels(images: Tensor, pixels: str = "grey", *, generator: Generator | None = None) -> Tensor:
    """uint8 images as the numbers a model sees: (N, ...) -> float32 (N, C·H·W) in [0, 1].

    "grey" divides by 255; "threshold" is 1 from 128 up and 0 below; "dynamic" draws each pixel
    anew, 1 with probability x/255 (Salakhutdinov & Murray 2008). Results from different kinds
    cannot be compared.

    Raises:
        ValueError: another kind of pixels, or images that are not uint8.
    """
    if images.dtype != torch.uint8:
        raise ValueError(f"images are {images.dtype}, not uint8: ImageSet.of(images) takes floats in [0, 1] too")
    grey = images.flatten(1).float().div_(255)
    if pixels == "grey":
        return grey
    if pixels == "threshold":
        return (grey > 0.5).float()
    if pixels == "dynamic":
        return (torch.rand(grey.shape, generator=generator, device=grey.device) < grey).float()
    raise ValueError(f"unknown pixels {pixels!r}: choose one of {', '.join(map(repr, PIXELS))}")


def add_noise(x: Tensor, std: float, *, generator: Generator | None = None) -> Tensor:
    """Pixels with Gaussian noise of this standard deviation, kept in [0, 1]: same shape as `x`."""
    noise = torch.randn(x.shape, generator=generator, device=x.device)
    return (x + std * noise).clamp(0, 1)


def _digits() -> ImageSet:
    images, labels = read_digits()
    return ImageSet("digits", images[:1500], images[1500:], labels[:1500], labels[1500:])
