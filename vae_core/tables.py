"""What scripts in benchmarks/ have measured, for a chapter to show: their records, spreads over seeds, tables.

    scales = recorded("scales").get("rows", {})
    rows = [[times, spread(runs, "readable")] for times, runs in scales.items()]
    table(["standard deviation given", "readable, %"], rows) if scales else ABSENT

Records are no part of the package: where it is installed alone, as on Colab, `ABSENT` stands in their place.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from IPython.display import HTML

RECORDS = Path("../benchmarks/results")  # from chapters/, where they run
ABSENT = HTML("<p>The records, which lie in benchmarks/results, are not at hand here.</p>")
PAPER = "var(--pst-color-background, var(--jp-layout-color0, Canvas))"  # the book's, Jupyter's, a browser's
CELL = "padding: 0.3rem 0.5rem; vertical-align: top; text-align: "  # of each one, as Jupyter's own style is
FIRST = f"{CELL}left; position: sticky; left: 0; min-width: 5.5rem; background: {PAPER}"


def recorded(name: str) -> dict[str, Any]:
    """What a script has measured, the content of benchmarks/results/NAME.json; empty where that is not at hand.

    Raises:
        ValueError: the file is no JSON.
    """
    file = RECORDS / f"{name}.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def spread(runs: Mapping[str, Mapping[str, float]] | Iterable[Mapping[str, float]], key: str, digits: int = 1) -> str:
    """Mean ± standard deviation of what runs found under `key`, in its own unit; they may be named, by their seeds.

    Raises:
        ValueError: fewer than two runs, which have no spread.
    """
    values = [run[key] for run in (runs.values() if isinstance(runs, Mapping) else runs)]
    return f"{mean(values):.{digits}f} ± {stdev(values):.{digits}f}".replace("-", "−")


def table(head: Sequence[object], rows: Sequence[Sequence[object]], label: str = "") -> HTML:
    """Words and numbers, which scroll sideways on a narrow screen, where the first column, what a row is about, stays.

    A cell is text, or `HTML`, which goes in as it is. `label` is the table's name to a screen reader: what stands in the
    first column unless it is given. On one page no two may be the same.
    """
    label = label or ", ".join(str(first) for first, *_ in [head, *rows])
    top = _line(head, f'th scope="col" style="{FIRST}"', f'th scope="col" style="{CELL}right"')
    name = f'th scope="row" style="{FIRST}; font-weight: normal"'
    number = f'td style="{CELL}right; white-space: nowrap"'
    body = "".join(_line(row, name, number) for row in rows)
    around = f'style="overflow-x: auto" role="region" aria-label="{escape(label)}" tabindex="0"'
    return HTML(f"<div {around}><table><thead>{top}</thead><tbody>{body}</tbody></table></div>")


def _line(cells: Sequence[object], first: str, other: str) -> str:
    """A row, with the tag of its first cell and that of all others."""
    tags = [first, *[other] * (len(cells) - 1)]
    shown = [cell.data if isinstance(cell, HTML) else escape(str(cell)) for cell in cells]
    return f"<tr>{''.join(f'<{tag}>{text}</{tag[:2]}>' for tag, text in zip(tags, shown, strict=True))}</tr>"
