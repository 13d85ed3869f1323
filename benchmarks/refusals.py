"""What damaged files four readers accept: torch.load, safetensors, torchvision's MNIST, and this book.

    python benchmarks/refusals.py            # or: make refusals

Seeded: the same versions give the same counts. Writes results/refusals.json and results/refusals.md.
"""

import argparse
import contextlib
import hashlib
import io
import json
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

import numpy as np
import safetensors
import safetensors.torch
import torch
import torchvision
from bench import machine
from torchvision.datasets import MNIST

from vae_core import checkpoint
from vae_core.presets import PRESETS
from vae_core.sources import mnist
from vae_core.sources.download import DataError

RESULTS = Path(__file__).parent / "results"
SEED = 0
PARTS = tuple(mnist.MNIST_FILES)
READERS = (torch, torchvision, safetensors)
Item = TypeVar("Item")
Mutants = dict[str, Iterator[Item]]
Reader = Callable[[Path], Any]


def flips(rng: random.Random, good: bytes, count: int) -> Iterator[bytes]:
    for _ in range(count):
        data = bytearray(good)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        yield bytes(data)


def zeroed(rng: random.Random, good: bytes, count: int) -> Iterator[bytes]:
    for _ in range(count):
        at = 4096 * rng.randrange(len(good) // 4096)
        yield good[:at] + bytes(4096) + good[at + 4096 :]


def cuts(rng: random.Random, good: bytes, count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield good[: rng.randrange(len(good))]


def accepts(read: Reader, path: Path) -> bool:
    """Whether the reader takes the file without a word."""
    try:
        read(path)
    except Exception:  # a refusal, of whatever kind: each reader has its own
        return False
    return True


def weight_files(folder: Path) -> dict[str, tuple[Path, Reader]]:
    """1.3 MB of VAE weights (784–400–20 in float16) as each reader's own format has them."""
    model = PRESETS["classic-400-20"].build(SEED)
    tensors = {name: value.half() for name, value in model.state_dict().items()}
    files = {name: folder / name for name in ("torch.load", "safetensors", "this book")}
    buffer = io.BytesIO()
    torch.save(tensors, buffer)
    files["torch.load"].write_bytes(buffer.getvalue())
    safetensors.torch.save_file(tensors, files["safetensors"])
    checkpoint.save(files["this book"], tensors, {"config": model.config})
    readers: dict[str, Reader] = {
        "torch.load": lambda path: torch.load(path, weights_only=True),
        "safetensors": safetensors.torch.load_file,
        "this book": checkpoint.load,
    }
    return {name: (path, readers[name]) for name, path in files.items()}


def weights_table(folder: Path, scale: float) -> dict[str, dict[str, Any]]:
    """Accepted mutants of a weights file, by damage and reader."""
    table: dict[str, dict[str, Any]] = {}
    for reader, (path, read) in weight_files(folder).items():
        good = path.read_bytes()
        assert accepts(read, path)
        kinds = {"one bit flipped": (flips, 1000), "4 KiB zeroed": (zeroed, 300), "cut short": (cuts, 100)}
        for damage, (make, count) in kinds.items():
            rng = random.Random(f"{SEED} {damage}")
            tried = max(1, round(count * scale))
            taken = 0
            for mutant in make(rng, good, tried):
                if mutant != good:  # to zero what is zero damages nothing
                    path.write_bytes(mutant)
                    taken += accepts(read, path)
            table.setdefault(damage, {"tried": tried})[reader] = taken
        path.write_bytes(good)
    return table


def idx(array: np.ndarray) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def damaged_sets(images: np.ndarray, labels: np.ndarray, scale: float) -> dict[str, list[dict[str, bytes]]]:
    """Sets of files that are not what they were: images (N, 28, 28) and labels (N,) damaged in five ways."""
    rng = random.Random(SEED)
    good_images = idx(images)
    pixels = []
    for _ in range(max(1, round(300 * scale))):
        data = bytearray(good_images)
        data[rng.randrange(16, len(data))] ^= 0xFF
        pixels.append({PARTS[0]: bytes(data)})
    wild = labels.copy()
    wild[::7] = 255
    return {
        "one pixel changed": pixels,
        "a set of 500 images": [{PARTS[0]: idx(images[:500]), PARTS[1]: idx(labels[:500])}],
        "450 labels for 500 images": [{PARTS[0]: idx(images[:500]), PARTS[1]: idx(labels[:450])}],
        "labels up to 255": [{PARTS[1]: idx(wild)}],
        "a file cut short": [{PARTS[0]: good_images[: len(good_images) // 2]}],
    }


def data_table(folder: Path, scale: float) -> dict[str, dict[str, Any]]:
    """Accepted sets of damaged files, by damage and reader. A set drawn at random stands in for MNIST, its hashes for the published ones."""
    draw = np.random.default_rng(SEED).integers
    images, labels = draw(0, 256, (2000, 28, 28)).astype(np.uint8), draw(0, 10, 2000).astype(np.uint8)
    good = {PARTS[0]: idx(images), PARTS[1]: idx(labels), PARTS[2]: idx(images[:100]), PARTS[3]: idx(labels[:100])}
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)

    def lay_out(files: dict[str, bytes]) -> None:
        for path in raw.iterdir():
            path.unlink()
        for name, data in {**good, **files}.items():
            (raw / name).write_bytes(data)

    def no_network(*_: Any, **__: Any) -> bytes:
        raise DataError("no network: nothing is to be healed here")

    readers: dict[str, Reader] = {"torchvision": lambda root: MNIST(root, train=True), "this book": mnist.read_mnist}
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in good.items()}
    table: dict[str, dict[str, Any]] = {}
    elsewhere = {name: value for name, value in os.environ.items() if name != "VAE_DATA"}
    with (
        mock.patch.object(mnist, "MNIST_FILES", hashes),
        mock.patch.object(mnist, "fetch", no_network),
        mock.patch.dict(os.environ, elsewhere, clear=True),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        for reader, read in readers.items():
            lay_out({})
            assert accepts(read, folder)
            for damage, sets in damaged_sets(images, labels, scale).items():
                taken = 0
                for files in sets:
                    lay_out(files)
                    taken += accepts(read, folder)
                table.setdefault(damage, {"tried": len(sets)})[reader] = taken
    return table


def measure(scale: float = 1.0) -> dict[str, Any]:
    """Both tables. `scale` below 1 tries fewer mutants of each kind."""
    with tempfile.TemporaryDirectory() as scratch:
        weights, data = Path(scratch, "weights"), Path(scratch, "data")
        weights.mkdir()
        data.mkdir()
        return {"weights": weights_table(weights, scale), "data": data_table(data, scale)}


def as_markdown(result: dict[str, Any]) -> str:
    """The counts as two tables, and what they were measured with."""
    heads = {"weights": ("torch.load", "safetensors", "this book"), "data": ("torchvision", "this book")}
    titles = {"weights": "1.3 MB of weights", "data": "a folder of MNIST's format"}
    lines = []
    for part, readers in heads.items():
        shown = [f"`{reader}`" if reader == "torch.load" else reader for reader in readers]
        lines += [
            f"| {titles[part]} | tried | " + " | ".join(shown) + " |",
            "|---|---" + "|---" * len(readers) + "|",
        ]
        for damage, row in result[part].items():
            counts = [f"**{row[reader]:,}**" if reader == "this book" else f"{row[reader]:,}" for reader in readers]
            lines.append(f"| {damage} | {row['tried']:,} | " + " | ".join(counts) + " |")
        lines.append("")
    made = result["machine"]
    versions = ", ".join(f"{reader.__name__} {made[reader.__name__]}" for reader in READERS)
    lines.append(
        f"Accepted, by reader. {made['device']}, {made['cores']} cores, Python {made['python']}, {versions}, "
        f"seed {result['seed']}, {result['date']}."
    )
    return "\n".join(lines) + "\n"


def main() -> None:
    argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False).parse_args()
    begun = time.perf_counter()
    versions = {reader.__name__: reader.__version__ for reader in READERS}
    made = {"machine": machine(torch.device("cpu")) | versions, "date": datetime.now(UTC).date().isoformat()}
    result = {**made, "seed": SEED, **measure()}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "refusals.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (RESULTS / "refusals.md").write_text(as_markdown(result), encoding="utf-8")
    print(f"{as_markdown(result)}\n{time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
