"""Pack the built book into one file that opens anywhere, with its SHA-256 beside it.

    python tools/pack_site.py [_build/html] [_build/site]

The same pages give the same bytes: names are sorted, times and permissions fixed. Check a copy with
`sha256sum --check explorable-vae-VERSION.zip.sha256`; unzip it anywhere, and open index.html.
"""

import argparse
import hashlib
import sys
import zipfile
from pathlib import Path

from vae_core import __version__

ROOT = Path(__file__).parents[1]
NAME = f"explorable-vae-{__version__}"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold


def pack(site: Path, out: Path) -> Path:
    """Write `out/explorable-vae-VERSION.zip` and its `.sha256`; return the zip."""
    if not (site / "index.html").is_file():
        raise FileNotFoundError(f"{site} holds no index.html: build the book first, with `make book`")
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"{NAME}.zip"
    fresh = target.with_suffix(".zip.part")
    files = [path for path in site.rglob("*") if path.is_file() and not path.name.startswith(".")]
    with zipfile.ZipFile(fresh, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(files, key=lambda path: path.relative_to(site).as_posix()):
            entry = zipfile.ZipInfo(f"{NAME}/{path.relative_to(site).as_posix()}", EPOCH)
            entry.compress_type, entry.external_attr, entry.create_system = zipfile.ZIP_DEFLATED, 0o644 << 16, 3
            archive.writestr(entry, path.read_bytes())
    digest = hashlib.sha256(fresh.read_bytes()).hexdigest()
    fresh.replace(target)
    target.with_suffix(".zip.sha256").write_text(f"{digest}  {target.name}\n", encoding="utf-8")
    return target


def main():
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("site", nargs="?", type=Path, default=ROOT / "_build" / "html", help="the built book")
    parser.add_argument("out", nargs="?", type=Path, default=ROOT / "_build" / "site", help="where the zip goes")
    options = parser.parse_args()
    try:
        target = pack(options.site, options.out)
    except FileNotFoundError as error:
        parser.error(str(error))
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")
    print(target.with_suffix(".zip.sha256").read_text(encoding="utf-8"), end="")


if __name__ == "__main__":
    sys.exit(main())
