"""`PosteriorLab`: one image's posterior, moved and stretched by hand; what is decoded, and its ELBO in nats."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vae_core.data import ImageSet, to_pixels
from vae_core.labs.base import Lab
from vae_core.labs.controls import Choice, Press, Slider
from vae_core.labs.images import describe, square_grey
from vae_core.labs.noise import normals
from vae_core.labs.pack import Block, pack_dense
from vae_core.labs.picture import ACCENT, GREY, INK, paste_digit, sheet
from vae_core.losses import gaussian_kl
from vae_core.models import VAE, LatentModel, load_pretrained

SHOWN = 2  # images of each class


class PosteriorLab(Lab):
    """Pick a digit, move and stretch its posterior q(z|x), and watch decoded digits, rate, distortion and ELBO.

    The shift of the mean is in units of the latent space, in which the prior has standard deviation 1; the
    variance is multiplied. Both act on the chosen unit or on all. At variance × 0 the cloud is a single point,
    whose rate is infinite: shown as ∞, since that is what an autoencoder's certainty would cost.

    Raises:
        ValueError: a model that is not a VAE of dense layers, or images that are not square and grey.
    """

    module = "posterior.mjs"
    tall = (977, 822)

    def __init__(self, model: LatentModel | None = None, images: ImageSet | None = None):
        model = model or load_pretrained("vae-10")
        if not isinstance(model, VAE):
            raise ValueError(f"PosteriorLab needs a VAE, not {type(model).__name__}: a point has no posterior")
        self.model = model
        images, side = square_grey(images)
        x, names = choose(images)
        with torch.no_grad():
            posterior = model.encode(x.to(model.device))
        self._means, self._log_vars = (part.float().cpu() for part in posterior)
        kl = gaussian_kl(self._means[..., None], self._log_vars[..., None]).mean(0).tolist()  # by unit
        block = Block()
        spec = {
            "side": side,
            "units": model.latent_dim,
            "layers": pack_dense(model.decoder, block),
            "likelihood": model.config["likelihood"],
            "mean": block.add(self._means, "float32"),
            "log_var": block.add(self._log_vars, "float32"),
            "images": block.add((255 * x).round(), "uint8"),
        }
        units = tuple(f"unit {i + 1} · {nats:.1f} nats" for i, nats in enumerate(kl))
        start = names.index("4") if "4" in names else 0
        controls = [
            Choice("digit", "Digit", names, start),
            Choice("unit", "Change", ("all units", *units)),
            Slider("shift", "Shift of the mean", -3, 3, 0.05, 0.0),
            Slider("stretch", "Variance ×", 0, 4, 0.05, 1.0),
            Press("draw", "Draw new ε"),
        ]
        super().__init__(
            controls,
            spec,
            block.data,
            picture=draw_still(model, x[start], self._means[start], self._log_vars[start]),
            caption="Both sliders act on the chosen unit, or on all of them. A shift of 1 is one standard deviation of the "
            f"prior. Digits from the test set ({describe(images)}).",
        )

    @property
    def mean(self) -> np.ndarray:
        """The mean of the posterior as it stands, shifted: float32 (L,)."""
        return (self._means[self._digit] + self._touched * self.values["shift"]).numpy()

    @property
    def log_var(self) -> np.ndarray:
        """The log variance of the posterior as it stands, float32 (L,): −inf where it was stretched to a point."""
        stretch = 1 + self._touched * (self.values["stretch"] - 1)
        return (self._log_vars[self._digit] + stretch.log()).numpy()

    @property
    def z(self) -> np.ndarray:
        """The draw that the large digit is decoded from, mean + std · ε: float32 (L,)."""
        epsilon = normals(self.values["draw"] + 1, self.model.latent_dim)
        return (self.mean + np.exp(0.5 * self.log_var) * epsilon).astype(np.float32)

    def answer(self) -> np.ndarray:
        """What the PyTorch model decodes from `z`, on its own device: float32 (D,) in [0, 1]."""
        return self.model.draw(torch.from_numpy(self.z)).numpy()

    @property
    def _digit(self) -> int:
        return self.controls["digit"].index

    @property
    def _touched(self) -> Tensor:
        """1 for the units that the sliders act on, 0 for the others: float32 (L,)."""
        unit = self.controls["unit"].index
        every = torch.ones(self.model.latent_dim)
        return every if unit == 0 else torch.nn.functional.one_hot(torch.tensor(unit - 1), len(every)).float()


def choose(images: ImageSet) -> tuple[Tensor, tuple[str, ...]]:
    """The first test images of each class: x (N, D) in [0, 1], and a name for each."""
    rows, names = [], []
    for label in images.test_labels.unique()[:10].tolist():
        for count, row in enumerate((images.test_labels == label).nonzero()[:SHOWN, 0].tolist()):
            rows.append(row)
            names.append(f"{label}" if count == 0 else f"{label}, another")
    return to_pixels(images.test[rows]), tuple(names)


def draw_still(model: VAE, x: Tensor, mean: Tensor, log_var: Tensor) -> tuple[Image.Image, str]:
    """The lab as it begins, for a page whose script does not run. All of one image: x (D,), mean and log_var (L,)."""
    image, pen = sheet(640, 240)
    for left, words in ((10, "input x"), (160, "posterior q(z | x), a bar a unit"), (452, "decoded")):
        pen.text((left, 12), words, fill=INK, font_size=15)
    paste_digit(image, x.numpy(), 10, 66, 112)
    paste_digit(image, model.draw(mean).numpy(), 452, 38, 168)
    for i, (middle, std) in enumerate(zip(mean.tolist(), (0.5 * log_var).exp().tolist(), strict=True)):
        y = 44 + 160 * i / len(mean)
        left, right = (286 + 32 * min(4, max(-4, middle + sign * std)) for sign in (-1, 1))
        pen.line((160, y, 412, y), fill="#e4e7ec")
        pen.rectangle((left, y - 3, right, y + 3), fill=ACCENT)
    pen.line((286, 38, 286, 206), fill=GREY)
    alt = "A digit, its posterior as one bar for each latent unit, and the digit decoded from the posterior's mean."
    return image, alt
