"""`DimensionLab`: the same image through VAEs of different latent dimensions, side by side, with the noise in your hand."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor

from vae_core.data import ImageSet
from vae_core.labs.base import Lab
from vae_core.labs.controls import Choice, Press, Slider, Step
from vae_core.labs.images import BOOKS, called, check_size, choose, foreign, noun, square
from vae_core.labs.noise import normals
from vae_core.labs.pack import Block, pack_decoder
from vae_core.labs.picture import GREY, Sheet
from vae_core.labs.scales import costs, round_up
from vae_core.likelihoods import Bernoulli
from vae_core.metrics import active_units, posteriors, rate_per_unit
from vae_core.models import VAE, evaluating
from vae_core.saving import load_pretrained

DIMENSIONS = (2, 5, 8, 10, 20, 50)
"""The latent dimensions that are compared, each a shipped model "vae-…"."""

FIRST = 2  # models that a page shows while the others are on their way
DRAWS = 4  # of each posterior
PRACTICE = 4000  # codes from the prior, at which the rounded decoders must be true to their models


PARTS = ("all", "active", "grey")
"""The units that the noise is on."""

Models = Mapping[Any, VAE] | Sequence[VAE] | VAE


class DimensionLab(Lab):
    """Choose an image and a strength of noise, and compare what VAEs of 2 to 50 dimensions draw, pay and leave unused.

    z = mean + noise · std · ε, with as many ε as a model has dimensions. The noise is on all units, or on the active or the
    others alone; those it is not on keep their own. A unit counts as active if its mean varies over the test set
    (`active_units`). Dense decoders travel in six bits a weight, so that six fit into one page.

    Of models of your own: `DimensionLab({2: small, 20: large}, images)`, each under what it is to be called; a list of them, or
    one alone, is called by its dimensions.

    Raises:
        ValueError: no models, one that is not a VAE of Bernoulli pixels or whose decoder a browser does not know
            (`pack_decoder`), or images that are not square, or not of the models' size.
    """

    module = "dimension.mjs"
    tall = (796, 722)

    def __init__(self, models: Models | None = None, images: ImageSet | None = None):
        lent = models is None
        models = [load_pretrained(f"vae-{size}") for size in DIMENSIONS] if models is None else models
        named = models if isinstance(models, Mapping) else {}
        models = list(named.values() if named else models) if isinstance(models, Iterable) else [models]
        images, side, channels = square(images)
        for model in models:
            check_size(model, side, "models=, VAEs" if lent else "", channels)
        if not models or not all(isinstance(model, VAE) and type(model.likelihood) is Bernoulli for model in models):
            given = ", ".join(f"{type(model).__name__} of {model.likelihood}" for model in models)
            wanted = "it needs one or more of them, and nothing else"
            raise ValueError(f"DimensionLab compares VAEs of Bernoulli pixels: {wanted}, not [{given}]")
        self.models = models
        x, names = choose(images)
        start = names.index("4, another") if "4, another" in names else 0  # two dimensions make a 9 of it
        block = Block()
        self._posteriors, self._active = [], []
        most, tallest = 1.0, 2.0
        spec = {
            **called(images),
            "side": side,
            "channels": channels,
            "draws": DRAWS,
            "models": [],
            "images": block.add((255 * x).round(), "uint8"),
        }
        for model, name in zip(models, named or [model.latent_dim for model in models], strict=True):
            with evaluating(model):
                mean, log_var = (part.float().cpu() for part in model.encode(x.to(model.device)))
            self._posteriors.append((mean, log_var))
            means, log_vars = posteriors(model, images.test)
            nats, active = rate_per_unit(means, log_vars), active_units(means)
            self._active.append(active)
            generator = torch.Generator().manual_seed(0)
            practice = torch.randn(PRACTICE, model.latent_dim, generator=generator)
            size = f"{model.latent_dim} dimension{'s' if model.latent_dim > 1 else ''}"
            sized = name == model.latent_dim
            spec["models"].append(
                {
                    "name": size if sized else str(name),
                    "short": size.replace("ension", "") if sized else str(name),
                    "size": "" if sized else size,
                    "units": model.latent_dim,
                    **pack_decoder(model, block, practice),
                    "mean": block.add(mean, "float32"),
                    "log_var": block.add(log_var, "float32"),
                    "order": sorted(range(model.latent_dim), key=lambda unit: (not active[unit], -nats[unit])),
                    "active": active.tolist(),
                }
            )
            most = max(most, costs(model, x, mean, log_var, DRAWS).median().item())
            tallest = max(tallest, (nats.sum() / active.sum().clamp_min(1)).item())
        spec |= {"most": round_up(1.5 * most), "tallest": round_up(2 * tallest)}
        if len(models) > FIRST:
            spec["enough"] = spec["models"][FIRST]["layers"][0]["weight"]["at"]
        controls = [
            Slider("noise", "Noise", 0, 3, 0.05, 1.0, "× std"),
            Choice("digit", noun(images).capitalize(), names, start),
            Choice("on", "Noise on", PARTS),
            Press("draw", "New ε", play=1.2),
        ]
        super().__init__(
            controls,
            spec,
            block.data,
            steps=SIZES if lent and not foreign(images) else (),
            legend=("distortion", "rate"),
            picture=draw_still(models, x[start], [mean[start] for mean, _ in self._posteriors]),
            caption="At noise 1 the draws are from the posterior that the encoder chose; at 0 all are its mean, at an "
            "infinite rate. Play goes on to new ε. Distortion: mean of the four draws. Active: the unit's mean varies over the "
            f"test set by a variance of more than 0.01. {noun(images).capitalize()}s from the test set ({images.title})."
            + (f" The models are {BOOKS}" if lent and foreign(images) else ""),
        )

    @property
    def z(self) -> list[np.ndarray]:
        """The draws that the images are decoded from, model by model: float32 (4, L) each, the large image's first."""
        row, part, codes = self.state()["digit"], self.values["on"], []
        for (mean, log_var), active in zip(self._posteriors, self._active, strict=True):
            epsilon = normals(self.values["draw"] + 1, DRAWS * mean.shape[1]).reshape(DRAWS, -1)
            touched = {"all": torch.ones_like(active), "active": active, "grey": ~active}[part]
            noise = torch.where(touched, self.values["noise"], 1.0)
            codes.append((mean[row] + noise * (0.5 * log_var[row]).exp() * torch.from_numpy(epsilon)).float().numpy())
        return codes

    def answer(self) -> list[np.ndarray]:
        """What the PyTorch models decode from `z`, on their own devices: float32 (4, D) each, in [0, 1]."""
        return [model.draw(torch.from_numpy(z)).numpy() for model, z in zip(self.models, self.z, strict=True)]


SIZES = [
    Step(
        "Go down the rows. Where does the drawing become the right digit? From where on do you see no difference any more?",
        watch=("drawings", "digit"),
    ),
    Step(
        "Read the costs: green plus purple, so short is good. Which of the two terms falls with the dimension, and which rises? "
        "One image is no average: try others too.",
        {"digit": "9, another", "draw": 9},  # neither turns back once; with most images one does
        watch=("costs", "digit"),
    ),
    Step(
        "Each bar is a unit, a latent number, and what it pays. How many are not flat at 8, 10 and 20 dimensions? (For 50 the row's "
        "label says it.) And at *Noise* 0, where each claims to be known exactly?",
        watch=("units", "noise"),
    ),
    Step(
        "The slider now moves the noise of the grey units alone; the active ones keep theirs. Set *Noise* to 3. Do the grey ones "
        "still cost nothing? Do they change the drawings? Then set *Noise on* to active: do they now?",
        {"digit": "4", "on": "grey"},  # of which all six get dearer
        watch=("grey", "noise", "on"),
    ),
    Step(
        "Here is a 1. Does it need more than two dimensions? (The average 1 needs five; one image may go another way.) Then choose the "
        "second 8: does it?",
        {"digit": "1"},
        watch=("drawings", "costs", "digit"),
    ),
]
"""What to try with the book's own models."""


def draw_still(models: Sequence[VAE], x: Tensor, means: Sequence[Tensor]) -> tuple[Image, str]:
    """The lab as it begins, for a page whose script does not run: x (D,), the mean of each model's posterior (L,)."""
    sheet = Sheet(130 + 100 * len(models), 150)
    sheet.show("input x", x[None], 10, 40, 84)
    for i, (model, mean) in enumerate(zip(models, means, strict=True)):
        left = 130 + 100 * i
        sheet.show(f"{model.latent_dim} dims", model.draw(mean[None]), left, 40, 84)
        share = model.latent_dim / max(m.latent_dim for m in models)
        sheet.rectangle((left, 132, left + 84 * share, 138), fill=GREY)
    sizes = ", ".join(str(model.latent_dim) for model in models)
    return sheet.image, f"A test image, and beside it the same image redrawn by VAEs with latent dimension {sizes}."
