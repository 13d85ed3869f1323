"""Named systems: an architecture, a schedule, and where it comes from.

The published ones are rebuilt from their texts, so that their printed numbers can be stood beside ours;
the last few are those whose trained weights ship with the book.
"""

from dataclasses import dataclass
from typing import Any

import torch

from vae_core.data import ImageSet
from vae_core.models import build
from vae_core.training import TrainConfig


@dataclass(frozen=True)
class Preset:
    """A system to train: `model` as `build` takes it, `config`, and its source in a line.

    `train_images` limits the training set where the source did; `pad_to` frames smaller images in black up to
    this many pixels; `published` is what its author printed.
    """

    source: str
    model: dict[str, Any]
    config: TrainConfig
    train_images: int | None = None
    pad_to: int | None = None
    published: str = ""

    def build(self, seed: int = 0, images: ImageSet | None = None) -> Any:
        """A fresh model whose initial weights come from `seed`; the global generator is left as it was.

        It takes images of the source's size, or of the size of `images`.
        """
        model = self.model
        if images is not None:
            channels, size, _ = images.train.shape[1:]
            by_size = {"channels": channels, "size": size}
            model = model | (by_size if model["model"] == "ConvVAE" else {"input_dim": images.input_dim})
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return build(model)

    def prepare(self, images: ImageSet) -> ImageSet:
        """The images as the source used them: cut to its training set, smaller ones framed to its size."""
        images = images.first(self.train_images or len(images.train))
        return images.padded(self.pad_to) if self.pad_to and self.pad_to > images.train.shape[-1] else images


def _vae(hidden_dims: list[int], latent_dim: int, **options: Any) -> dict[str, Any]:
    return {"model": "VAE", "hidden_dims": hidden_dims, "latent_dim": latent_dim, **options}


_BOOK = TrainConfig(epochs=60, lr=3e-3, schedule="one-cycle")
_BOOK_DIMS = [256, 128]

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
    "ae-2": Preset(
        source="This book: a plain autoencoder with a plane for a bottleneck, trained on squared error",
        model={"model": "Autoencoder", "hidden_dims": _BOOK_DIMS, "latent_dim": 2},
        config=_BOOK,
    ),
    **{
        f"vae-{latent_dim}": Preset(
            source=f"This book: a VAE with {latent_dim} latent dimensions",
            model=_vae(_BOOK_DIMS, latent_dim),
            config=_BOOK,
        )
        for latent_dim in (2, 5, 8, 10, 20, 50)
    },
}

SHIPPED = ("ae-2", "vae-2", "vae-5", "vae-8", "vae-10", "vae-20", "vae-50")
"""Presets whose trained weights are in `vae_core/weights/`."""


def get_preset(name: str) -> Preset:
    """Look a preset up by name.

    Raises:
        ValueError: no preset of that name; the message lists those there are.
    """
    if name not in PRESETS:
        raise ValueError(f"unknown preset {name!r}: choose one of {', '.join(map(repr, PRESETS))}")
    return PRESETS[name]
