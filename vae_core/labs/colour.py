"""`ColourLab`: one network of colour pictures under several likelihoods; its units traversed, its clouds stretched, its pixels drawn."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vae_core.data import ImageSet, load_images
from vae_core.labs.base import Lab
from vae_core.labs.controls import Choice, Press, Slider, Step
from vae_core.labs.images import called, check_size, choose, noun, square
from vae_core.labs.noise import normals
from vae_core.labs.pack import Block, pack_decoder
from vae_core.labs.picture import Sheet
from vae_core.labs.scales import round_up
from vae_core.likelihoods import DiscretizedLogistic, Gaussian, LearnedGaussian
from vae_core.metrics import posteriors, rate_per_unit
from vae_core.models import VAE, LatentModel, check_model
from vae_core.saving import load_pretrained

DRAWS = 8  # as in colour.mjs
MANY = 500  # test images whose mean the bars are of
CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
BOOKS = {"σ = 1": "colour-gaussian", "σ learned": "colour-learned", "256 levels": "colour-logistic"}

STEPS = (
    Step(
        "Choose the three likelihoods one after another. The network is the same each time. Which of the three draws the image again, and which only its light?",
        {"pixel": "σ = 1"},
        ("decoded", "numbers", "pixel"),
    ),
    Step(
        "With σ = 1, look at the image with its pixels drawn: this is what the model says that pictures look like. Then choose *σ learned*.",
        {"pixel": "σ = 1"},
        ("thrown", "numbers", "pixel"),
    ),
    Step(
        "Drag the knob below the row, or move *Shift*. What does unit 1 hold? Then choose unit 32, and move it as far.",
        {"pixel": "σ learned"},
        ("units", "walk", "shift"),
    ),
    Step(
        "Set *Cloud ×* to 3. What happens to the error, and to the bits? Then set it to 0: the error hardly falls, and the rate has no end.",
        {"pixel": "σ learned"},
        ("numbers", "stretch"),
    ),
    Step(
        "Press *New ε* a few times. The upper row stays the image that it was; the lower row, from the prior, has a picture's colours and light. Does it show things?",
        {"pixel": "256 levels"},
        ("cloud", "prior", "draw"),
    ),
)
"""What to try with the book's own models."""


class ColourLab(Lab):
    """One image through one network under several likelihoods: what is decoded, what pixels are said to be, what it costs in bits.

    z = mean + stretch · std · ε, and one unit moved by `shift`; the units of each model stand in the order of what they pay.
    The bits are of −ELBO, a pixel and channel: of 256 levels as they are, of a density at the level's middle times its width.

    Of models of your own: `ColourLab({"first": one, "second": two}, images)`; one is enough.

    Raises:
        ValueError: no models, one that is not a VAE of Gaussian pixels or of 256 levels, or whose decoder a browser does not know
            (`pack_decoder`), different numbers of units; images that are not square, or not of the models' size.
    """

    module = "colour.mjs"
    tall = (1113, 1005)

    def __init__(self, models: Mapping[str, VAE] | None = None, images: ImageSet | None = None):
        lent = models is None
        models = {name: load_pretrained(weights) for name, weights in BOOKS.items()} if models is None else models
        images, side, channels = square(load_images("patches") if images is None else images)
        check(models, side, channels)
        self.models, names = list(models.values()), tuple(models)
        units = self.models[0].latent_dim
        x, called_so = choose(images)
        if len(x) > 10:  # one of a class
            x, called_so = x[::2], called_so[::2]
        if images.name.startswith("cifar10"):
            words = {f"class {label}": word for label, word in enumerate(CIFAR)}
            called_so = tuple(words.get(name, name) for name in called_so)
        block = Block()
        spec = {**called(images), "side": side, "channels": channels, "images": block.add((255 * x).round(), "uint8")}
        self._posteriors = [posteriors(model, (255 * x).round().byte()) for model in self.models]
        some = images.test[:MANY]
        packed = [self._pack(model, own, some, block) for model, own in zip(self.models, self._posteriors, strict=True)]
        self._orders = [one["order"] for one in packed]
        spec |= {"models": packed, "tallest": round_up(max(0.1, *(max(one["units"]) for one in packed)))}
        begin = 1 if lent else 0
        controls = [
            Choice("pixel", "Pixel", names, begin),
            Choice("image", noun(images).capitalize(), called_so, resets=("shift",)),
            Choice("unit", "Unit", tuple(str(i + 1) for i in range(units)), resets=("shift",)),
            Slider("shift", "Shift", -3, 3, 0.1, 0.0),
            Slider("stretch", "Cloud ×", 0, 3, 0.05, 1.0),
            Press("draw", "New ε", play=1.2),
        ]
        super().__init__(
            controls,
            spec,
            block.data,
            steps=STEPS if lent else (),
            legend=("distortion", "rate"),
            picture=draw_still(x, self.models[begin], self._posteriors[begin][0]),
            caption=f"{noun(images).capitalize()}s of the test set ({images.title}). Bars: the mean KL of each unit over {len(some)} of them, the "
            f"costliest first, up to {spec['tallest']:g} nats; each model was trained by itself, so unit 1 of one is not unit 1 of the next. "
            "Error and bits are means over the eight draws of the cloud.",
        )

    def _pack(self, model: VAE, own: tuple[Tensor, Tensor], some: Tensor, block: Block) -> dict[str, Any]:
        """One model: its decoder, its posteriors of the images shown, what its units pay, and how wide a pixel is."""
        nats = rate_per_unit(*posteriors(model, some))
        order = nats.argsort(descending=True, stable=True)
        likelihood = model.likelihood
        levels = isinstance(likelihood, DiscretizedLogistic)
        return {
            **pack_decoder(model, block),
            "mean": block.add(own[0], "float32"),
            "log_var": block.add(own[1], "float32"),
            "order": order.tolist(),
            "units": [round(value, 3) for value in nats[order].tolist()],
            "width": likelihood.scale if levels else likelihood.std,
            "levels": levels,
        }

    @property
    def z(self) -> np.ndarray:
        """The eight draws of the cloud as it stands, the unit moved: float32 (8, L)."""
        state = self.state()
        mean, log_var = (part[state["image"]].numpy() for part in self._posteriors[state["pixel"]])
        moved = np.zeros_like(mean)
        moved[self._orders[state["pixel"]][state["unit"]]] = self.values["shift"]
        epsilon = normals(self.values["draw"] + 1, 2 * DRAWS * len(mean)).reshape(2 * DRAWS, -1)[:DRAWS]
        return (mean + moved + self.values["stretch"] * np.exp(0.5 * log_var) * epsilon).astype(np.float32)

    def answer(self) -> np.ndarray:
        """What the PyTorch model decodes from `z`, on its own device: float32 (8, D) in [0, 1]."""
        return self.models[self.state()["pixel"]].draw(torch.from_numpy(self.z)).numpy()


def check(models: Mapping[str, LatentModel], side: int, channels: int) -> None:
    """Raise ValueError for what cannot be shown side by side; the message says what, and how to mend it."""
    if not isinstance(models, Mapping) or not models:
        raise ValueError(f'models is {models!r}: pass VAEs by name, as {{"mine": model}}')
    for name, model in models.items():
        check_model(f"models[{name!r}]", model)
        check_size(model, side, channels=channels)
        likelihood = type(model.likelihood)
        if not isinstance(model, VAE) or likelihood not in (Gaussian, LearnedGaussian, DiscretizedLogistic):
            wanted = "VAEs whose pixels are Gaussian or of 256 levels, as VAE(…, likelihood=LearnedGaussian())"
            raise ValueError(f"ColourLab shows {wanted}, and {name!r} is {type(model).__name__}, {likelihood.__name__}")
    sizes = sorted({model.latent_dim for model in models.values()})
    if len(sizes) > 1:
        raise ValueError(f"the models have {sizes} units: ColourLab moves the same number of units in all of them")


def draw_still(x: Tensor, model: VAE, mean: Tensor) -> tuple[Any, str]:
    """The lab as it begins, for a page whose script does not run: x (N, D), mean (N, L)."""
    sheet, shown = Sheet(640, 250), slice(0, 6)
    sheet.show("test images", x[shown], 10, 34, 80)
    sheet.show("decoded from the means of their posteriors", model.draw(mean[shown]), 10, 154, 80)
    return sheet.image, "Test images in colour, and below each what a small VAE decodes from the mean of its posterior."
