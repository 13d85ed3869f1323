"""How many steps a second the playground's engine takes, and how many with a naive product in its place: results/playground.json.

python benchmarks/playground.py                   # a quarter of a minute
python benchmarks/playground.py --out again.json  # to compare

The network is that with which the playground begins, 196–64–2–64–196, in Node. Both take turns, round by round; naive is
the same engine whose products are made in three plain loops, one sum after another. A second is one of a processor's time, so
that whoever else uses the machine is not counted.
"""

import argparse
import base64
import json
import statistics
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from bench import in_words, machine

from vae_core.labs.bundle import bundle
from vae_core.labs.playground import SETTINGS, small_digits

HERE = Path(__file__).parent
PATH = HERE / "results" / "playground.json"
TILES = "const TILE = 4;"


def measure(rounds: int, steps: int) -> dict[str, list[float]]:
    """Steps a second, round by round, of the engine ("tiles") and of the one with naive products ("naive")."""
    text = bundle("train.mjs")
    if TILES not in text:
        raise ValueError(f"tiles.mjs has no {TILES!r} any more: say here how its products are made naive")
    given = {
        "engines": {"tiles": text, "naive": text.replace(TILES, "const TILE = Infinity;")},
        "settings": SETTINGS,
        "images": base64.b64encode(small_digits()[0].numpy().tobytes()).decode(),
        "rounds": rounds,
        "steps": steps,
    }
    done = subprocess.run(
        ["node", str(HERE / "playground.mjs")], input=json.dumps(given), capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("--out", type=Path, default=PATH, help="the record (default: results/playground.json)")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=150, help="of each engine in each round")
    args = parser.parse_args()
    speeds = measure(args.rounds, args.steps)
    ratios = [fast / slow for fast, slow in zip(speeds["tiles"], speeds["naive"], strict=True)]
    print(f"tiles {in_words(speeds['tiles'])} steps a second; naive {in_words(speeds['naive'])}; {in_words(ratios)} ×")
    record: dict[str, Any] = {
        "command": "python benchmarks/playground.py",
        "protocol": f"{args.rounds} rounds of {args.steps} steps each, in turn, after one that is not counted; seconds of processor time",
        "steps a second": {name: [round(speed, 1) for speed in values] for name, values in speeds.items()},
        "median": {name: round(statistics.median(values), 1) for name, values in speeds.items()},
        "times as fast": round(statistics.median(ratios), 2),
        "node": subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip(),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(torch.device("cpu")),
    }
    args.out.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
