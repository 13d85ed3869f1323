"""What a script measured, kept in results/NAME.json: one that was stopped goes on, and nothing lies there half written."""

import argparse
import json
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from bench import machine

from vae_core.files import write_atomically

RESULTS = Path(__file__).parent / "results"


def begin(
    about: str | None, path: Path, names: Collection[str] = (), kind: str = ""
) -> tuple[argparse.Namespace, dict[str, Any]]:
    """Read the command line, and what is measured already: the options, and the record that is gone on with.

    `--record` names another file than `path`; of a script that has `names`, any may be asked for: `options.names`
    are those, or all. A file that is not there is an empty record. The script ends where a name is unknown or the
    record damaged.
    """
    torch.set_num_threads(1)  # sums are added in the same order on every machine
    parser = argparse.ArgumentParser(description=(about or "").splitlines()[0], allow_abbrev=False)
    choice = "; ".join(names)

    def known(name: str) -> str:
        if name not in names:
            raise argparse.ArgumentTypeError(f"no {kind} is named {name!r}; choose of: {choice}")
        return name

    if names:
        parser.add_argument("names", nargs="*", type=known, metavar=kind, help=f"of {choice} (all of them)")
    parser.add_argument("--record", type=Path, default=path, help="the file to go on with (default: the book's)")
    options = parser.parse_args()
    if names and not options.names:
        options.names = list(names)
    if not options.record.exists():
        return options, {}
    try:
        record = json.loads(options.record.read_text(encoding="utf-8"))
        if not isinstance(record, dict) or not isinstance(record.get("rows"), dict | list):
            raise ValueError("it has no rows")
    except ValueError as error:
        parser.error(
            f"{options.record} is damaged or no record ({error}): bring it back with git restore, or move it away "
            "and all is measured anew"
        )
    return options, record


def write(path: Path, name: str, protocol: str, **parts: Any) -> None:
    """Write the record of benchmarks/NAME.py, whole or not at all: what it measured, by which command, when and on what."""
    record = {
        "command": f"python benchmarks/{name}.py",
        "protocol": protocol,
        **parts,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(torch.device("cpu")),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())
