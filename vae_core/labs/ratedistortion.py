"""`RateDistortionLab`: one network trained at many weights β of the rate; slide β, and see what the price buys."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor

from vae_core.data import ImageSet, to_pixels
from vae_core.labs.base import Lab
from vae_core.labs.controls import Choice, Press, Slider, Step
from vae_core.labs.images import called, check_size, choose, foreign, noun, square
from vae_core.labs.noise import normals
from vae_core.labs.pack import Block, pack_decoder
from vae_core.labs.picture import ACCENT, GREY, Sheet
from vae_core.labs.scales import round_up
from vae_core.likelihoods import Bernoulli
from vae_core.metrics import active_units, evaluate, posteriors, rate_per_unit
from vae_core.models import VAE, evaluating
from vae_core.presets import BETAS
from vae_core.saving import load_pretrained

SHOWN = 7  # images drawn again, and as many invented
PRACTICE = 4000  # codes from the prior, at which the rounded decoders must be true to their models

STEPS = (
    Step(
        "β is 100: the rate costs too much, and every bar is flat. Lower *β*. At which β do the first bars rise, and how many? How many at 3.2?",
        {"beta": "100"},
        ("again", "units", "beta"),
    ),
    Step(
        "At 0.01 the price is nearly nothing. Compare the two rows: which are good, the images drawn again or the draws from the prior? Then raise *β* to 1.",
        {"beta": "0.01"},
        ("again", "prior", "beta"),
    ),
    Step(
        "Unit 10 is flat. Move *Shift* from end to end: nothing changes. Then choose unit 1, and move *Shift* again.",
        {"beta": "10", "unit": "10"},
        ("again", "units", "unit", "shift"),
    ),
    Step(
        "At 0.01 move *Noise* to 3: the drawings hold, their clouds are narrow. Then set *β* to 10: do they hold there?",
        {"beta": "0.01"},
        ("again", "noise", "beta"),
    ),
    Step(
        "Each dot is a model. The line through the marked one falls by β for each nat to the right. Move *β*: the line turns. Does any dot lie clearly below it?",
        {"beta": "1"},
        ("plane", "beta"),
    ),
)
"""What to try with the book's own models."""


class RateDistortionLab(Lab):
    """Slide β from 0.01 to 100, and compare what each model draws, invents, pays and leaves unused.

    z = mean + noise · std · ε, and one unit moved by `shift`. A model's units stand in the order of what they pay, the
    costliest first. The plane holds each model's mean rate and distortion over the test set. Dense decoders travel in
    six bits a weight, and a page begins with one of them.

    Of models of your own: `RateDistortionLab({0.5: one, 2: another}, images)`, each under the β that it was trained with.

    Raises:
        ValueError: fewer than two models, one that is not a VAE of Bernoulli pixels or whose decoder a browser does not
            know (`pack_decoder`), different numbers of units, a β that is not above 0, or images that are not square, or
            not of the models' size.
    """

    module = "ratedistortion.mjs"
    tall = (1081, 739)

    def __init__(self, models: Mapping[float, VAE] | None = None, images: ImageSet | None = None):
        lent = models is None
        models = {beta: load_pretrained(f"beta-{beta}") for beta in BETAS} if models is None else models
        images, side, channels = square(images)
        check(models, side, channels, lent)
        betas = sorted(models)
        self.models = [models[beta] for beta in betas]
        count = self.models[0].latent_dim
        x = chosen(images)
        begin = min(range(len(betas)), key=lambda i: abs(math.log(betas[i])))  # the β that is nearest to 1
        names = tuple(f"{beta:g}" for beta in betas)

        block, packed = Block(), {}
        spec = {**called(images), "side": side, "channels": channels, "images": block.add((255 * x).round(), "uint8")}
        self._posteriors = {}
        # the one that is shown first travels first, and then its neighbours
        for i in sorted(range(len(betas)), key=lambda i: abs(i - begin)):
            packed[i] = {"beta": betas[i], **self._pack(i, x, images, block)}
            if len(packed) == 2:
                spec["enough"] = packed[i]["layers"][0]["weight"]["at"]
        in_order = [packed[i] for i in range(len(betas))]
        floor, memory = limits(images)
        most = max(model["distortion"] for model in in_order)
        spec |= {
            "models": in_order,
            "floor": floor,
            "memory": memory,
            "most": [1.06 * max(model["rate"] for model in in_order), most + 0.06 * (most - floor)],
            "tallest": round_up(1.4 * max(0.1, *packed[begin]["units"])),
        }
        controls = [
            Choice("beta", "β", names, begin, slid=True),
            Slider("noise", "Noise", 0, 3, 0.05, 1.0, "× std"),
            Choice("unit", "Unit", tuple(str(i + 1) for i in range(count))),
            Slider("shift", "Shift", -3, 3, 0.1, 0.0),
            Press("draw", "New ε", play=1.2),
        ]
        which = f"Seven {noun(images)}s" if len(x) == SHOWN else f"{noun(images).capitalize()}s"
        super().__init__(
            controls,
            spec,
            block.data,
            steps=STEPS if lent and not foreign(images) else (),
            legend=("distortion", "rate"),
            picture=draw_still(self.models, betas, x, [self._posteriors[i][0] for i in range(len(betas))]),
            caption=f"{which} of the test set ({images.title}), each drawn again from one draw of its posterior; below, draws "
            "from the prior, of the same ε at every β. Bars: the mean KL of each unit over the test set, the costliest first; each "
            f"model was trained by itself, so unit 1 of one is not unit 1 of the next; ↑: cut at {spec['tallest']:g} nats. Grey: no model can pass, whatever its "
            "network (the chapter says why).",
        )

    def _pack(self, i: int, x: Tensor, images: ImageSet, block: Block) -> dict[str, Any]:
        """One model: its decoder, its posteriors of the images shown, and its place on the plane."""
        model = self.models[i]
        with evaluating(model):
            mean, log_var = (part.float().cpu() for part in model.encode(x.to(model.device)))
        means, log_vars = posteriors(model, images.test)
        nats = rate_per_unit(means, log_vars)
        order = nats.argsort(descending=True)
        self._posteriors[i] = mean, log_var, order
        test = evaluate(model, images.test)
        practice = torch.randn(PRACTICE, model.latent_dim, generator=torch.Generator().manual_seed(0))
        return {
            **pack_decoder(model, block, practice),
            "mean": block.add(mean, "float32"),
            "log_var": block.add(log_var, "float32"),
            "order": order.tolist(),
            "units": [round(float(unit), 4) for unit in nats[order]],
            "active": active_units(means)[order].tolist(),
            "rate": round(float(test.rate), 3),
            "distortion": round(float(test.distortion), 3),
        }

    @property
    def z(self) -> np.ndarray:
        """The codes in use: float32 (2 N, L), of the N images drawn again, then of the N draws from the prior."""
        state = self.state()
        mean, log_var, order = self._posteriors[state["beta"]]
        n, units = mean.shape
        epsilon = torch.empty(2 * n, units)  # the i-th number of a draw goes to the i-th unit in order
        epsilon[:, order] = torch.from_numpy(normals(state["draw"] + 1, 2 * n * units).reshape(2 * n, units)).float()
        again = mean + state["noise"] * (0.5 * log_var).exp() * epsilon[:n]
        again[:, order[state["unit"]]] += state["shift"]
        return torch.cat([again, epsilon[n:]]).numpy()

    def answer(self) -> np.ndarray:
        """What the PyTorch model of this β decodes from `z`, on its own device: float32 (2 N, D) in [0, 1]."""
        return self.models[self.state()["beta"]].draw(torch.from_numpy(self.z)).numpy()


def check(models: Any, side: int, channels: int, lent: bool) -> None:
    """Raise ValueError for what cannot be compared."""
    if not isinstance(models, Mapping) or len(models) < 2:
        raise ValueError("RateDistortionLab compares models by β: pass two or more, as {0.5: one, 2: another}")
    for beta, model in models.items():
        if not isinstance(beta, int | float) or not 0 < beta < math.inf:
            raise ValueError(f"a model is given under β = {beta!r}: a number above 0, the β it was trained with")
        check_size(model, side, "models=, VAEs by their β" if lent else "", channels)
        if not isinstance(model, VAE) or type(model.likelihood) is not Bernoulli:
            kind = f"{type(model).__name__} of {model.likelihood}"
            raise ValueError(
                f"RateDistortionLab compares VAEs of Bernoulli pixels, and at β = {beta} there is a {kind}"
            )
    if len(sizes := sorted({model.latent_dim for model in models.values()})) > 1:
        raise ValueError(f"the models have {sizes} units: RateDistortionLab compares models of one size")


def chosen(images: ImageSet) -> Tensor:
    """A few images of the test set: of digits 1, 7, 4, 9, 3, 5 and 2, else the first of different classes: x (N, D) in [0, 1]."""
    x, names = choose(images)
    wanted = ("1", "7", "4", "9", "3", "5, another", "2")
    rows = (
        [names.index(name) for name in wanted]
        if set(wanted) <= set(names)
        else range(0, len(x), max(1, len(x) // SHOWN))
    )
    return x[list(rows)[:SHOWN]]


def limits(images: ImageSet) -> tuple[float, float]:
    """What no model of Bernoulli pixels can pass on these test images: the least distortion, and the least sum of both terms.

    A grey pixel is a probability of ink, so the mean distortion is at least the mean entropy of the pixels, H(b | x), for binary
    images b that are drawn from them. And for each b the sum is at least −log p(b), so on the average it is at least H(b) =
    H(b | x) + I(b; x): the images are N, all different, and b tells which of them it was drawn from, or nearly so: here
    I is measured on draws of up to 2,000 of the images.
    """
    x = to_pixels(images.test).double()
    floor = (torch.special.entr(x) + torch.special.entr(1 - x)).sum(1).mean().item()
    b = torch.bernoulli(x[:: math.ceil(len(x) / 500)], generator=torch.Generator().manual_seed(0))
    ink = x.clamp(1e-12, 1 - 1e-12)  # a pixel of 0 or 1 is certain; 27 nats a pixel are as good as that
    log_p = b @ ink.log().T + (1 - b) @ (1 - ink).log().T  # (500, N)
    own = log_p[torch.arange(len(b)), torch.arange(0, len(x), math.ceil(len(x) / 500))]
    information = (own - log_p.logsumexp(1) + math.log(len(x))).mean().item()
    return round(floor, 3), round(floor + information, 3)


def draw_still(models: list[VAE], betas: list[float], x: Tensor, means: list[Tensor]) -> tuple[Image, str]:
    """The lab as it begins, for a page whose script does not run: images (N, D), and the means of each model's posteriors."""
    shown = [0, len(models) // 2, len(models) - 1]
    sheet = Sheet(160 + 60 * len(x), 30 + 66 * (1 + len(shown)))
    sheet.show("", x, 150, 20, 54)
    sheet.write("test images", 10, 38)
    for row, i in enumerate(shown, 1):
        sheet.show("", models[i].draw(means[i]), 150, 20 + 66 * row, 54)
        sheet.write(f"β = {betas[i]:g}", 10, 38 + 66 * row, ACCENT if i == shown[1] else GREY)
    words = ", ".join(f"{betas[i]:g}" for i in shown)
    return sheet.image, f"Test images, and below them the same redrawn by models trained with β = {words}."
