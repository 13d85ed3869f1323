"""Adam against PyTorch's own."""

import subprocess
import sys

import pytest
import torch

from vae_core.adam import Adam
from vae_core.checkpoint import CheckpointError
from vae_core.saving import check_fit

SHAPES = [(30, 20), (30,), (2, 3, 4, 4), ()]


def weights():
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator).requires_grad_() for shape in SHAPES]


def descend(parameters, optimizer, steps=20, seed=1):
    """The same gradients for whoever asks, of sizes from 1e-6 to 1e6."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        for parameter in parameters:
            scale = 10 ** (12 * torch.rand((), generator=generator) - 6)
            parameter.grad = scale * torch.randn(parameter.shape, generator=generator)
        optimizer.step()


def test_the_fused_call_is_pytorchs_to_the_bit():
    ours, theirs = weights(), weights()
    descend(ours, Adam(ours, lr=1e-2))
    descend(theirs, torch.optim.Adam(theirs, lr=1e-2, fused=True))
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_against_the_plain_loop_in_double_precision():
    ours, theirs = weights(), [weight.detach().double().requires_grad_() for weight in weights()]
    descend(ours, Adam(ours, lr=1e-2))
    optimizer = torch.optim.Adam(theirs, lr=1e-2, fused=False, foreach=False)
    generator = torch.Generator().manual_seed(1)
    for _ in range(20):
        for parameter in theirs:
            scale = 10 ** (12 * torch.rand((), generator=generator) - 6)
            parameter.grad = (scale * torch.randn(parameter.shape, generator=generator)).double()
        optimizer.step()
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a.double(), b, rtol=1e-5, atol=1e-6)


def test_a_weight_without_a_gradient_is_skipped_as_pytorch_skips_it():
    """It stays, is not counted a step, and does not drift by what it remembers."""
    ours, theirs = weights(), weights()
    for parameters, optimizer in ((ours, Adam(ours, lr=1e-2)), (theirs, torch.optim.Adam(theirs, lr=1e-2, fused=True))):
        descend(parameters, optimizer)
        for parameter, given in zip(parameters, (True, False, False, True), strict=True):
            parameter.grad = torch.ones_like(parameter) if given else None
        before = [parameter.detach().clone() for parameter in parameters]
        for _ in range(5):
            optimizer.step()
        moved = [not torch.equal(a, b) for a, b in zip(parameters, before, strict=True)]
        assert moved == [True, False, False, True]
        descend(parameters, optimizer, steps=3, seed=2)
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_with_no_gradient_at_all_nothing_moves():
    parameters = weights()
    before = [parameter.detach().clone() for parameter in parameters]
    optimizer = Adam(parameters, lr=1e-2)
    descend(parameters, optimizer, steps=1)
    optimizer.zero_grad()
    assert optimizer.gradients == [] and all(parameter.grad is None for parameter in parameters)
    after = [parameter.detach().clone() for parameter in parameters]
    optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(after, parameters, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_the_learning_rate_can_change_between_steps():
    ours, theirs = weights(), weights()
    mine, reference = Adam(ours, lr=1.0), torch.optim.Adam(theirs, lr=1.0, fused=True)
    for rate in (1e-2, 3e-3, 0.1):
        mine.lr.fill_(rate)
        reference.param_groups[0]["lr"] = rate
        descend(ours, mine, steps=2)
        descend(theirs, reference, steps=2)
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


IMPORTS = """
import sys
import torch
before = "torch._dynamo" in sys.modules
from vae_core import VAE, TrainConfig, fit, load_images
fit(VAE(784, (8,), 2), load_images("digits").first(200, 9), TrainConfig(epochs=1, device="cpu"), progress=False)
print(("torch._dynamo" in sys.modules) == before)
"""


def test_it_does_without_the_compiler():
    """To construct torch.optim.Adam imports it: a second and 150 MB."""
    ended = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True)
    assert ended.stdout == "True\n", ended.stderr


def test_its_memory_can_be_put_back():
    whole, halves = weights(), weights()
    optimizer = Adam(whole, lr=1e-2)
    descend(whole, optimizer)
    descend(whole, optimizer, seed=2)

    first = Adam(halves, lr=1e-2)
    descend(halves, first)
    second = Adam(halves, lr=1e-2)
    second.load_state_dict({name: value.clone() for name, value in first.state_dict().items()})
    descend(halves, second, seed=2)
    assert all(torch.equal(a, b) for a, b in zip(whole, halves, strict=True))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("0.mean"), "0.mean is missing"),
        (lambda state: state.update({"4.mean": torch.zeros(3)}), "4.mean is not part of this model"),
        (lambda state: state.update({"1.square": torch.zeros(3)}), r"1.square has shape \(3,\) here, \(30,\)"),
    ],
)
def test_another_memory_is_refused(change, message):
    optimizer = Adam(weights(), lr=1e-2)
    descend(optimizer.weights, optimizer)
    state = {name: value.clone() for name, value in optimizer.state_dict().items()}
    check_fit(optimizer.state_dict(), state, "a file")
    change(state)
    with pytest.raises(CheckpointError, match=message):
        check_fit(optimizer.state_dict(), state, "a file")
