"""Chapter 12's small diffusion of codes that were brought to other standard deviations, three seeds each: results/scales.json.

python benchmarks/scales.py             # what is not there yet; all of it, some two minutes on one quiet core

The diffusion, what it draws and what judges that are the page's own cells, run here. A seed decides the network, its training and what
it draws; the codes are one draw for each of the first 10,000 training images.
"""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from bench import machine
from cells import ROOT, defined_by

PAGE = "chapters/12_at_work.ipynb"
PATH = ROOT / "benchmarks" / "results" / "scales.json"
CELLS = ["load", "neighbours", "codes", "diffuse", "denoise"]
TIMES, SEEDS = (0.1, 1, 10, 30), 3
PROTOCOL = (
    "The shipped model latent-16. times: the standard deviation that its codes are brought to before the diffusion is trained. readable: percent "
    "of 300 drawn pictures of whose ten nearest of 10,000 training images at least nine show the same digit. width: the standard "
    "deviation of the drawn codes over that of the real ones"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("--record", type=Path, default=PATH, help="the file to go on with (default: the book's)")
    options = parser.parse_args()
    torch.set_num_threads(1)  # sums are added in the same order on every machine
    page = defined_by(PAGE, CELLS)
    if page["images"].name != "mnist":
        parser.error("MNIST is not at hand: put its folder's path into VAE_DATA")
    rows: dict[str, Any] = {str(times): {} for times in TIMES}
    if options.record.exists():
        rows |= json.loads(options.record.read_text(encoding="utf-8"))["rows"]
    z = page["z"]
    for seed in map(str, range(SEEDS)):
        for times in TIMES:
            if seed in rows[str(times)]:
                continue
            drawn = page["by_diffusion"](z, times, int(seed))
            share = page["readable"](page["latent"].draw(drawn))
            rows[str(times)][seed] = {
                "readable": round(100 * share, 2),
                "width": round((drawn.std() / z.std()).item(), 3),
            }
            print("times", times, "seed", seed, rows[str(times)][seed], flush=True)
            record = {
                "command": "python benchmarks/scales.py",
                "protocol": PROTOCOL,
                "rows": rows,
                "date": datetime.now(UTC).date().isoformat(),
                "machine": machine(torch.device("cpu")),
            }
            options.record.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
