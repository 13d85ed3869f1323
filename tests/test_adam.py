"""Adam against PyTorch's own."""

import pytest
import torch

from vae_core.adam import Adam
from vae_core.checkpoint import CheckpointError
from vae_core.models import load_weights

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


def test_a_weight_without_a_gradient_stays():
    parameters = weights()
    before = [parameter.detach().clone() for parameter in parameters]
    optimizer = Adam(parameters, lr=1e-2)
    parameters[0].grad = torch.ones(30, 20)
    optimizer.step()
    moved = [not torch.equal(a, b) for a, b in zip(parameters, before, strict=True)]
    assert moved == [True, False, False, False]
    optimizer.zero_grad()
    assert all(parameter.grad is None for parameter in parameters)


def test_its_memory_can_be_put_back():
    whole, halves = weights(), weights()
    optimizer = Adam(whole, lr=1e-2)
    descend(whole, optimizer)
    descend(whole, optimizer, seed=2)

    first = Adam(halves, lr=1e-2)
    descend(halves, first)
    second = Adam(halves, lr=1e-2)
    load_weights(second, {name: value.clone() for name, value in first.state_dict().items()})
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
def test_another_memory_is_refused_before_anything_moves(change, message):
    optimizer = Adam(weights(), lr=1e-2)
    descend(optimizer.parameters, optimizer)
    state = {name: value.clone() for name, value in optimizer.state_dict().items()}
    change(state)
    other = Adam(weights(), lr=1e-2)
    with pytest.raises(CheckpointError, match=message):
        load_weights(other, state, "a file")
    assert all(not value.any() for value in other.state_dict().values())
