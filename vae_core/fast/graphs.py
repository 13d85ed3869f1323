"""A training step as one CUDA graph: recorded once, then replayed with a single launch.

On a large GPU a step of a small network is over before Python has launched its next kernel.
A graph takes Python out: the whole step (gather, forward, backward, clipping, Adam) is one call.
"""

from collections import Counter
from collections.abc import Callable, Sequence

import torch
from torch import Generator, Tensor

WARMUP = 3  # eager steps before recording, so that every library has chosen its kernels and workspaces


class CapturedStep:
    """Calls `step(batch)`; from the fourth call for a batch size on, by replaying its graph.

    The first calls are real steps, taken eagerly on a side stream as recording demands. `generator` is the one
    that the step draws from; the graph advances it at each replay. `trained` says which weights were not frozen when it was made.
    """

    def __init__(self, step: Callable[[Tensor], Tensor], generator: Generator, trained: Sequence[bool] = ()):
        self.step, self.generator, self.trained = step, generator, trained
        self.calls: Counter[int] = Counter()
        self.graphs: dict[int, tuple[torch.cuda.CUDAGraph, Tensor, Tensor]] = {}

    def __call__(self, batch: Tensor) -> Tensor:
        size = len(batch)
        self.calls[size] += 1
        if self.calls[size] <= WARMUP:
            return self.eager(batch)
        if size not in self.graphs:
            self.graphs[size] = self.record(batch)
        graph, numbers, figures = self.graphs[size]
        numbers.copy_(batch)
        graph.replay()
        return figures.clone()  # the next replay writes over the original

    def eager(self, batch: Tensor) -> Tensor:
        main, side = torch.cuda.current_stream(), torch.cuda.Stream()
        side.wait_stream(main)
        with torch.cuda.stream(side):
            figures = self.step(batch)
        main.wait_stream(side)
        figures.record_stream(main)
        return figures

    def record(self, batch: Tensor) -> tuple[torch.cuda.CUDAGraph, Tensor, Tensor]:
        graph, numbers = torch.cuda.CUDAGraph(), batch.clone()
        graph.register_generator_state(self.generator)
        with torch.cuda.graph(graph):
            figures = self.step(numbers)
        return graph, numbers, figures
