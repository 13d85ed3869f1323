"""Files on disk: whole or not at all."""

import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


def write_atomically(path: Path, data: bytes) -> None:
    """Put `data` at `path` whole or not at all: temporary file beside it, fsync, rename, fsync of the folder.

    Permissions stay as they were, and a link stays a link. Temporary files that a killed run left beside
    `path` are swept first.

    Raises:
        OSError: the write failed; nothing is left behind and what stood at `path` still stands.
    """
    path = Path(os.path.realpath(path))
    with _held(path.parent) as sync:
        _sweep(path)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        try:
            with temporary.open("xb") as file:
                if path.exists():
                    temporary.chmod(stat.S_IMODE(path.stat().st_mode))
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync()


@contextmanager
def _held(folder: Path) -> Iterator[Callable[[], None]]:
    """Keep other writers out of a folder; yields what puts the names in it on disk."""
    if fcntl is None:  # Windows neither locks nor syncs a folder, and lets nobody sweep a file that is being written
        yield lambda: None
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a disk that knows no locks
            # One writer at a time in a folder: a temporary file that is here now has lost its writer.
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield lambda: os.fsync(handle)
    finally:
        os.close(handle)


def _sweep(path: Path) -> None:
    """Remove the temporary files of killed writers of `path`, and of no other file."""
    temporary = re.compile(rf"\.{re.escape(path.name)}\.[^.]+\.tmp")
    for stale in path.parent.iterdir():
        if temporary.fullmatch(stale.name):
            with suppress(PermissionError):  # on Windows: somebody is writing it
                stale.unlink(missing_ok=True)
