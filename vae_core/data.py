"""Images as uint8 tensors, checked before anyone sees them.

`load_images` finds MNIST, scikit-learn's small digits or a folder of your own pictures and returns the
same thing for each: an `ImageSet`. Pixels stay 8-bit until a batch is needed; `to_pixels` then makes
them the numbers a model sees.
"""

import gzip
import hashlib
import os
import sys
import tempfile
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from vae_core.checkpoint import write_atomically

# SHA-256 of the decompressed files, so that a number in this book and a number elsewhere mean the same images.
MNIST_FILES = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"}
PIXELS = ("grey", "threshold", "dynamic")


class DataError(ValueError):
    """Images that cannot be used: what was tried, what is wrong, and the remedy."""


@dataclass(frozen=True)
class ImageSet:
    """A training and a test set in memory: images uint8 (N, C, H, W), labels int64 (N,)."""

    name: str
    train: Tensor
    test: Tensor
    train_labels: Tensor
    test_labels: Tensor

    def __post_init__(self) -> None:
        for part, labels in ((self.train, self.train_labels), (self.test, self.test_labels)):
            if part.dtype != torch.uint8 or part.ndim != 4:
                raise DataError(f"{self.name}: images are {part.dtype} {tuple(part.shape)}, not uint8 (N, C, H, W)")
            if not len(part):
                raise DataError(f"{self.name}: an image set is empty; both train and test need at least one image")
            if len(part) != len(labels):
                raise DataError(f"{self.name}: {len(part)} images but {len(labels)} labels")

    @property
    def input_dim(self) -> int:
        """Numbers in one image, C · H · W: what a model takes as `input_dim`."""
        return self.train[0].numel()

    @cached_property
    def sha256(self) -> str:
        """A hash of every pixel in order, so that a resumed run can tell whether its data is the same."""
        sha = hashlib.sha256(f"{tuple(self.train.shape)}{tuple(self.test.shape)}".encode())
        sha.update(self.train.numpy().data)
        sha.update(self.test.numpy().data)
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


def load_images(
    name: str = "mnist", root: str | Path | None = None, *, size: int = 32, fallback: str | None = None
) -> ImageSet:
    """Find a data set: "mnist", "digits" (scikit-learn's 1,797), or "folder" (your own, square of `size`).

    MNIST is looked for in `root`, then `$VAE_DATA`, then `./data`, and is then downloaded by
    torchvision. With `fallback="digits"` a machine that has neither the files nor a network gets the digits.

    Raises:
        ValueError: an unknown name.
        DataError: nothing found (every place tried is named), a damaged file, or an empty folder.
    """
    if name == "digits":
        return _digits()
    if name == "folder":
        return _folder(root, size)
    if name != "mnist":
        raise ValueError(f"unknown image set {name!r}: choose 'mnist', 'digits' or 'folder'")
    if fallback not in (None, "digits"):
        raise ValueError(f"unknown fallback {fallback!r}: choose 'digits' or None")
    try:
        return _mnist(root)
    except DataError as error:
        if fallback is None or isinstance(error, DamagedFile):
            raise
        print(f"No MNIST here: serving scikit-learn's 1,797 digits instead.\n({error})", file=sys.stderr)
        return _digits()


def to_pixels(images: Tensor, pixels: str = "grey", *, generator: Generator | None = None) -> Tensor:
    """uint8 images as the numbers a model sees: (N, ...) -> float32 (N, C·H·W) in [0, 1].

    "grey" divides by 255; "threshold" is 1 from 128 up and 0 below; "dynamic" draws each pixel
    anew, 1 with probability x/255 (Salakhutdinov & Murray 2008). Results from different kinds
    cannot be compared.

    Raises:
        ValueError: another kind of pixels.
    """
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


class DamagedFile(DataError):
    """A file that is there but is not what it should be; never papered over by a fallback."""


def _mnist(root: str | Path | None) -> ImageSet:
    """The four MNIST files from the first place that has them, or from torchvision's download."""
    places = [Path(place) for place in (root, os.environ.get("VAE_DATA"), "data") if place]
    for place in places:
        raw = place / "MNIST" / "raw"
        if all(_find(raw, name) for name in MNIST_FILES):
            return _read_mnist(raw)
    with tempfile.TemporaryDirectory() as scratch:
        try:
            from torchvision.datasets import MNIST  # a second to import, and only needed here

            MNIST(scratch, download=True)
        except (OSError, RuntimeError) as error:
            tried = ", ".join(str(place / "MNIST" / "raw") for place in places)
            remedy = "set VAE_DATA to a folder that has MNIST/raw, or pass fallback='digits'"
            why = str(error).splitlines()[0]
            raise DataError(f"MNIST is not in {tried}, and its download failed ({why}): {remedy}") from error
        images = _read_mnist(Path(scratch) / "MNIST" / "raw")
        kept = places[0] / "MNIST" / "raw"
        kept.mkdir(parents=True, exist_ok=True)
        for name in MNIST_FILES:
            write_atomically(kept / name, (Path(scratch) / "MNIST" / "raw" / name).read_bytes())
    return images


def _find(raw: Path, name: str) -> Path | None:
    """The file as torchvision lays it out, plain or gzipped."""
    return next((path for path in (raw / name, raw / f"{name}.gz") if path.is_file()), None)


def _read_mnist(raw: Path) -> ImageSet:
    arrays = [_read_idx(raw, name) for name in MNIST_FILES]
    train, train_labels, test, test_labels = arrays
    return ImageSet("mnist", train[:, None], test[:, None], train_labels.long(), test_labels.long())


def _read_idx(raw: Path, name: str) -> Tensor:
    """One idx file whose SHA-256 is the published one: the hash settles counts, shapes and ranges too."""
    path = _find(raw, name)
    assert path is not None
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, gzip.BadGzipFile) as error:
        raise DamagedFile(f"{path} is damaged ({error}): delete it and it will be fetched again") from error
    if hashlib.sha256(data).hexdigest() != MNIST_FILES[name]:
        raise DamagedFile(f"{path} is not MNIST's {name} (its SHA-256 differs): delete it and it will be fetched again")
    shape = np.frombuffer(data, ">u4", count=data[3], offset=4).astype(int)
    return torch.from_numpy(np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape).copy())


def _digits() -> ImageSet:
    """scikit-learn's 1,797 digits, 8×8, enlarged to 20×20 in a 28×28 frame as MNIST's are."""
    from sklearn.datasets import load_digits

    pixels, target = load_digits(return_X_y=True)
    small = torch.from_numpy(pixels).float().view(-1, 1, 8, 8) / 16
    large = F.interpolate(small, size=(20, 20), mode="bicubic", align_corners=False).clamp(0, 1)
    images = F.pad((255 * large).round().to(torch.uint8), (4, 4, 4, 4))
    labels = torch.from_numpy(target).long()
    return ImageSet("digits", images[:1500], images[1500:], labels[:1500], labels[1500:])


def _folder(root: str | Path | None, size: int) -> ImageSet:
    """Every picture below `root`, RGB, cropped to a square of `size`; the folder it lies in is its label.

    Subfolders `train` and `test` are the split where both are there; elsewhere every tenth picture is for testing.
    """
    if root is None:
        raise DataError("load_images('folder') needs root=, the folder that holds your pictures")
    root = Path(root)
    if not root.is_dir():
        raise DataError(f"{root} is not a folder: pass root=, the folder that holds your pictures")
    if size < 1:
        raise ValueError(f"size is {size}: it must be at least 1 pixel")
    paths = sorted(path for path in root.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
    if len(paths) < 2:
        kinds = ", ".join(sorted(IMAGE_SUFFIXES))
        raise DataError(f"{root} holds {len(paths)} pictures, and two are needed: one to learn, one to test ({kinds})")
    split = (root / "train").is_dir() and (root / "test").is_dir()
    parts = [path.relative_to(root).parts for path in paths]
    for_test = torch.tensor([part[0] == "test" if split else i % 10 == 9 for i, part in enumerate(parts)])
    if not split:
        for_test[-1] = True  # so that a small folder has a test picture too
    names = sorted({part[-2] if len(part) > 1 + split else "" for part in parts})
    labels = torch.tensor([names.index(part[-2] if len(part) > 1 + split else "") for part in parts])
    images = _read_pictures(paths, size)
    return ImageSet(f"folder {root.name}", images[~for_test], images[for_test], labels[~for_test], labels[for_test])


def _read_pictures(paths: list[Path], size: int) -> Tensor:
    """Pictures as uint8 (N, 3, size, size), turned as their EXIF says and cropped to the middle square."""
    from concurrent.futures import ThreadPoolExecutor

    from PIL import Image, ImageOps
    from tqdm.auto import tqdm

    def read(path: Path) -> np.ndarray:
        try:
            with Image.open(path) as picture:
                upright = ImageOps.exif_transpose(picture).convert("RGB")
                return np.asarray(ImageOps.fit(upright, (size, size), Image.Resampling.BOX))
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            raise DataError(f"{path} is not a readable picture ({error}): mend or remove it") from error

    with ThreadPoolExecutor() as pool:
        arrays = list(tqdm(pool.map(read, paths), total=len(paths), desc="reading pictures", delay=2))
    return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).contiguous()
