"""Room for images: what does not fit into memory is refused before any of it is read."""

import math
import os
import re
from pathlib import Path

import torch
from torch import Tensor

from vae_core.sources.download import DataError


def room_for(shape: tuple[int, ...], what: str, remedy: str, *, times: int = 1) -> Tensor:
    """An empty uint8 tensor of this shape, which somebody is about to fill; `times` it is held while that lasts.

    Raises:
        DataError: more than the memory that is free, with both sizes in GB.
    """
    needed, free = times * math.prod(shape), free_memory()
    too_large = f"{what}: {shape} pixels take {needed / 1e9:,.1f} GB of memory to read, {{}}: {remedy}"
    if free is not None and needed > free:
        raise DataError(too_large.format(f"and {free / 1e9:,.1f} GB are free"))
    try:
        return torch.empty(shape, dtype=torch.uint8)
    except (RuntimeError, MemoryError) as error:  # where nobody tells what is free, the system itself refuses
        raise DataError(too_large.format("which the system does not give")) from error


def free_memory() -> int | None:
    """Bytes that can be had: by Linux's own estimate, elsewhere all there are; None where nobody tells (Windows)."""
    estimate = Path("/proc/meminfo")
    if estimate.is_file():
        found = re.search(r"^MemAvailable: +(\d+) kB$", estimate.read_text(encoding="ascii"), re.MULTILINE)
        if found:
            return 1024 * int(found[1])
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
