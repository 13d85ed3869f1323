"""Adam, as one call for all weights."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim.adam import adam


class Adam:
    """Kingma & Ba 2015, algorithm 1, with its settings: the optimizer of every run in this book.

    The call is the one in which `torch.optim.Adam(fused=True)` ends. To build that class costs a second and 150 MB, and its
    questions about each weight cost a small network on a CPU a twentieth of each step.
    """

    def __init__(self, weights: Sequence[Tensor], lr: float):
        self.weights = list(weights)
        self.means = [torch.zeros_like(weight) for weight in weights]  # of the gradients
        self.squares = [torch.zeros_like(weight) for weight in weights]  # means of their squares
        device = self.weights[0].device
        self.steps = [torch.zeros((), device=device) for _ in weights]
        # on the device, where a captured step sees it change; float64 where that can be: lr is then a number to the bit
        self.lr = torch.tensor(lr, device=device, dtype=torch.float64 if device.type == "cpu" else torch.float32)

    @property
    def gradients(self) -> list[Tensor]:
        """The gradients there are; a weight that took no part in the loss has none."""
        return [weight.grad for weight in self.weights if weight.grad is not None]

    def zero_grad(self) -> None:
        """Let the gradients go."""
        for weight in self.weights:
            weight.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Move every weight that has a gradient by about `lr` against it; the others stay, and are not counted a step."""
        state = zip(self.weights, self.means, self.squares, self.steps, strict=True)
        moving = [each for each in state if each[0].grad is not None]
        if not moving:
            return
        weights, means, squares, steps = map(list, zip(*moving, strict=True))
        adam(
            weights,
            self.gradients,
            means,
            squares,
            [],  # AMSGrad's maxima
            steps,
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=self.lr,  # pyright: ignore[reportArgumentType]
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )

    def state_dict(self) -> dict[str, Tensor]:
        """All it remembers, by name."""
        parts = {"mean": self.means, "square": self.squares, "step": self.steps}
        return {f"{n}.{part}": value for part, values in parts.items() for n, value in enumerate(values)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go back to what `state_dict` gave."""
        for name, value in self.state_dict().items():
            value.copy_(state[name])
