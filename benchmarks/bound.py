"""The line in `BoundLab`: log p(x) of its digit by annealed importance sampling, written to vae_core/labs/js/bound.json.

python benchmarks/bound.py             # some four minutes on one quiet core
"""

import json
import math
from datetime import UTC, datetime

import numpy as np
import torch

from vae_core import load_images, load_pretrained
from vae_core.annealing import log_weights
from vae_core.data import to_pixels
from vae_core.labs.bound import MODEL, RECORD, page_decoder

WHICH = 12  # of MNIST's test images: of the first forty, one on whose log p(x) wide and narrow q agree best
CHAINS, STEPS, LEAPFROG = 100, 2000, 8


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


if __name__ == "__main__":
    main()
