"""`ElboLab`: one latent number, where log p(x) is known, and a Gaussian q that is moved by hand towards the posterior."""

from dataclasses import replace

import numpy as np
import torch
from PIL.Image import Image

from vae_core.colours import GAP
from vae_core.exact import EXACT_MODELS, ExactModel, log_normal
from vae_core.labs.base import Lab
from vae_core.labs.controls import Choice, Slider, Step
from vae_core.labs.picture import ACCENT, GREY, INK, Sheet

MEAN = Slider("mean", "q's mean", -3, 3, 0.05, -0.5)
STD = Slider("std", "q's std", 0.05, 2, 0.05, 1.2)
X = Slider("x", "Observed x", -3, 3, 0.25, 1.0)
LINEAR, CURVED, BUMPS = DECODERS = ("linear: 0.8 z", "curved: 2 tanh z", "two bumps: z²")
"""What the menu calls EXACT_MODELS, in their order."""

FITTING = (
    Step(
        "Move q by *q's mean* and *q's std*, or by its handles, until the red bar is gone. What do you see among the curves?",
        watch=("curves", "bars"),
    ),
    Step(
        "Move q as you like, and watch the upper bar, log p(x). Does it ever move? Then move *Observed x*.",
        watch=("bars", "chart"),
    ),
    Step(
        "q lies over both bumps. Set *q's std* to 0.2: the red bar grows. Then *q's mean* to 1.3, over one bump. Does it pay to cover "
        "both?",
        {"decoder": BUMPS, "x": 2.0, "mean": 0.0, "std": 1.0},
        ("curves", "bars"),
    ),
    Step(
        "This decoder bends, and the posterior leans. Can you get the red bar away now?",
        {"decoder": CURVED, "x": 1.5, "mean": 0.0, "std": 0.8},
        ("curves", "bars"),
    ),
)
"""What to try first: q as a stand-in for the posterior."""
PROPOSING = (
    Step(
        "Fit q: make the red bar as small as you can. Write down the gap that is left.",
        {"decoder": BUMPS, "x": 2.0, "mean": 0.5, "std": 0.8},
        ("curves", "bars"),
    ),
    Step(
        "This q sits on one bump. Set *q's mean* to 0 and *q's std* to 1.2. What does the gap say of that q?",
        {"decoder": BUMPS, "x": 2.0, "mean": 1.3, "std": 0.2},
        ("curves", "bars"),
    ),
    Step(
        "At the top stands how many of 256 draws from q fall left and right of z = 0, on average. Set *q's mean* to 1.3 and *q's "
        "std* to 0.2. How many are left for the left bump?",
        {"decoder": BUMPS, "x": 2.0, "mean": 0.0, "std": 1.2},
        ("curves",),
    ),
)
"""What to try where q proposes the z at which to look: the best q by its gap is not the best place to look from."""
STEPS = {"fitting": FITTING, "proposing": PROPOSING}
DRAWS = 256
"""Of how many draws the lab tells on which side they fall, where q proposes: the most that chapter 9 takes."""


class ElboLab(Lab):
    """Three models p(z) = N(0, 1), p(x | z) = N(g(z), std²); set x and a Gaussian q, and see log p(x) = ELBO + KL(q ‖ posterior).

    With the linear decoder q can be the posterior and the gap is zero; with two bumps no Gaussian can. What there is to try is about
    a q that comes near the posterior, or, with steps="proposing", about one that proposes where to look.

    Raises:
        ValueError: no such list of steps.
    """

    module = "elbo.mjs"
    tall = (900, 768)

    def __init__(self, steps: str = "fitting") -> None:
        if steps not in STEPS:
            raise ValueError(f"steps is {steps!r}, and there are {' and '.join(STEPS)}")
        begins = {"mean": MEAN.value, "std": STD.value, "x": X.value, "decoder": LINEAR}
        if steps == "proposing":
            begins = dict(PROPOSING[0].state)
        sliders = [replace(slider, value=begins[slider.name]) for slider in (MEAN, STD, X)]
        chosen = DECODERS.index(begins["decoder"])
        super().__init__(
            [*sliders, Choice("decoder", "Decoder", DECODERS, chosen)],
            {
                "least": [least_gap(model) for model in EXACT_MODELS.values()],
                "draws": DRAWS if steps == "proposing" else 0,
            },
            b"",
            steps=STEPS[steps],
            legend=("distortion", "rate", "gap"),
            picture=draw_still(list(EXACT_MODELS.values())[chosen], *(slider.value for slider in sliders)),
            caption="Drag q by its two handles, and x by its own. Every number is exact to more digits than are shown. The likelihood "
            "is no density over z: its height is only for show. The two upper bars begin at −10, where the picture ends: read where "
            "they end. Least: what these sliders reach.",
        )

    @property
    def mean(self) -> np.ndarray:
        """The mean of q(z | x), float64 (1,)."""
        return np.array([self.values["mean"]])

    @property
    def log_var(self) -> np.ndarray:
        """The log variance of q(z | x), float64 (1,)."""
        return 2 * np.log([self.values["std"]])

    @property
    def exact_model(self) -> ExactModel:
        """The model of the chosen decoder."""
        return list(EXACT_MODELS.values())[self.state()["decoder"]]

    def answer(self) -> dict[str, float]:
        """What PyTorch makes of the same q and x, in nats: log_marginal, elbo, gap, rate and distortion."""
        x, mean, std = (torch.tensor(self.values[name], dtype=torch.float64) for name in ("x", "mean", "std"))
        terms = self.exact_model.elbo(x, mean, std)
        found = {"log_marginal": self.exact_model.log_marginal(x), "elbo": terms.elbo, **terms._asdict()}
        return {name: value.item() for name, value in {**found, "gap": self.exact_model.gap(x, mean, std)}.items()}


def least_gap(model: ExactModel) -> list[float]:
    """KL(q ‖ posterior) of the best q that the sliders reach, at each x of its slider: looked for around the best of all."""
    x = torch.arange(X.min, X.max + X.step / 2, X.step, dtype=torch.float64)
    near = torch.cartesian_prod(torch.arange(-2, 3), torch.arange(-2, 3))
    mean, std = (
        (slider.min + slider.step * ((best[:, None] - slider.min) / slider.step + steps).round()).clamp(
            slider.min, slider.max
        )
        for slider, best, steps in zip((MEAN, STD), model.best_gaussian(x), near.T, strict=True)
    )
    gaps = model.gap(x[:, None].expand_as(mean), mean, std).min(1).values
    return [abs(round(gap, 5)) for gap in gaps.tolist()]


def draw_still(model: ExactModel, mean: float, std: float, x: float) -> tuple[Image, str]:
    """The lab as it begins, for a page whose script does not run."""
    sheet = Sheet(720, 300)
    z, at = torch.linspace(-4, 4, 321, dtype=torch.float64), torch.tensor(x, dtype=torch.float64)
    centre, width = (torch.tensor(value, dtype=torch.float64) for value in (mean, std))
    log_p = model.log_marginal(at)
    curves = (
        ("prior", 20, log_normal(z, 0.0, 1.0), GREY),
        ("posterior", 110, model.log_joint(at, z) - log_p, INK),
        ("q", 230, log_normal(z, centre, width), ACCENT),
    )
    tall = min(213.0, 150 / max(log_density.exp().max().item() for _, _, log_density, _ in curves))
    for name, left, log_density, colour in curves:
        heights = (190 - tall * log_density.exp()).tolist()
        sheet.line(
            list(zip((360 + 85 * z).tolist(), heights, strict=True)), fill=colour, width=1 if colour == GREY else 3
        )
        sheet.write(name, left, 12, colour, 17)
    sheet.line((20, 190, 700, 190), fill=GREY)
    sheet.write("log p(x) = ELBO + KL(q ‖ posterior)", 20, 206, size=16)
    ends, parts = (20 + 65.7 * max(0.0, 10 + nats.item()) for nats in (log_p, log_p - model.gap(at, centre, width)))
    sheet.rectangle((20, 234, ends, 250), fill=GREY)
    sheet.rectangle((20, 260, parts, 276), outline=INK)
    sheet.rectangle((parts + 1, 260, ends, 276), fill=GAP)
    return sheet.image, (
        "Three curves: the prior, the posterior, and a Gaussian q that does not match it. Below, a bar for log p(x) and one "
        "of the same length in two parts, the ELBO and the Kullback-Leibler divergence from q to the posterior."
    )
