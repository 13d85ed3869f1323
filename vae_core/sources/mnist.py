"""MNIST and Fashion-MNIST, verified: found on disk as torchvision lays them out, healed or fetched from a mirror."""

import hashlib
import os
import sys
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vae_core.files import write_atomically
from vae_core.sources import places
from vae_core.sources.download import DamagedFile, DataError, fetch, gunzip

# SHA-256 of the decompressed files, so that a number in this book and a number elsewhere mean the same images.
MNIST_FILES = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
# The same of Fashion-MNIST, as five projects that unpack it publish them (one beside MNIST's, which are those above).
FASHION_FILES = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
# Of Fashion-MNIST torchvision names one mirror, which is not encrypted; its makers' own repository is.
MAKERS = {"FashionMNIST": "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/"}
LIMIT = 50_000_000  # bytes: a little more than the largest of them unpacked
REMEDY = "set VAE_DATA to a folder that has {}/raw, or take the digits: fallback='digits' (--data digits)"


def read_mnist(root: str | Path | None, which: str = "MNIST") -> list[Tensor]:
    """Training images (60000, 28, 28), their labels, test images and theirs, uint8: of MNIST, or of FashionMNIST.

    Looked for in `root`, `$VAE_DATA` and `./data`. A damaged file is set aside and fetched anew, a missing one
    fetched, and both are kept in the first place that has the set (or the first of all).

    Raises:
        DamagedFile: a file was damaged and no mirror could replace it.
        DataError: the files are nowhere, and could not be fetched.
    """
    folders = [place / which / "raw" for place in places(root)]
    complete = (raw for raw in folders if all(_found(raw, name) for name in MNIST_FILES))
    raw = next(complete, folders[0])
    return [_to_array(_cached(raw, name, which) or _fetched(raw, name, folders, which)) for name in MNIST_FILES]


def verified(name: str, data: bytes, packed: bool, which: str = "MNIST") -> bytes:
    """The file's bytes, unpacked, once their SHA-256 is the published one: that settles counts, shapes and ranges too.

    Raises:
        DataError: it is another file.
    """
    if packed:
        data = gunzip(data, LIMIT)
    published = {"MNIST": MNIST_FILES, "FashionMNIST": FASHION_FILES}[which]
    if hashlib.sha256(data).hexdigest() != published[name]:
        raise DataError(f"it is not {which}'s {name}: its SHA-256 differs")
    return data


def _found(raw: Path, name: str) -> list[Path]:
    """The file as torchvision lays it out: plain, gzipped, or both."""
    return [path for path in (raw / name, raw / f"{name}.gz") if path.is_file()]


def _cached(raw: Path, name: str, which: str) -> bytes | None:
    """The file on disk; None where it is not there, or was damaged and has been set aside."""
    for path in _found(raw, name):
        try:
            if path.stat().st_size > LIMIT:
                raise DataError(f"it has {path.stat().st_size:,} bytes")
            return verified(name, path.read_bytes(), path.suffix == ".gz", which)
        except DataError as error:
            print(f"{path} is damaged ({error}): {_set_aside(path)}", file=sys.stderr)
    return None


def _set_aside(path: Path) -> str:
    """Rename a damaged file, over nothing that is there, and say what was done. What is read-only stays where it is."""
    if not (_writable(path) and _writable(path.parent)):
        return "it is read-only and stays where it is"
    names = (path.with_name(f"{path.name}.damaged{number}") for number in ("", *range(2, 100)))
    aside = next((name for name in names if not name.exists()), None)
    if aside is None:
        return "it stays where it is, for a hundred were set aside before it"
    path.rename(aside)
    return f"set aside as {aside.name}"


def _writable(path: Path) -> bool:
    """Whether its owner means it to be written, which root's own rights do not tell."""
    return bool(path.stat().st_mode & 0o200) and os.access(path, os.W_OK)


def _fetched(raw: Path, name: str, tried: list[Path], which: str) -> bytes:
    """The file from the first encrypted mirror that has it, torchvision's or the makers', kept in `raw` unless read-only."""
    from torchvision import datasets  # a second to import, and only needed here

    mirrors = [*getattr(datasets, which).mirrors, *filter(None, [MAKERS.get(which)])]
    urls = [f"{mirror}{name}.gz" for mirror in mirrors if mirror.startswith("https:")]
    remedy = REMEDY.format(which)
    damaged = next(iter([*_found(raw, name), *raw.glob(f"{name}*.damaged*")]), None)
    try:
        data = fetch(urls, partial(verified, name, packed=True, which=which), limit=LIMIT)
    except DataError as error:
        if damaged:
            raise DamagedFile(
                f"{damaged} is not {which}'s, and no mirror could replace it ({error}): {remedy}"
            ) from error
        folders = ", ".join(map(str, tried))
        raise DataError(f"{which} is not in {folders}, and its download failed ({error}): {remedy}") from error
    try:
        raw.mkdir(parents=True, exist_ok=True)
        if not _writable(raw) or _found(raw, name):
            raise PermissionError(None, "it is read-only, or has a file that is")
        write_atomically(raw / name, data)
    except OSError as error:
        print(f"{raw} is left as it is ({error.strerror}): {name} is kept in memory alone", file=sys.stderr)
    return data


def _to_array(data: bytes) -> Tensor:
    """An idx file's contents, whose header the hash has vouched for: uint8."""
    shape = np.frombuffer(data, ">u4", count=data[3], offset=4).astype(int)
    return torch.from_numpy(np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape).copy())
