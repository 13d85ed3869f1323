"""`ElboLab`: one latent number, where log p(x) is known, and a Gaussian q that is moved by hand towards the posterior."""

import numpy as np
import torch
from PIL.Image import Image

from vae_core.exact import EXACT_MODELS, ExactModel
from vae_core.labs.base import Lab
from vae_core.labs.controls import Choice, Slider
from vae_core.labs.picture import ACCENT, GREY, INK, ORANGE, Sheet

X = Slider("x", "Observed x", -3, 3, 0.25, 1.0)


class ElboLab(Lab):
    """Three models p(z) = N(0, 1), p(x | z) = N(g(z), std²); set x and a Gaussian q, and see log p(x) = ELBO + KL(q ‖ posterior).

    With the linear decoder q can be the posterior and the gap is zero; with two bumps no Gaussian can.
    """

    module = "elbo.mjs"
    tall = (936, 699)

    def __init__(self) -> None:
        x = torch.arange(X.min, X.max + X.step / 2, X.step, dtype=torch.float64)
        controls = [
            Slider("mean", "q's mean", -3, 3, 0.05, -0.5),
            Slider("std", "q's std", 0.05, 2, 0.05, 1.2),
            X,
            Choice("decoder", "Decoder", tuple(EXACT_MODELS)),
        ]
        super().__init__(
            controls,
            {"least": [least_gap(model, x) for model in EXACT_MODELS.values()]},
            b"",
            picture=draw_still(),
            caption="Drag q by its two dots, and x by its own. The decoder g(z) is 0.8 z, 2 tanh z or z². Every number is exact to "
            "more digits than are shown. The likelihood is no density over z: its height is only for show.",
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
        return EXACT_MODELS[self.values["decoder"]]

    def answer(self) -> dict[str, float]:
        """What PyTorch makes of the same q and x, in nats: log_marginal, elbo, gap, rate and distortion."""
        x, mean, std = (torch.tensor(self.values[name], dtype=torch.float64) for name in ("x", "mean", "std"))
        terms = self.exact_model.elbo(x, mean, std)
        found = {"log_marginal": self.exact_model.log_marginal(x), "elbo": terms.elbo, **terms._asdict()}
        return {name: value.item() for name, value in {**found, "gap": self.exact_model.gap(x, mean, std)}.items()}


def least_gap(model: ExactModel, x: torch.Tensor) -> list[float]:
    """KL(q ‖ posterior) of the best Gaussian at each x."""
    gaps = model.gap(x, *model.best_gaussian(x))
    return [abs(round(gap, 5)) for gap in gaps.tolist()]


def draw_still() -> tuple[Image, str]:
    """The lab as it begins, for a page whose script does not run."""
    sheet = Sheet(720, 300)
    z = np.linspace(-4, 4, 161)
    curves = (("prior", 20, 0, 1, GREY), ("posterior", 110, 0.8, 0.6, INK), ("q", 230, -0.5, 1.2, ACCENT))
    for name, left, mean, std, colour in curves:
        heights = np.exp(-0.5 * ((z - mean) / std) ** 2) / std
        sheet.line(
            list(zip(360 + 85 * z, 190 - 85 * heights, strict=True)), fill=colour, width=1 if colour == GREY else 3
        )
        sheet.write(name, left, 12, colour, 17)
    sheet.line((20, 190, 700, 190), fill=GREY)
    sheet.write("log p(x) = ELBO + KL(q ‖ posterior)", 20, 206, size=16)
    for left, top, right, colour in ((20, 234, 600, GREY), (20, 260, 330, ACCENT), (331, 260, 600, ORANGE)):
        sheet.rectangle((left, top, right, top + 16), fill=colour)
    return sheet.image, (
        "Three bell curves: the prior, the posterior, and a Gaussian q that does not match it. Below, a bar for log p(x) and one "
        "of the same length in two parts, the ELBO and the Kullback-Leibler divergence from q to the posterior."
    )
