"""Reading other people's losses: the β that a loss amounts to in this book's accounting, and six losses of public repositories."""

import math
from dataclasses import dataclass

import numpy as np

from vae_core.checks import whole

ERRORS = {"cross-entropy": "F.binary_cross_entropy(x_hat, x{})", "squared error": "F.mse_loss(x_hat, x{})"}
"""What the error may be, and how PyTorch calls it."""
OVER = {
    "sum": (', reduction="sum"', ""),
    "sum / batch": (', reduction="sum"', " / len(x)"),
    "mean × batch": ("", " * len(x)"),
    "mean": ("", ""),
}
"""How the error of a batch becomes one number, and what stands inside and behind the brackets then."""
KL = {
    "sum": "kl.sum()",
    "sum / batch": "kl.sum() / len(x)",
    "mean × batch": "kl.mean() * len(x)",
    "mean": "kl.mean()",
    "sum / pixels": "kl.sum() / x[0].numel()",
    "sum / all pixels": "kl.sum() / x.numel()",
}
"""The same of the KL, of one number for each image and unit; "all pixels" are those of the whole batch."""


@dataclass(frozen=True)
class Loss:
    """A VAE's loss as code has it: an error and a weighted KL, each of a batch, summed or averaged in its own way.

    `error` is one of ERRORS, `over` one of OVER, `kl` one of KL. A batch is `batch_size` images of `input_dim` numbers, red, green and
    blue counted apart, with `latent_dim` units. A squared error is read as that of a Gaussian of this `variance`.

    Raises:
        ValueError: a word that is none of these, a size below 1, a weight below 0, or a variance that is not positive.
    """

    error: str = "cross-entropy"
    over: str = "sum"
    kl: str = "sum"
    weight: float = 1.0
    input_dim: int = 784
    latent_dim: int = 20
    batch_size: int = 128
    variance: float = 1.0

    def __post_init__(self) -> None:
        for name, known in {"error": ERRORS, "over": OVER, "kl": KL}.items():
            if (value := getattr(self, name)) not in known:
                raise ValueError(f"{name} is {value!r}: choose one of {', '.join(map(repr, known))}")
        for name in ("input_dim", "latent_dim", "batch_size"):
            whole(name, getattr(self, name))
        if not 0 <= self.weight < math.inf:
            raise ValueError(f"weight is {self.weight}: below 0 a loss would pay for KL; give a number from 0 on")
        if not 0 < self.variance < math.inf:
            raise ValueError(f"variance is {self.variance}: pixels need some noise; it must be a positive number")

    @property
    def beta(self) -> float:
        """The β for which distortion + β · rate has the same minimum: 1 is the ELBO."""
        pixels, units, batch = self.input_dim, self.latent_dim, self.batch_size
        # what each term is divided by, beside its sum over everything
        divided = {"sum": 1, "sum / batch": batch, "sum / pixels": pixels, "sum / all pixels": batch * pixels}
        error = {**divided, "mean × batch": pixels, "mean": batch * pixels}[self.over]
        kl = {**divided, "mean × batch": units, "mean": batch * units}[self.kl]
        return self.weight * error / kl / (1 if self.error == "cross-entropy" else 2 * self.variance)

    @property
    def std(self) -> float | None:
        """The standard deviation σₓ of the pixels for which β would be 1; of a cross-entropy, which has none to choose, None."""
        return None if self.error == "cross-entropy" else math.sqrt(self.beta * self.variance)

    def code(self) -> str:
        """Three lines of PyTorch that compute it from x and x_hat, (B, …), mean and log_var, (B, L)."""
        inside, behind = OVER[self.over]
        weight = "" if self.weight == 1 else f"{plain(self.weight)} * "
        return (
            f"error = {ERRORS[self.error].format(inside)}{behind}\n"
            "kl = -0.5 * (1 + log_var - mean**2 - log_var.exp())\n"
            f"loss = error + {weight}{KL[self.kl]}"
        )


def effective_beta(
    kl_weight: float, *, error_scale: float = 1.0, kl_scale: float = 1.0, variance: float | None = None
) -> float:
    """The β of a loss `error_scale · error + kl_weight · kl_scale · KL`, both of one image, summed over pixels and units.

    A mean over D pixels is `error_scale` = 1/D; a mean over L latent units is `kl_scale` = 1/L. With `variance` the error is the
    squared error, read as a Gaussian of that variance, whose −log p is error / (2 · variance) plus a constant; with None
    it is the cross-entropy, which is −log p itself. `Loss` finds the scales of what a line of PyTorch does.

    Raises:
        ValueError: a scale or a variance that is not positive.
    """
    for name, value in {"error_scale": error_scale, "kl_scale": kl_scale, "variance": variance}.items():
        if value is not None and value <= 0:
            raise ValueError(f"{name} is {value}: it must be positive")
    nats = error_scale if variance is None else error_scale * 2 * variance  # what the loss pays for a nat of distortion
    return kl_weight * kl_scale / nats


def plain(number: float) -> str:
    """A number as people write it in code, without an exponent: 0.00025, 1, 10."""
    return np.format_float_positional(number, trim="-")


@dataclass(frozen=True)
class Found:
    """A loss that stands, or stood, in a public repository: where, what it does, and what somebody got who said so there."""

    repository: str
    file: str
    does: str
    got: str
    loss: Loss


FOUND = {
    "pytorch/examples, today": Found(
        "pytorch/examples",
        "vae/main.py, since February 2018",
        "Cross-entropy and KL, both summed over everything.",
        "Pull request 296 brought the sums, and shows digits redrawn and drawn: “still fine”.",
        Loss(),
    ),
    "pytorch/examples, 2017": Found(
        "pytorch/examples",
        "vae/main.py, until February 2018",
        "A mean over everything, and the summed KL divided by batch and 784 pixels.",
        "Issues 290 and 294 call the division wrong. In 234 somebody had left it out: faint digits, “just like digit 8”.",
        Loss(over="mean", kl="sum / all pixels"),
    ),
    "keras, 2016": Found(
        "keras-team/keras",
        "examples/variational_autoencoder.py, until August 2016",
        "A mean over pixels, beside a KL summed over two units.",
        "Issue 3373: all places of the latent space give the same output. Pull request 3383 put the factor 784 back.",
        Loss(over="mean", kl="sum / batch", latent_dim=2, batch_size=100),
    ),
    "PyTorch-VAE (AntixK)": Found(
        "AntixK/PyTorch-VAE",
        "models/vanilla_vae.py, configs/vae.yaml",
        "A mean squared error, and 0.00025 times the KL.",
        "Issues 11, 23, 35 and 56 ask what the weight is for. In 56 somebody had set it to 1: the images were not learned.",
        Loss("squared error", "mean", "sum / batch", 0.00025, 64 * 64 * 3, 128, 64),
    ),
    "pytorch-vae (sksq96)": Found(
        "sksq96/pytorch-vae",
        "vae-cnn.ipynb",
        "A cross-entropy summed over everything, beside a KL averaged over everything.",
        "Its notebook shows a picture redrawn, and none that was drawn from the prior.",
        Loss(kl="mean", input_dim=64 * 64 * 3, latent_dim=32, batch_size=32),
    ),
    "sigma-vae-pytorch": Found(
        "orybkin/sigma-vae-pytorch",
        "model.py, its plain VAE",
        "A mean squared error, beside a KL summed over everything, the batch too.",
        "Pull request 12: blurry images that do not improve, until the error is summed as well.",
        Loss("squared error", "mean", "sum", 1.0, 28 * 28 * 3, 20, 128),
    ),
}
"""Six losses of public code, by short names. Sizes and batch are those that stand there."""
