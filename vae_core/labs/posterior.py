"""`PosteriorLab`: one image's posterior, moved and stretched by hand; what is decoded, and its ELBO in nats."""

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
from vae_core.labs.picture import Sheet
from vae_core.labs.scales import costs, round_up
from vae_core.losses import gaussian_kl
from vae_core.models import VAE, LatentModel, check_model, evaluating
from vae_core.saving import load_pretrained

DRAWS = 8  # as in posterior.mjs


class PosteriorLab(Lab):
    """Pick an image, move and stretch its posterior q(z|x), and watch what is decoded, rate, distortion and ELBO.

    Of a model of your own: `PosteriorLab(load_model("runs/mine/model.safetensors"))`, with the images that it knows. With the book's
    own it says what to try, by the list of `STEPS` that is named.

    The shift of the mean is in units of the latent space, in which the prior has standard deviation 1; the
    variance is multiplied. Both act on the chosen unit or on all. At variance × 0 the cloud is a single point,
    whose rate is infinite: shown as ∞, since that is what an autoencoder's certainty would cost.

    Raises:
        ValueError: a model that is not a VAE, or whose decoder a browser does not know (`pack_decoder`), or whose likelihood is
            none of this book's; images that are not square, or not of the model's size; no such list of steps.
    """

    module = "posterior.mjs"
    tall = (1064, 880)

    def __init__(self, model: LatentModel | None = None, images: ImageSet | None = None, steps: str = "clouds"):
        if steps not in STEPS:
            raise ValueError(f"steps is {steps!r}, and there are {' and '.join(STEPS)}")
        lent = model is None
        model = model or load_pretrained("vae-10")
        check_model("model", model)
        if not isinstance(model, VAE):
            raise ValueError(f"PosteriorLab needs a VAE, not {type(model).__name__}: a point has no posterior")
        self.model = model
        images, side, channels = square(images)
        check_size(model, side, "model=, a VAE" if lent else "", channels)
        x, names = choose(images)
        with evaluating(model):
            posterior = model.encode(x.to(model.device))
        self._means, self._log_vars = (part.float().cpu() for part in posterior)
        kl = gaussian_kl(self._means[..., None], self._log_vars[..., None]).mean(0).tolist()  # by unit
        block = Block()
        spec = {
            **called(images),
            "side": side,
            "channels": channels,
            "units": model.latent_dim,
            "other": steps == "losses",  # whether another loss stands beside the book's
            "most": round_up(1.75 * costs(model, x, self._means, self._log_vars, DRAWS).max().item()),
            **pack_decoder(model, block),
            "mean": block.add(self._means, "float32"),
            "log_var": block.add(self._log_vars, "float32"),
            "images": block.add((255 * x).round(), "uint8"),
        }
        units = tuple(f"{i + 1} · {nats:.1f} nats" for i, nats in enumerate(kl))
        start = names.index("9") if "9" in names else 0
        controls = [
            Choice("digit", noun(images).capitalize(), names, start, resets=("shift",)),
            Choice("unit", "Unit", ("all", *units), resets=("shift", "stretch")),
            Slider("shift", "Shift of the mean", -3, 3, 0.05, 0.0),
            Slider("stretch", "Variance ×", 0, 4, 0.05, 1.0),
            Press("draw", "New ε", play=1.2),
        ]
        super().__init__(
            controls,
            spec,
            block.data,
            steps=STEPS[steps](units) if lent and not foreign(images) else (),
            legend=("accent", "distortion", "rate"),
            picture=draw_still(model, x[start], self._means[start], self._log_vars[start]),
            caption="Both sliders act on the chosen unit, or on all of them: who drags another bar lets the one before go back. A shift of 1 is one standard deviation of the "
            "prior. In the menu: what a unit's cloud costs on the average of the images to choose from; beside its bar: what it costs "
            f"for this image. {noun(images).capitalize()}s from the test set ({images.title})."
            + (f" The model is {BOOKS}" if lent and foreign(images) else ""),
        )

    @property
    def mean(self) -> np.ndarray:
        """The mean of the posterior as it stands, shifted: float32 (L,)."""
        return (self._means[self.state()["digit"]] + self._touched * self.values["shift"]).numpy()

    @property
    def log_var(self) -> np.ndarray:
        """The log variance of the posterior as it stands, float32 (L,): −inf where it was stretched to a point."""
        stretch = 1 + self._touched * (self.values["stretch"] - 1)
        return (self._log_vars[self.state()["digit"]] + stretch.log()).numpy()

    @property
    def z(self) -> np.ndarray:
        """The draw that the large image is decoded from, mean + std · ε: float32 (L,)."""
        epsilon = normals(self.values["draw"] + 1, self.model.latent_dim)
        return (self.mean + np.exp(0.5 * self.log_var) * epsilon).astype(np.float32)

    def answer(self) -> np.ndarray:
        """What the PyTorch model decodes from `z`, on its own device: float32 (D,) in [0, 1]."""
        return self.model.draw(torch.from_numpy(self.z)).numpy()

    @property
    def _touched(self) -> Tensor:
        """1 for the units that the sliders act on, 0 for the others: float32 (L,)."""
        unit, units = self.state()["unit"], self.model.latent_dim
        return torch.ones(units) if unit == 0 else torch.eye(units)[unit - 1]


def clouds(units: tuple[str, ...]) -> list[Step]:
    """One cloud: drawn from, made a point, made large, and moved."""
    another = {"digit": "9, another", "draw": 6}
    return [
        Step(
            "Press *New ε* a few times, or *Play*. Each press draws again from the same cloud. Is it always the same digit?",
            watch=("draws", "draw"),
        ),
        Step(
            "Set *Variance ×* to 0. The cloud is a point, as in the autoencoder. What does the rate do?",
            watch=("posterior", "cost", "stretch"),
        ),
        Step(
            "Another 9. Set *Variance ×* to 4: a larger cloud, more like the prior. Are all eight still 9s? What do the two "
            "terms do, and their sum?",
            another,
            watch=("cost", "draws", "stretch"),
        ),
        Step(
            "Unit 5 is chosen. Move *Shift of the mean* slowly to −1.5. When does the 9 become another digit?",
            {**another, "unit": units[4]},
            watch=("decoded", "posterior", "shift"),
        ),
    ]


def losses(units: tuple[str, ...]) -> list[Step]:
    """The same cloud, weighed by the book's loss and by another, distortion / 784 + rate."""
    return [
        Step(
            "Move *Variance ×*, and read the cost: it is distortion plus rate, the ELBO with its sign turned. Is it least near 1, where "
            "the encoder left the cloud? (It is flat there. Go as far as 0.25 and 4.)",
            watch=("cost", "stretch"),
        ),
        Step(
            "Now minimise the other loss, the line above the bars' heading. A hundred nats of distortion count for one eighth of a nat in it. "
            "Which way do you move *Variance ×*? At the slider's end it still falls.",
            watch=("cost", "stretch"),
        ),
        Step(
            "Unit 4 is chosen. Set *Shift of the mean* to −1: this puts its bar at 0, the prior's middle. What does the book's loss say of it, what does theirs, "
            "and what is drawn?",
            {"unit": units[3]},
            watch=("cost", "draws", "shift"),
        ),
    ]


STEPS = {"clouds": clouds, "losses": losses}
"""What to try with the book's own model, by what `PosteriorLab(steps=…)` calls it: in chapter 1, and in chapter 7."""


def draw_still(model: VAE, x: Tensor, mean: Tensor, log_var: Tensor) -> tuple[Image, str]:
    """The lab as it begins, for a page whose script does not run. All of one image: x (D,), mean and log_var (L,)."""
    sheet = Sheet(640, 240)
    sheet.show("input x", x[None], 10, 38, 112)
    sheet.write("posterior q(z | x), a bar a unit", 160, 14)
    sheet.show("decoded", model.draw(mean[None]), 452, 38, 168)
    sheet.cloud(mean, log_var, 160, 38, 252, 168)
    alt = "An image, its posterior as one bar for each latent unit, and what is decoded from the posterior's mean."
    return sheet.image, alt
