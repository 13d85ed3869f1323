"""Colour pictures of 32×32 pixels that are at hand: CIFAR-10, a folder of some of it, or patches of two photographs."""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vae_core.sources import places
from vae_core.sources.download import DataError

SIZE = 32
SEED = 0  # of the order: on disk, pictures of one class lie together
STEPS = (4, 8)  # pixels from one patch to the next, of those to learn from and of those to test


def read_colour(root: str | Path | None) -> tuple[str, list[Tensor]]:
    """What they are called, and the images uint8 (N, 3, 32, 32), their labels, test images and theirs, each in an order drawn once.

    Looked for in `root`, `$VAE_DATA` and `./data`: first CIFAR-10 as torchvision lays it out, then a folder `cifar10-jpeg`.
    Where neither is, patches of the two photographs that come with scikit-learn. Nothing is downloaded.

    Raises:
        DataError: there is a CIFAR-10 that is damaged; its MD5 is looked at before any of it is read.
    """
    name, place = find_colour(root)
    if name == "patches":
        print("No CIFAR-10 at hand: serving patches of scikit-learn's two photographs instead.", file=sys.stderr)
        return name, read_patches()
    return name, _in_one_order(_cifar10(place) if name == "cifar10" else _folder(place))


def find_colour(root: str | Path | None = None) -> tuple[str, Path]:
    """Which of the three it is, and the folder where it lies."""
    for name, folder in (("cifar10", "cifar-10-batches-py"), ("cifar10-jpeg", "cifar10-jpeg")):
        for place in places(root):
            if (place / folder).is_dir():
                return name, place
    return "patches", Path()


def read_patches() -> list[Tensor]:
    """Overlapping 32×32 patches of both photographs at half their size, in an order drawn once: images, labels (0, 1), test images, theirs.

    Those for testing lie in the rightmost fifth, and the others outside of it.
    """
    from sklearn.datasets import load_sample_images  # a second to import, and only needed here

    parts: list[list[Tensor]] = [[], [], [], []]
    for label, photo in enumerate(load_sample_images().images):
        height, width = photo.shape[0] // 2, photo.shape[1] // 2
        quarters = torch.from_numpy(photo[: 2 * height, : 2 * width].astype(np.float32))
        half = quarters.view(height, 2, width, 2, 3).mean((1, 3)).round().to(torch.uint8).permute(2, 0, 1)
        edge = 4 * width // 5
        for i, (part, step) in enumerate(zip((half[..., :edge], half[..., edge:]), STEPS, strict=True)):
            cut = part.unfold(1, SIZE, step).unfold(2, SIZE, step).permute(1, 2, 0, 3, 4).reshape(-1, 3, SIZE, SIZE)
            parts[2 * i].append(cut)
            parts[2 * i + 1].append(torch.full((len(cut),), label))
    return _in_one_order([torch.cat(part) for part in parts])


def _cifar10(place: Path) -> list[Tensor]:
    from torchvision.datasets import CIFAR10  # a second to import, and only needed here

    try:
        sets = [CIFAR10(place, train=train) for train in (True, False)]
    except (RuntimeError, OSError) as error:
        raise DataError(
            f"{place / 'cifar-10-batches-py'} is not CIFAR-10 ({error}): remove it, or fetch it anew"
        ) from error
    return [
        part
        for images in sets
        for part in (torch.from_numpy(images.data).permute(0, 3, 1, 2).contiguous(), torch.tensor(images.targets))
    ]


def _folder(place: Path) -> list[Tensor]:
    from vae_core.sources.pictures import read_folder  # PIL, needed by nobody else

    images, labels, test = read_folder(place / "cifar10-jpeg", SIZE, strict=True)
    return [images[~test], labels[~test], images[test], labels[test]]


def _in_one_order(parts: list[Tensor]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(SEED)
    train, test = (torch.randperm(len(parts[i]), generator=generator) for i in (0, 2))
    return [part[train if i < 2 else test] for i, part in enumerate(parts)]
