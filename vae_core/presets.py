"""Named systems: an architecture, a schedule, and where it comes from.

The published ones are rebuilt from their texts, so that their printed numbers can be stood beside ours;
the last few, and the family that differs in β alone, are those whose trained weights ship with the book.
"""

import math
import re
from dataclasses import dataclass, replace
from typing import Any

import torch

from vae_core.data import ImageSet
from vae_core.models import build
from vae_core.training import TrainConfig

WIDTHS = (16, 32, 64, 128, 128, 128)  # of convolutions, as many as the size of the pictures can be halved


@dataclass(frozen=True)
class Preset:
    """A system to train: `model` as `build` takes it, `config`, and its source in a line.

    `train_images` limits the training set where the source did; `pad_to` frames smaller images in black up to
    this many pixels; a ConditionalVAE gets their classes behind them; `published` is what its author printed. With `steps`, the
    number of images decides how many epochs. `data` is what its shipped weights are trained on, as `load_images` calls it.
    A ConvVAE without `widths` gets those that its size allows.
    """

    source: str
    model: dict[str, Any]
    config: TrainConfig
    train_images: int | None = None
    pad_to: int | None = None
    published: str = ""
    steps: int | None = None
    data: str = "mnist"

    def build(self, seed: int = 0, images: ImageSet | None = None) -> Any:
        """A fresh model whose initial weights come from `seed`; the global generator is left as it was.

        It takes images of the source's size, or of the size of `images`.
        """
        model = self.model
        if images is not None:
            channels, size, _ = images.train.shape[1:]
            by_size = {"channels": channels, "size": size}
            model = model | (by_size if model["model"] == "ConvVAE" else {"input_dim": images.input_dim})
        if model["model"] == "ConvVAE" and "widths" not in model:
            model = model | {"widths": widths_for(model["size"])}
        return build_seeded(model, seed)

    def config_for(self, images: ImageSet) -> TrainConfig:
        """`config`, or where the preset counts in steps: as many epochs as they are, of batches no larger than there are images."""
        if self.steps is None:
            return self.config
        batch_size = min(self.config.batch_size, len(images.train))
        epochs = math.ceil(self.steps / math.ceil(len(images.train) / batch_size))
        return replace(self.config, batch_size=batch_size, epochs=min(max(epochs, EPOCHS[0]), EPOCHS[1]))

    def prepare(self, images: ImageSet) -> ImageSet:
        """The images as the source used them: cut to its training set, smaller ones framed to its size, with their classes."""
        images = images.first(self.train_images or len(images.train))
        if self.model["model"] == "ConditionalVAE":
            return images.with_classes(self.model["classes"])
        return images.padded(self.pad_to) if self.pad_to and self.pad_to > images.train.shape[-1] else images


def build_seeded(model: dict[str, Any], seed: int) -> Any:
    """A fresh model, its initial weights from `seed`; the global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build(model)


def widths_for(size: int) -> list[int]:
    """Widths of convolutions that each halve pictures of this size, down to no less than 4 pixels.

    Raises:
        ValueError: a size that cannot be halved once.
    """
    halvings = [n for n in range(1, len(WIDTHS) + 1) if size % 2**n == 0 and size >> n >= 4]
    if not halvings:
        raise ValueError(
            f"pictures of {size} pixels cannot be halved to 4 or more: choose an even size, such as 32 or 64"
        )
    return list(WIDTHS[: halvings[-1]])


def _vae(hidden_dims: list[int], latent_dim: int, **options: Any) -> dict[str, Any]:
    return {"model": "VAE", "hidden_dims": hidden_dims, "latent_dim": latent_dim, **options}


_BOOK = TrainConfig(epochs=60, lr=3e-3, schedule="one-cycle")
_BOOK_DIMS = [256, 128]
EPOCHS = (10, 100)  # of a preset that counts in steps, the fewest and the most

_BY_SIZE = ("ae-2", "ae-2-bernoulli", "ae-10", "vae-2", "vae-5", "vae-8", "vae-10", "vae-20", "vae-50")

BETAS = (0.01, 0.018, 0.032, 0.056, 0.1, 0.18, 0.32, 0.56, 1, 1.8, 3.2, 5.6, 10, 18, 32, 56, 100)
"""The weights of the rate, a quarter of a decade apart, of the models "beta-0.01" to "beta-100"."""

GAUSSIAN_BETAS = (0.001, 0.0032, 0.01, 0.032, 0.1, 0.32, 1, 3.2, 10)
"""The weights of the rate, half a decade apart, of the models "beta-0.001-gaussian" to "beta-10-gaussian"."""

_BY_BETA = (*(f"beta-{beta}" for beta in BETAS), *(f"beta-{beta}-gaussian" for beta in GAUSSIAN_BETAS))

_LEVELS = {"name": "DiscretizedLogistic"}
_COLOURS = {
    "colour-gaussian": ({"name": "Gaussian", "std": 1.0, "squash": True}, "Gaussians of σ = 1"),
    "colour-learned": ({"name": "LearnedGaussian"}, "Gaussians of one σ, which is learned"),
    "colour-logistic": (_LEVELS, "logistics in 256 levels, of one learned scale"),
}

_AT_WORK = ("latent-16", "cvae-2")

SHIPPED = (*_BY_SIZE, *_BY_BETA, *_COLOURS, *_AT_WORK)
"""Presets whose trained weights are in `vae_core/weights/`."""

_OWN = re.compile(r"v?ae-[1-9]\d{0,3}|ae-[1-9]\d{0,3}-bernoulli")
# a weight as it is written shortest, without an exponent, so that no two names are of the same one
_FAMILY = re.compile(r"beta-(?P<beta>[1-9]\d{0,3}|(?:0|[1-9]\d{0,3})\.\d{0,5}[1-9])(?P<gaussian>-gaussian)?")


def _own(name: str) -> Preset:
    """A system as the shipped ones are, by its name: "vae-N" or "ae-N" for N latent dimensions, "ae-N-bernoulli" for the VAE's loss."""
    kind, latent_dim, *likelihood = name.split("-")
    if kind == "vae":
        return Preset(f"This book: a VAE with {latent_dim} latent dimensions", _vae(_BOOK_DIMS, int(latent_dim)), _BOOK)
    trained = "as the VAEs are, on cross-entropy" if likelihood else "on squared error"
    source = f"This book: a plain autoencoder with {latent_dim} numbers for a bottleneck, trained {trained}"
    model = {"model": "Autoencoder", "hidden_dims": _BOOK_DIMS, "latent_dim": int(latent_dim)}
    return Preset(source, model | ({"likelihood": likelihood[0]} if likelihood else {}), _BOOK)


def _weighted(beta: float, gaussian: bool) -> Preset:
    """One of the family: a small network, so that all its decoders go into one page, under the loss distortion + β · rate.

    Its decoder gives the logits of the pixels, or the means of Gaussians of variance 1, what a squared error is read as.
    """
    likelihood = "gaussian" if gaussian else "bernoulli"
    pixels = "Gaussian pixels of variance 1" if gaussian else "Bernoulli pixels"
    source = f"This book: a small VAE with 10 latent dimensions and {pixels}, its rate weighted by {beta:g}"
    return Preset(source, _vae([48], 10, likelihood=likelihood), replace(_BOOK, epochs=30, beta=beta))


def _coloured(likelihood: dict[str, Any], pixels: str) -> Preset:
    """One of three that differ in what a colour pixel is: convolutions so few that three decoders go into one page."""
    model = {"model": "ConvVAE", "channels": 3, "size": 32, "widths": [12, 24, 48], "hidden_dim": 64, "latent_dim": 32}
    config = replace(_BOOK, epochs=12, batch_size=64)
    source = f"This book: a small convolutional VAE of colour pictures, whose pixels are {pixels}"
    return Preset(source, model | {"likelihood": likelihood}, config, pad_to=32, data="colour")


PRESETS: dict[str, Preset] = {
    "classic-400-20": Preset(
        source="PyTorch's examples/vae: one hidden layer, 20 latent dimensions, grey pixels",
        model=_vae([400], 20),
        config=TrainConfig(epochs=10, batch_size=128),
        published="test loss 105.56 after 10 epochs (measured by running it)",
    ),
    "softplus-500-2": Preset(
        source="A TensorFlow class after Kingma & Welling 2013: a two-dimensional map of the digits",
        model=_vae([500, 500], 2, activation="softplus", init="glorot"),
        config=TrainConfig(epochs=75, batch_size=100),
        train_images=55_000,
    ),
    "tanh-512-256-128": Preset(
        source="Variational autoencoder and noisy images, TensorFlow, functional style",
        model=_vae([512, 256], 128, activation="tanh", init="glorot"),
        config=TrainConfig(epochs=20, batch_size=100),
        train_images=55_000,
        published="average training loss 180.44 after epoch 1, 106.82 after 10, 102.58 after 20",
    ),
    "relu-200-10": Preset(
        source="Study notes on VAEs, derivation first",
        model=_vae([200], 10),
        config=TrainConfig(epochs=10, batch_size=128),
    ),
    "mse-256-128-8": Preset(
        source="A book chapter on VAEs, Go: squared error, no biases, a large learning rate",
        model=_vae([256, 128], 8, likelihood="squared-error", bias=False, init="glorot"),
        config=TrainConfig(epochs=20, batch_size=100, lr=1e-2),
    ),
    "conv-32-20": Preset(
        source="VAE in no time, PyTorch, convolutional: 32×32 pixels, batch normalisation",
        model={"model": "ConvVAE", "size": 32, "widths": [8, 16, 32, 64], "hidden_dim": 128, "latent_dim": 20},
        config=TrainConfig(epochs=5, batch_size=64),
        pad_to=32,
    ),
    "photos": Preset(
        source="This book: convolutions, for a folder of your own pictures of any even size, grey or in colour",
        model={"model": "ConvVAE", "size": 64, "hidden_dim": 256, "latent_dim": 32, "likelihood": _LEVELS},
        config=TrainConfig(epochs=60, batch_size=32),
        steps=2000,  # later, a thousand pictures are learned by heart
    ),
    **{name: _own(name) for name in _BY_SIZE},
    **{name: _coloured(*pixels) for name, pixels in _COLOURS.items()},
    "latent-16": Preset(
        source="This book: convolutions and a rate that hardly counts, as in latent diffusion; a second model is to draw the codes",
        model={"model": "ConvVAE", "size": 28, "widths": [8, 16], "hidden_dim": 64, "latent_dim": 16},
        config=TrainConfig(epochs=3, batch_size=256, lr=3e-3, schedule="one-cycle", beta=0.001),
    ),
    "cvae-2": Preset(
        source="This book: a VAE with 2 latent dimensions that is told which digit it is",
        model={"model": "ConditionalVAE", "hidden_dims": _BOOK_DIMS, "latent_dim": 2, "classes": 10},
        config=replace(_BOOK, epochs=30),
    ),
}
"""The systems that `get_preset` and `--preset` have by name, beside "vae-N", "beta-B" and their like, for any N and B."""


def get_preset(name: str) -> Preset:
    """Look a preset up by name: one of `PRESETS`, or a name with a number in it.

    "vae-N", "ae-N" and "ae-N-bernoulli" have N latent dimensions, below 10,000. "beta-B" and "beta-B-gaussian" are a small
    network whose rate is weighted by β = B, any number above 0 and below 10,000 with up to six decimals, written in its one
    shortest way: "beta-0.5" and "beta-4", not "beta-.5", "beta-4.0" or "beta-5e-1".

    Raises:
        ValueError: no preset of that name; the message lists those there are.
    """
    if name in PRESETS:
        return PRESETS[name]
    if _OWN.fullmatch(name):
        return _own(name)
    if weighted := _FAMILY.fullmatch(name):
        return _weighted(float(weighted["beta"]), gaussian=weighted["gaussian"] is not None)
    there = ", ".join(map(repr, PRESETS))
    by_number = "'vae-N' for N latent dimensions, or 'beta-B' for a rate that is weighted by B, such as 'beta-0.5'"
    raise ValueError(f"unknown preset {name!r}: choose one of {there}, {by_number}")
