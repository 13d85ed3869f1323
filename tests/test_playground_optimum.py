"""The optimum that the playground shows of a linear VAE, held to networks that stand there."""

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_playground_engine import engine, pack

from vae_core.labs.playground import SETTINGS, components, small_digits

MODULE = Path(__file__).parents[1] / "vae_core/labs/js/optimum.mjs"


def optimum(settings: dict[str, Any], parts: dict[str, Any]) -> dict[str, float] | None:
    """What js/optimum.mjs says."""
    script = (
        f"import {{ optimum }} from {json.dumps(MODULE.as_uri())};"
        f"console.log(JSON.stringify(optimum({json.dumps(settings)}, {json.dumps(parts)})));"
    )
    done = subprocess.run(["node", "--input-type=module", "-e", script], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


LINEAR = SETTINGS | {"hidden": 0, "likelihood": "gaussian"}


@pytest.mark.parametrize(("latent", "sigma"), [(1, 0.3), (8, 0.3), (8, 0.5), (16, 1)])
def test_a_network_that_stands_at_the_optimum_has_its_numbers(latent, sigma):
    """The network of the maximum likelihood solution of Tipping & Bishop."""
    train, _, test, _ = small_digits()
    x = train.double() / 255
    middle = x.mean(0)
    variances, directions = torch.linalg.eigh(torch.cov(x.T, correction=0))
    variances, directions = variances.flip(0)[:latent], directions.flip(1)[:, :latent]
    kept = (1 - sigma**2 / variances).clamp(min=0)
    length = (kept * variances).sqrt()  # of the decoder's columns
    means = directions.T * (length / variances)[:, None]
    nothing = torch.zeros(latent, 196)
    weights = [
        torch.cat([means, nothing]), torch.cat([-means @ middle, (1 - kept).log()]),
        directions * length, middle, torch.tensor([sigma]),
    ]  # fmt: skip
    settings = LINEAR | {"latent": latent, "sigma": sigma}
    flat = torch.cat([part.flatten() for part in weights]).numpy().astype(np.float32)
    there = engine("session", train=pack(train), test=pack(test), settings=settings, weights=pack(flat))
    best = optimum(settings, components(train, test))
    assert best is not None
    assert best["rate"] == pytest.approx(there["test"]["rate"], abs=1e-3)
    assert best["distortion"] == pytest.approx(there["test"]["distortion"], abs=0.2)  # there, of one draw of z an image


@pytest.mark.parametrize(
    "other",
    [{"hidden": 64}, {"likelihood": "learned"}, {"likelihood": "bernoulli"}, {"beta": 2}, {"sample": False}, {"free": 0.5}, {"bug": "no ½"}],
)  # fmt: skip
def test_where_it_is_not_known_none_is_shown(other):
    parts = {"variances": [2, 1], "test": [2, 1], "all": 5}
    assert optimum(LINEAR, parts) and optimum(LINEAR | {"hidden": 16, "activation": "none"}, parts)
    assert optimum(LINEAR | other, parts) is None
