"""Images that somebody has in memory already, arrays, tensors and PyTorch's data sets, as uint8 (N, C, H, W)."""

import math
from collections.abc import Sized
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset
from tqdm import tqdm

from vae_core.sources.download import DataError
from vae_core.sources.memory import room_for

AT_ONCE = 1 << 24  # numbers converted in one go, so that floats are never held all at once
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
FEWER = "take fewer images, or smaller ones"
TAKEN = "a NumPy array, a tensor, a torchvision data set or another with a length"


def opened(source: Any, labels: Any, name: str) -> tuple[np.ndarray | Tensor, Tensor]:
    """What holds the images, as they are, and their labels, int64 (N,): the given ones, else its own, else zeros.

    Raises:
        DataError: it is nothing that holds images, has none, its pixels are neither uint8 nor floats, or its labels are
            not one integer an image; or there is more than fits into memory.
    """
    own = None
    if isinstance(source, TensorDataset):
        source, own = source.tensors[0], (*source.tensors, None)[1]
    elif _whole(source):
        source, own = source.data, getattr(source, "targets", getattr(source, "labels", None))
    elif isinstance(source, Dataset) and isinstance(source, Sized) and not isinstance(source, IterableDataset):
        source, own = _read_items(source, name, labelled=labels is None)
    if not isinstance(source, np.ndarray | Tensor):
        raise DataError(f"{name}: images come as {TAKEN}, not as {_described(source)}: {_remedy(source)}")
    shape, _ = channels_first(source, name)
    _check_kind(source, name)
    room_for((len(source), *shape), name, FEWER)  # asked before anything of that length is made
    return source, as_labels(own if labels is None else labels, len(source), name)


def split(count: int, share: float, seed: int, name: str) -> tuple[Tensor, Tensor]:
    """Which images are for learning and which for testing: rows in order, the same for the same seed.

    Raises:
        DataError: a share that is not between 0 and 1, or one image alone.
    """
    if not 0 < share < 1:
        raise DataError(f"{name}: test_share is {share}: choose a part of the images between 0 and 1")
    if count < 2:
        raise DataError(f"{name}: one image cannot be split: two are needed, one to learn and one to test")
    order = torch.randperm(count, generator=Generator().manual_seed(seed))
    held = min(count - 1, max(1, round(share * count)))
    return order[held:].sort().values, order[:held].sort().values


def as_uint8(images: np.ndarray | Tensor, name: str, rows: Tensor | None = None) -> Tensor:
    """These rows of the images (all where None) as a uint8 tensor (N, C, H, W) of their own.

    Raises:
        DataError: floats outside [0, 1], or more than fits into memory.
    """
    rows = torch.arange(len(images)) if rows is None else rows
    shape, last = channels_first(images, name)
    pixels = room_for((len(rows), *shape), name, FEWER)
    step = max(1, AT_ONCE // math.prod(shape))
    for start in tqdm(range(0, len(rows), step), desc=f"reading {name}", delay=2):
        some = rows[start : start + step]
        chunk = _bytes(images[some if isinstance(images, Tensor) else some.numpy()], name)
        chunk = chunk.permute(0, 3, 1, 2) if last else chunk
        pixels[start : start + step] = chunk.reshape(len(some), *shape)
    return pixels


def channels_first(images: np.ndarray | Tensor, name: str) -> tuple[tuple[int, int, int], bool]:
    """One image's shape (C, H, W), and whether the images have their channels last.

    Raises:
        DataError: no images, or a shape in which they cannot be told.
    """
    shape = tuple(images.shape)
    if len(shape) < 2 or len(shape) > 4:
        labels = "; labels are passed as labels=" if len(shape) == 1 else ""
        raise DataError(f"{name}: images are {shape}: they come as (N, D), (N, H, W) or (N, C, H, W){labels}")
    if not math.prod(shape):
        raise DataError(f"{name}: images are {shape}: there must be at least one, of at least one pixel")
    if len(shape) == 2:
        side = math.isqrt(shape[1])
        if side * side != shape[1]:
            wanted = "reshape them to (N, C, H, W), as in x.reshape(-1, 3, 32, 32)"
            raise DataError(f"{name}: images are {shape}, and {shape[1]} pixels are no square: {wanted}")
        return (1, side, side), False
    if len(shape) == 3:
        if 3 in (shape[0], shape[2]):
            wanted = "an image set is x[None], and three grey images are x[:, None]"
            raise DataError(f"{name}: images are {shape}, which looks like one picture in colour: {wanted}")
        return (1, *shape[1:]), False
    if shape[1] in (1, 3):
        return shape[1:], False
    if shape[3] in (1, 3):
        return (shape[3], shape[1], shape[2]), True
    some = ("x[:, :1]", "x[:, :3]") if shape[1] < shape[3] else ("x[..., :1]", "x[..., :3]")
    wanted = f"keep one, {some[0]}, or three, {some[1]}, or write ImageSet(...) out, which takes any"
    raise DataError(f"{name}: images are {shape}, neither grey (one channel) nor in colour (three): {wanted}")


def as_labels(labels: Any, count: int, name: str) -> Tensor:
    """Labels as int64 (N,); zeros where there are none.

    Raises:
        DataError: not one integer an image.
    """
    if labels is None:
        return torch.zeros(count, dtype=torch.int64)
    try:
        array = np.asarray(labels.tolist() if isinstance(labels, Tensor) else labels)
    except ValueError as error:  # rows of different lengths
        raise DataError(f"{name}: labels are {_described(labels)}, not one integer an image ({error})") from error
    if array.shape == (count,) and array.dtype.kind in "iu":
        return torch.from_numpy(array.astype(np.int64))
    if len(array.shape) == 1 and array.dtype.kind in "iu":
        raise DataError(f"{name}: {count} images but {len(array)} labels: each image needs one, or pass none at all")
    ways = (
        "names by np.unique(names, return_inverse=True)[1], one-hot rows by .argmax(1), others by labels= of your own"
    )
    raise DataError(
        f"{name}: labels are {array.dtype} {array.shape}, not one integer for each of {count} images: {ways}"
    )


def _whole(source: Any) -> bool:
    """Is it one of torchvision's data sets that hold all images in `data`, just as its items would give them?"""
    if not type(source).__module__.startswith("torchvision.datasets.") or getattr(source, "target_transform", None):
        return False
    data, transform = getattr(source, "data", None), getattr(source, "transform", None)
    plain = transform is None or type(transform).__name__ in ("ToTensor", "PILToTensor", "ToImage")
    return plain and isinstance(data, np.ndarray | Tensor) and data.dtype in (np.uint8, torch.uint8)


def _read_items(dataset: Any, name: str, labelled: bool) -> tuple[Tensor, Any]:
    """Every item of a data set, read once: images uint8 (N, C, H, W), and their labels where they have some."""
    if not len(dataset):
        raise DataError(f"{name}: the data set {type(dataset).__name__} is empty")
    images, labels = torch.empty(0), []
    for number in tqdm(range(len(dataset)), desc=f"reading {name}", delay=2):
        item = dataset[number]
        image, label = (*item, None)[:2] if isinstance(item, tuple | list) and item else (item, None)
        pixels = _one(image, f"{name}, item {number}")
        if not number:
            images = room_for((len(dataset), *pixels.shape), name, FEWER, times=2)
        if pixels.shape != images.shape[1:]:
            sizes = f"{tuple(pixels.shape)}, and those before it {tuple(images.shape[1:])} (C, H, W)"
            wanted = "give the data set transform=torchvision.transforms.Resize((64, 64))"
            raise DataError(
                f"{name}: item {number} is {sizes}: {wanted}, or read a folder by load_images('folder', ...)"
            )
        images[number] = pixels
        labels.append(label)
    return images, labels if labelled and any(label is not None for label in labels) else None


def _one(image: Any, name: str) -> Tensor:
    """One item's picture, of PIL's or an array, as uint8 (C, H, W)."""
    if type(image).__module__.startswith("PIL."):
        from vae_core.sources.pictures import in_colour  # PIL, which is here already

        pixels = np.asarray(in_colour(image))
        image = pixels[..., :1] if image.mode in ("1", "L", "LA", "I;16") else pixels
    if not isinstance(image, np.ndarray | Tensor) or image.ndim not in (2, 3):
        raise DataError(f"{name} is {_described(image)}: an item is a picture, or a picture and its label")
    _check_kind(image, name)
    shape, last = channels_first(image[None], name)
    pixels = _bytes(image, name)
    return (pixels.permute(2, 0, 1) if last else pixels).reshape(shape)


def _check_kind(images: np.ndarray | Tensor, name: str) -> None:
    """Pixels that nobody need guess the white of: bytes, or floats."""
    kind = str(images.dtype).removeprefix("torch.")
    if kind == "bool":
        raise DataError(f"{name}: pixels are bool: turn them into floats 0 and 1, x * 1.0")
    if isinstance(images, np.ma.MaskedArray):
        raise DataError(f"{name}: a masked array has pixels that are not there: x.filled(0) makes them black")
    if kind == "object":
        raise DataError(f"{name}: pixels are objects: bring the images to one size and np.stack them")
    floats = images.dtype.kind == "f" if isinstance(images, np.ndarray) else images.dtype in FLOATS
    if kind != "uint8" and not floats:
        raise DataError(
            f"{name}: pixels are {kind}, not uint8 (0 to 255) or floats (0 to 1): where they are 0 to 255, "
            "x.astype('uint8'), or of a tensor x.to(torch.uint8); where they are 0 to 65,535, x / 65535"
        )


def _bytes(chunk: np.ndarray | Tensor, name: str) -> Tensor:
    """uint8 as it is, floats in [0, 1] as the nearest 255ths."""
    if isinstance(chunk, np.ndarray):
        chunk = torch.from_numpy(np.array(chunk, dtype=np.uint8 if chunk.dtype == np.uint8 else np.float32))
    chunk = chunk.detach().cpu()
    if chunk.dtype == torch.uint8:
        return chunk
    chunk = chunk.float()
    low, high = chunk.min().item(), chunk.max().item()
    if 0 <= low and high <= 1:
        return (chunk * 255).round().to(torch.uint8)
    if math.isnan(low):
        raise DataError(f"{name}: pixels that are not a number (NaN): leave these images out, or np.nan_to_num(x)")
    way = "divide by 255" if low >= 0 and 1 < high <= 255 else "rescale them, as in (x - x.min()) / (x.max() - x.min())"
    if low < 0 and -1 <= low and high <= 1:
        way = "(x + 1) / 2 brings them there from [-1, 1]"
    raise DataError(f"{name}: floats go from {low:g} to {high:g}, and belong in [0, 1] (leave Normalize out): {way}")


def _described(thing: Any) -> str:
    shape = getattr(thing, "shape", None)
    return f"{type(thing).__name__}" + (f" {tuple(shape)}" if shape is not None else "")


def _remedy(source: Any) -> str:
    """What to pass in place of it."""
    if isinstance(source, DataLoader):
        return "pass loader.dataset"
    if isinstance(source, str) or hasattr(source, "__fspath__"):
        return "pictures on disk are read by load_images('folder', root=...)"
    if isinstance(source, list | tuple):
        return "make one array of it, np.stack([np.asarray(image) for image in images]); labels are passed as labels="
    if hasattr(source, "to_numpy"):
        return "pass its .to_numpy()"
    if isinstance(source, Dataset):
        return "it has no length, so read it into an array first"
    return "make an array of it, np.asarray(...)"
