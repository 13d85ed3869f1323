"""A folder of your own pictures as one tensor: each is read rightly, or refused by name."""

import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from tqdm import tqdm

from vae_core.checks import whole
from vae_core.sources.download import DataError
from vae_core.sources.memory import room_for

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".avif"}
PHONES = {".heic", ".heif"}  # which Pillow alone does not read
NAMED = 10  # refused pictures that a summary names
LEARNED, HELD_OUT = ("train", "training"), ("test", "val", "valid", "validation")  # folders, in any case
LEAST, SMALLEST = 3, 4  # pictures in a folder, pixels on the shorter side


def read_folder(root: str | Path | None, size: int, strict: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Every picture below `root`: images uint8 (N, C, size, size), labels (N,), and which are for testing (N,).

    C is 1 where all pictures are grey, by their pixels and not by their format, and 3 otherwise.

    The folder a picture lies in is its label. Subfolders `train` and `test` are the split where both are there (`val` or
    `validation` where there is no `test`), and what lies beside them is left out; elsewhere every tenth picture is for
    testing. What cannot be read is skipped. What was read and what was not is said on stderr.

    Raises:
        ValueError: `size` is no whole number of 1 or more.
        DataError: no such folder, fewer than three pictures, more than fit into memory, or, if `strict`, one that cannot
            be read.
    """
    if root is None:
        raise DataError("a folder of pictures needs root= (--root), the folder that holds them")
    root = Path(root)
    if not root.is_dir():
        raise DataError(f"{root} is not a folder: pass root= (--root), the folder that holds your pictures")
    size = whole("size", size)
    paths = sorted(path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES | PHONES and not path.is_dir())
    split = _split_of(root)
    if split:
        paths = _inside_the_split(paths, root, split)
    images, refused, grey = _read_all(paths, root, size)
    if refused:
        _report(root, refused, len(paths), strict)
    good = [number for number, path in enumerate(paths) if path not in refused]
    if len(good) < LEAST:
        kinds = ", ".join(sorted(SUFFIXES))
        needed = f"{LEAST} are needed, two to learn from and one to test; some hundreds, to learn much"
        raise DataError(f"{root}: {len(good)} pictures in it could be read, and {needed}. Read are {kinds}")
    labels, for_test = _labels([paths[number].relative_to(root).parts for number in good], split)
    parts = f"{len(good) - for_test.sum():,} to learn from, {for_test.sum():,} to test"
    kind = "all grey, one channel" if grey else "in colour, three channels"
    print(f"{root}: {len(good):,} pictures read at {size}×{size}, {kind}: {parts}", file=sys.stderr)
    return images[good, :1] if grey else images[good], labels, for_test


def read_picture(path: Path, size: int) -> np.ndarray:
    """One picture, uint8 (size, size, 3): upright, its first frame, on white where it is clear, its middle square.

    Raises:
        ValueError, OSError: it cannot be read, has pixels without a known white, or fewer than four on a side.
    """
    with Image.open(path) as picture:
        if min(picture.size) < SMALLEST:
            width, height = picture.size
            raise ValueError(f"{width}×{height} pixels show nothing: {SMALLEST} on a side are the least")
        upright = in_colour(ImageOps.exif_transpose(picture))
        return np.asarray(ImageOps.fit(upright, (size, size), Image.Resampling.BOX))


def in_colour(picture: Image.Image) -> Image.Image:
    """Any picture as 8-bit red, green and blue, on white where it is clear.

    Raises:
        ValueError: its pixels have no known white.
    """
    if picture.mode.startswith("I;16"):  # PIL would clip these at 255
        picture = Image.fromarray((np.asarray(picture).astype(np.uint32) // 257).astype(np.uint8))
    if picture.mode in ("I", "F"):
        raise ValueError("its 32-bit pixels have no known white: save it with 8 or 16 bits")
    if picture.has_transparency_data:
        clear = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear)
    return picture.convert("RGB")


def _read_all(paths: list[Path], root: Path, size: int) -> tuple[Tensor, dict[Path, str], bool]:
    """The pictures as uint8 (N, 3, size, size), why some were refused (their rows mean nothing), and whether all are grey."""
    inside = root.resolve()
    images = room_for(
        (len(paths), 3, size, size), str(root), "choose a smaller size= (--size), or fewer pictures", times=2
    )
    rows = images.numpy()

    def read(number: int) -> bool | str:
        path = paths[number]
        if any(part.startswith(".") for part in path.relative_to(root).parts):
            return "it is hidden, and so perhaps another program's copy"
        if not path.resolve().is_relative_to(inside):
            return "it is a link to somewhere outside the folder"
        if path.exists() and not path.is_file():  # a pipe would be waited for
            return "it is not a file"
        try:
            pixels = read_picture(path, size)
        except Exception as error:  # decoders of hostile bytes raise what they like, and each means: not readable
            remedy = ": save it as JPEG or PNG" if path.suffix.lower() in PHONES else ""
            return f"not a readable picture ({error or type(error).__name__}){remedy}"
        rows[number] = pixels.transpose(2, 0, 1)
        return bool((pixels == pixels[..., :1]).all())

    with warnings.catch_warnings(), ThreadPoolExecutor() as pool:
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        found = list(tqdm(pool.map(read, range(len(paths))), total=len(paths), desc="reading pictures", delay=2))
    refused = {path: why for path, why in zip(paths, found, strict=True) if isinstance(why, str)}
    return images, refused, all(found)


def _report(root: Path, refused: dict[Path, str], count: int, strict: bool) -> None:
    lines = [f"{path.relative_to(root)}: {why}" for path, why in refused.items()]
    if strict:
        raise DataError(f"{root}/{lines[0]}: mend or remove it, or load without strict=True")
    rest = [f"and {len(lines) - NAMED} more"] if len(lines) > NAMED else []
    print(f"{root}: {len(lines)} of {count} pictures skipped", *lines[:NAMED], *rest, sep="\n  ", file=sys.stderr)


def _split_of(root: Path) -> tuple[str, str] | None:
    """The subfolders to learn from and to test on, as they are written, if somebody has split the pictures so."""
    folders = {path.name.lower(): path.name for path in root.iterdir() if path.is_dir()}
    learned, held_out = (next((folders[n] for n in names if n in folders), None) for names in (LEARNED, HELD_OUT))
    return (learned, held_out) if learned and held_out else None


def _inside_the_split(paths: list[Path], root: Path, split: tuple[str, str]) -> list[Path]:
    """The pictures below the split's two folders; others, of a third part perhaps, are no part of either, which is said."""
    inside = [path for path in paths if path.relative_to(root).parts[0] in split]
    if len(inside) < len(paths):
        beside = sorted({path.relative_to(root).parts[0] for path in set(paths) - set(inside)})
        count = f"{len(paths) - len(inside)} pictures lie in neither {split[0]}/ nor {split[1]}/"
        print(f"{root}: {count} and are left out: {', '.join(beside[:NAMED])}", file=sys.stderr)
    return inside


def _labels(parts: list[tuple[str, ...]], split: tuple[str, str] | None) -> tuple[Tensor, Tensor]:
    """From where each picture lies: its label (N,) and whether it is for testing (N,)."""
    for_test = torch.tensor([part[0] == split[1] if split else i % 10 == 9 for i, part in enumerate(parts)])
    if not split:
        for_test[-1] = True  # so that a small folder has a test picture too
    folders = [part[-2] if len(part) > 1 + bool(split) else "" for part in parts]
    labels = {folder: label for label, folder in enumerate(sorted(set(folders)))}
    return torch.tensor([labels[folder] for folder in folders]), for_test
