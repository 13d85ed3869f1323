"""A file from the web, whole and right, from the first mirror that gives it.

Nothing is written here: a file is handed on only once its contents have been checked.
"""

import ssl
import time
import zlib
from collections.abc import Callable, Sequence
from http.client import HTTPException
from typing import Any
from urllib.error import URLError
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from tqdm import tqdm

CHUNK = 1 << 16


class DataError(ValueError):
    """Data that cannot be used: what was tried, what is wrong, and the remedy."""


class DamagedFile(DataError):
    """A file that is there but is not what it should be; never papered over by a fallback."""


class StayEncrypted(HTTPRedirectHandler):
    """Follows a redirect, but never from https to anything less."""

    def redirect_request(self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Request | None:
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise URLError(f"it redirects to {newurl}, which is not encrypted")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch(
    urls: Sequence[str],
    check: Callable[[bytes], bytes],
    *,
    limit: int,
    patience: float = 30.0,
    slowest: float = 32_000.0,
) -> bytes:
    """What `check` makes of the file, from the first of these mirrors whose file it does not refuse.

    A mirror is left within `patience` seconds of falling silent or below `slowest` bytes a second, and
    at `limit` bytes. Certificates are always checked.

    Raises:
        DataError: no mirror served; the message says of each why.
    """
    reasons = []
    for url in urls:
        try:
            return check(_read(url, limit, patience, slowest))
        except (OSError, HTTPException, ValueError) as error:
            reasons.append(f"{url}: {str(error) or type(error).__name__}")
    raise DataError("; ".join(reasons) or "there is no mirror to ask")


def gunzip(data: bytes, limit: int) -> bytes:
    """Unpack a gzip file, to `limit` bytes at most.

    Raises:
        DataError: it is not gzip, is cut short, or holds more than `limit` bytes.
    """
    unpacker = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacker.decompress(data, limit)
    except zlib.error as error:
        raise DataError(f"it is not a gzip file ({error})") from error
    if not unpacker.eof or unpacker.unused_data:
        raise DataError(f"its gzip stream is cut short, has more behind it, or holds more than {limit:,} bytes")
    return unpacked


def _read(url: str, limit: int, patience: float, slowest: float) -> bytes:
    opener = build_opener(StayEncrypted, HTTPSHandler(context=ssl.create_default_context()))
    request = Request(url, headers={"User-Agent": "vae_core"})
    data = bytearray()
    with opener.open(request, timeout=patience / 2) as answer:
        length = int(answer.headers.get("Content-Length") or 0)
        since, had = time.monotonic(), 0
        with tqdm(total=length or None, desc=url.rsplit("/", 1)[-1], unit="B", unit_scale=True, delay=1) as bar:
            while chunk := answer.read1(CHUNK):
                data += chunk
                bar.update(len(chunk))
                if len(data) > limit:
                    raise URLError(f"it sends more than the {limit:,} bytes that were expected")
                seconds = time.monotonic() - since
                if seconds > patience / 2:  # a fair mirror's lull is forgiven, a trickle is not
                    if len(data) - had < slowest * seconds:
                        raise URLError(f"it sent {(len(data) - had) / seconds:,.0f} bytes a second: too slow")
                    since, had = time.monotonic(), len(data)
    if length and len(data) != length:
        raise URLError(f"it sent {len(data):,} of {length:,} bytes")
    return bytes(data)
