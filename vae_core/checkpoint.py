"""Tensors on disk: whole or not at all, and never believed without their hash.

One safetensors file holds the tensors and, in its header, a JSON record with a SHA-256 over every
name, shape, type and byte and over the record itself. Nothing here runs code that comes from a file.
"""

import hashlib
import json
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors import SafetensorError
from safetensors.torch import load as read_tensors
from safetensors.torch import save as tensor_bytes
from torch import Tensor

from vae_core.files import write_atomically

FORMAT = "vae_core-1"
MAX_BYTES = 2**30  # twenty times the largest run of this book: what is larger is refused unread
MAX_HEADER = 2**22  # names, shapes and the history of some 10,000 epochs
MAX_BRACKETS = 2**17  # three a tensor, one an epoch; what makes JSON slow to read
UNREADABLE = (SafetensorError, ValueError, TypeError, LookupError, AttributeError, OverflowError, RuntimeError)


class CheckpointError(ValueError):
    """A file that cannot be used, with its name, what is wrong and the remedy."""


def save(path: str | Path, tensors: dict[str, Tensor], record: dict[str, Any]) -> None:
    """Write `tensors` and a JSON `record` to `path`, replacing what was there only when all is on disk.

    Raises:
        OSError: the disk is full or the folder is not there; what stood at `path` stands unharmed.
        TypeError: the record is not JSON.
        ValueError: more than `load` would read back (the limits at the top of this file).
    """
    tensors = _apart(tensors)
    text = json.dumps(record, sort_keys=True)
    data = tensor_bytes(tensors, {FORMAT: _seal(text, digest(tensors, text))})
    length = _header_length(data)
    limits = {"bytes": (len(data), MAX_BYTES), "bytes in its header": (length, MAX_HEADER)}
    limits["brackets in its header"] = (_brackets(data[8 : 8 + length]), MAX_BRACKETS)
    for what, (size, most) in limits.items():
        if size > most:
            raise ValueError(f"{path} was not written: it would have {size:,} {what}, and {most:,} is the most")
    write_atomically(Path(path), data)


def load(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read back what `save` wrote: the tensors, on the CPU, and the record.

    A file whose size is not what its header says is refused before its tensors are read, so a damaged
    file costs no more memory than a good one.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: the file is damaged, cut short, or not one of ours.
    """
    path = Path(path)
    if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited on for ever
        raise CheckpointError(f"{path} is not a file: name the .safetensors file, not its folder")
    try:
        with path.open("rb") as file:
            return _read(file)
    except UNREADABLE as error:
        why = f"{path} is damaged or not a checkpoint of this book ({error if type(error) is ValueError else repr(error)})"
        raise CheckpointError(
            f"{why}: fetch or train it again; weights of another tool go through model.load_state_dict"
        ) from error


def _read(file: BinaryIO) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What an open file holds, once every byte of it is accounted for: `UNREADABLE` if one is not."""
    size = os.fstat(file.fileno()).st_size
    if size > MAX_BYTES:
        raise ValueError(f"it has {size:,} bytes, and the largest that is read has {MAX_BYTES:,}")
    start = file.read(8)
    length = _header_length(start)
    if not 0 < length <= min(size - 8, MAX_HEADER):
        raise ValueError(f"it has {size:,} bytes, and says that its header has {length:,}")
    header = file.read(length)
    if _brackets(header) > MAX_BRACKETS:
        raise ValueError("its header is no list of tensors")
    entries = json.loads(header)
    if FORMAT not in entries.get("__metadata__", {}):
        raise ValueError("it has no record of this book")
    seal = entries.pop("__metadata__")[FORMAT]
    text, written = (json.loads(seal)[part] for part in ("record", "sha256"))
    places = sorted((entry["data_offsets"], name) for name, entry in entries.items())
    claimed = 8 + length + (places[-1][0][1] if places else 0)
    if size != claimed:
        raise ValueError(f"it has {size:,} bytes, and its header describes {claimed:,}")
    # The hash below settles names, shapes, types and bytes. Here is settled that there is nothing else in the header.
    known: dict[str, Any] = {"__metadata__": {FORMAT: _seal(text, written)}}
    known |= {name: {part: entries[name][part] for part in ("dtype", "shape", "data_offsets")} for _, name in places}
    compact = json.dumps(known, ensure_ascii=False, separators=(",", ":")).encode()
    if header != compact + b" " * (-len(compact) % 8):
        raise ValueError("its header is not as it was written")
    tensors = read_tensors(start + header + file.read(size - 8 - length))
    if digest(tensors, text) != written:
        raise ValueError("its contents do not match the SHA-256 inside it")
    return tensors, json.loads(text)


def digest(tensors: dict[str, Tensor], text: str) -> str:
    """SHA-256 over names, shapes, types and bytes, in sorted order, and over the record's text."""
    sha = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        value = tensors[name]
        sha.update(f"\0{name}\0{tuple(value.shape)}\0{value.dtype}\0".encode())
        sha.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return sha.hexdigest()


def _apart(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors on the CPU, each in memory of its own, for safetensors takes none that two layers share."""
    apart, taken = {}, set()
    for name, value in tensors.items():
        value = value.detach().cpu().contiguous()
        memory = value.untyped_storage().data_ptr()
        apart[name] = value.clone() if memory in taken else value
        taken.add(memory)
    return apart


def _seal(text: str, sha256: str) -> str:
    """The record and the hash, as they stand in the header."""
    return json.dumps({"record": text, "sha256": sha256}, sort_keys=True)


def _header_length(data: bytes) -> int:
    """A safetensors file begins with the length of its JSON header, in eight bytes."""
    return int.from_bytes(data[:8], "little")


def _brackets(header: bytes) -> int:
    return header.count(b"[") + header.count(b"{")
