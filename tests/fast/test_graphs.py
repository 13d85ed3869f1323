"""The captured step where there is no GPU: a stand-in for CUDA graphs records every operation and replays it.

As on a GPU, a replay runs the same operations on the same memory and no Python. What a graph cannot do, such as
waiting for a number, fails here too. `test_cuda.py` has the real thing.
"""

from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from vae_core import VAE, ConvVAE, TrainConfig
from vae_core.fast import backprop
from vae_core.fast.graphs import CapturedStep
from vae_core.training import Run

SETTINGS = {"epochs": 5, "batch_size": 100, "device": "cpu", "pixels": "dynamic", "warmup_epochs": 2, "clip_norm": 20}
WAYS: list[dict[str, Any]] = [{"precision": "bf16"}, {"schedule": "one-cycle", "lr": 5e-3}, {}]
WAYS += [{"free_bits": 0.2}, {"objective": "iwae", "num_samples": 3, "warmup_epochs": 0}]
MODELS = {"dense": lambda: VAE(784, (32,), 4), "conv": lambda: ConvVAE(1, 28, (4, 8), 16, 4)}


class Graph(TorchDispatchMode):
    """Stands in for torch.cuda.CUDAGraph: what is recorded leaves no trace until it is replayed."""

    def __init__(self):
        super().__init__()
        self.tape, self.generators, self.before, self.replays = [], [], {}, 0

    def register_generator_state(self, generator):
        self.generators.append((generator, generator.get_state()))

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("operation not permitted when stream is capturing")
        for value in tree_leaves(kwargs):
            if isinstance(value, torch.Generator):  # comes in new clothes each time
                assert any(value.get_state().equal(known.get_state()) for known, _ in self.generators)
        for value in tree_leaves((args, kwargs)):  # all, for a batch normalisation writes and does not say so
            if isinstance(value, torch.Tensor) and value.data_ptr() not in self.before:
                self.before[value.data_ptr()] = value, value.clone()
        result = func(*args, **kwargs)
        self.tape.append((func, args, kwargs, result))
        return result

    def forget(self):
        """Undo what recording did: on a GPU it runs nothing."""
        with torch._C._AutoDispatchBelowAutograd():
            for tensor, value in self.before.values():
                tensor.copy_(value)
        for generator, state in self.generators:
            generator.set_state(state)

    def replay(self):
        self.replays += 1
        with torch._C._AutoDispatchBelowAutograd():  # memory and operations, nothing else
            for func, args, kwargs, result in self.tape:
                again = func(*args, **kwargs)
                if not func._schema.is_mutable:
                    for old, new in zip(tree_leaves(result), tree_leaves(again), strict=True):
                        if isinstance(old, torch.Tensor) and old.data_ptr() != new.data_ptr():
                            old.copy_(new)


class Stream:
    def wait_stream(self, other):
        pass


@contextmanager
def capture(graph):
    with graph:
        yield
    graph.forget()


@pytest.fixture(autouse=True)
def stand_in(monkeypatch):
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", capture)
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "current_stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda tensor, stream: None)
    monkeypatch.setattr(backprop, "understands", lambda model: False)  # as on a GPU


def trained(kind, images, config, captured):
    torch.manual_seed(0)
    run = Run(MODELS[kind](), images, config, None)
    if captured:
        run.step = CapturedStep(run.step, run.generator)
    looks = []
    for _ in range(5):
        for batch in run.batches():
            run.advance(batch)
        looks.append(run.look())
        run.epoch, run.position = run.epoch + 1, 0
    return run, looks


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("settings", WAYS, ids=str)
def test_replaying_equals_stepping_to_the_bit(kind, settings, digits):
    images = digits.first(640, 10)  # six batches of 100 and one of 40
    config = TrainConfig(**SETTINGS | settings)
    eager, expected = trained(kind, images, config, captured=False)
    replayed, looks = trained(kind, images, config, captured=True)
    for name, value in eager.model.state_dict().items():
        assert torch.equal(value, replayed.model.state_dict()[name]), name
    assert looks == expected
    assert torch.equal(eager.generator.get_state(), replayed.generator.get_state())
    # of 30 and 5 steps three each are taken eagerly
    assert isinstance(replayed.step, CapturedStep)
    graphs = {size: graph for size, (graph, *_) in replayed.step.graphs.items()}
    assert {size: getattr(graph, "replays") for size, graph in graphs.items()} == {100: 27, 40: 2}  # noqa: B009


def test_the_stand_in_notices_what_a_graph_would_freeze():
    weights = torch.zeros(3)
    numbers = iter(range(100))

    def step(batch):
        weights.add_(next(numbers))  # a number of Python's: a graph keeps the one it was recorded with
        return weights.sum()

    captured = CapturedStep(step, torch.Generator())
    for _ in range(8):
        captured(torch.zeros(2))
    assert weights[0] != sum(range(8))


def test_a_step_that_waits_for_the_device_cannot_be_recorded():
    captured = CapturedStep(lambda batch: batch * batch.sum().item(), torch.Generator())
    for _ in range(3):
        captured(torch.ones(2))
    with pytest.raises(RuntimeError, match="not permitted when stream is capturing"):
        captured(torch.ones(2))


def test_figures_of_a_step_outlive_the_next():
    captured = CapturedStep(lambda batch: batch + 1, torch.Generator())
    kept = [captured(torch.full((2,), float(number))) for number in range(6)]
    assert [figures[0].item() for figures in kept] == [1, 2, 3, 4, 5, 6]
