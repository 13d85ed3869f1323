"""Tensors on disk: whole or not at all, and never believed without their hash.

One safetensors file holds the tensors and, in its header, a JSON record with a SHA-256 over every
name, shape, type and byte and over the record itself. Nothing here runs code that comes from a file.
"""

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as read_tensors
from safetensors.torch import save as tensor_bytes
from torch import Tensor

FORMAT = "vae_core-1"


class CheckpointError(ValueError):
    """A file that cannot be used, with its name, what is wrong and the remedy."""


def save(path: str | Path, tensors: dict[str, Tensor], record: dict[str, Any]) -> None:
    """Write `tensors` and a JSON `record` to `path`, replacing what was there only when all is on disk.

    Raises:
        OSError: the disk is full or the folder is not there; what stood at `path` stands unharmed.
        TypeError: the record is not JSON.
    """
    tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    text = json.dumps(record, sort_keys=True)
    seal = json.dumps({"record": text, "sha256": digest(tensors, text)}, sort_keys=True)
    write_atomically(Path(path), tensor_bytes(tensors, {FORMAT: seal}))


def load(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read back what `save` wrote: the tensors, on the CPU, and the record.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: the file is damaged, cut short, or not one of ours.
    """
    data = Path(path).read_bytes()
    remedy = "delete it and fetch or train it again"
    try:
        tensors = read_tensors(data)
        seal = _header(data)["__metadata__"][FORMAT]
        contents = json.loads(seal)
        text, written = contents["record"], contents["sha256"]
        # The hash settles the contents; writing them again settles every byte around them too.
        intact = digest(tensors, text) == written and tensor_bytes(tensors, {FORMAT: seal}) == data
    except (SafetensorError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} is not a checkpoint of this book ({error!r}): {remedy}") from error
    if not intact:
        raise CheckpointError(f"{path} is damaged: its contents do not match the SHA-256 inside it: {remedy}")
    return tensors, json.loads(text)


def digest(tensors: dict[str, Tensor], text: str) -> str:
    """SHA-256 over names, shapes, types and bytes, in sorted order, and over the record's text."""
    sha = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        value = tensors[name]
        sha.update(f"\0{name}\0{tuple(value.shape)}\0{value.dtype}\0".encode())
        sha.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return sha.hexdigest()


def write_atomically(path: Path, data: bytes) -> None:
    """Put `data` at `path` whole or not at all: temporary file beside it, fsync, rename, fsync of the folder.

    Temporary files that a killed run left beside `path` are swept first.

    Raises:
        OSError: the write failed; nothing is left behind and what stood at `path` still stands.
    """
    for stale in path.parent.glob(f".{path.name}.*.tmp"):
        stale.unlink(missing_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _header(data: bytes) -> dict[str, Any]:
    """The JSON header of a safetensors file: eight bytes of length, then that many of JSON."""
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length])
