"""BoundLab against PyTorch: the same ε give the same weights; and what is recorded of its digit."""

import json

import numpy as np
import pytest
import torch
from drive import frames, number, state_of

from vae_core import iwae_bound, load_pretrained
from vae_core.labs import BoundLab
from vae_core.labs.bound import MOST, RECORD, bound_at
from vae_core.labs.pack import read


@pytest.fixture(scope="module")
def lab() -> BoundLab:
    return BoundLab()


@pytest.mark.parametrize(("shift", "stretch"), [(0.0, 1.0), (0.7, 0.5), (-2.0, 3.0)])
@pytest.mark.parametrize("k", ["1", "50", "5,000"])
def test_the_page_has_the_bound_that_pytorch_has(lab, shift, stretch, k):
    acts = {"k": k, "shift": shift, "stretch": stretch, "draw": 1}
    (frame,) = frames(lab, state_of(lab, None, **acts))
    lab.controls["k"].value, lab.controls["shift"].value, lab.controls["stretch"].value = k, shift, stretch
    lab.canvas.draw = 1
    assert number(frame, f"Bound at K = {k}") == pytest.approx(lab.answer(), abs=0.006)
    share = torch.from_numpy(lab.log_weights())[: int(k.replace(",", ""))].softmax(0)
    assert number(frame, "Effective size") == pytest.approx(1 / share.square().sum().item(), rel=0.02, abs=0.5)


def test_what_it_begins_with_is_what_the_page_would_compute():
    """The weights that travel, against those that PyTorch finds, and against the page's own, of the same q a hair away."""
    lab = BoundLab()
    home = read(lab.canvas.data, lab.canvas.spec["home"])
    np.testing.assert_allclose(home, lab.log_weights(), rtol=1e-6)
    frame, hair = frames(lab, state_of(lab, None, k="5,000"), state_of(lab, None, k="5,000", stretch=1 + 1e-9))
    assert number(frame, "Bound at K = 5,000") == pytest.approx(number(hair, "Bound at K = 5,000"), abs=0.011)


def test_its_weights_are_those_of_the_package():
    """The mean of many of the lab's estimates at K = 10, and of iwae_bound's with noise of its own, by their standard errors."""
    lab, vae = BoundLab(), load_pretrained("vae-10")
    log_w = torch.from_numpy(lab.log_weights())
    pixels = np.unpackbits(np.frombuffer(bytes.fromhex(json.loads(RECORD.read_text())["digit"]), np.uint8))
    x = torch.from_numpy(pixels).float().expand(500, -1)
    with torch.no_grad():
        theirs = iwae_bound(vae, x, 10, generator=torch.Generator().manual_seed(0))
    ours = log_w.view(MOST // 10, 10).logsumexp(1) - np.log(10)
    error = ((ours.var() + theirs.var()) / 500).sqrt().item()
    assert bound_at(log_w, 10) == pytest.approx(theirs.mean().item(), abs=4 * error + 0.05)  # eight bits a weight
