"""The line in `BoundLab`: log p(x) of its digit by annealed importance sampling, written to vae_core/labs/js/bound.json.

python benchmarks/bound.py             # some four minutes on one quiet core
python benchmarks/bound.py apart       # how far bounds from both sides are apart on drawn pictures: benchmarks/results/bound.json, some two minutes
"""

import json
import math
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from vae_core import load_images, load_pretrained
from vae_core.annealing import ais, log_weights
from vae_core.data import to_pixels
from vae_core.labs.bound import MODEL, RECORD, page_decoder

WHICH = 12  # of MNIST's test images: of the first forty, one on whose log p(x) wide and narrow q agree best
CHAINS, STEPS, LEAPFROG = 100, 2000, 8
DRAWN, FEW = (
    10,
    4,
)  # pictures that the model draws, and chains for each: with more the two bounds are nearer to each other
APART = Path(__file__).parent / "results" / "bound.json"


def main() -> None:
    tossed = to_pixels(load_images("mnist").test[:40], "dynamic", generator=torch.Generator().manual_seed(1))
    x = tossed[WHICH : WHICH + 1]
    vae = load_pretrained(MODEL)
    vae.decoder = page_decoder().float()
    generator = torch.Generator().manual_seed(0)
    weights = log_weights(vae, x, chains=CHAINS, steps=STEPS, leapfrog=LEAPFROG, generator=generator)[:, 0].double()
    log_p = weights.logsumexp(0) - math.log(CHAINS)
    record = {
        "command": "python benchmarks/bound.py",
        "date": datetime.now(UTC).date().isoformat(),
        "model": MODEL,
        "test_image": WHICH,
        "chains": CHAINS,
        "steps": STEPS,
        "leapfrog": LEAPFROG,
        "log_p": round(log_p.item(), 3),
        "standard_error": round(((weights - log_p).exp().std() / CHAINS**0.5).item(), 3),
        "digit": np.packbits(x[0].numpy().astype(np.uint8)).tobytes().hex(),
    }
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print({name: value for name, value in record.items() if name != "digit"})


def apart() -> None:
    vae = load_pretrained(MODEL)
    vae.decoder = page_decoder().float()
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(DRAWN, vae.latent_dim, generator=generator)
    x = (torch.rand(DRAWN, vae.input_dim, generator=generator) < vae.draw(z)).float()
    below, above = (
        ais(vae, x, steps=STEPS, chains=FEW, leapfrog=LEAPFROG, start=start, generator=generator).double()
        for start in (None, z)
    )
    record = {
        "command": "python benchmarks/bound.py apart",
        "date": datetime.now(UTC).date().isoformat(),
        "model": MODEL,
        "pictures": DRAWN,
        "chains": FEW,
        "steps": STEPS,
        "leapfrog": LEAPFROG,
        "apart": round((above - below).mean().item(), 3),
        "standard_error": round(((above - below).std() / DRAWN**0.5).item(), 3),
    }
    APART.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(record)


if __name__ == "__main__":
    apart() if sys.argv[1:] == ["apart"] else main()
