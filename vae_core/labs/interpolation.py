"""`InterpolationLab`: a walk from one digit to another, through the codes of an autoencoder and of a VAE."""

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from vae_core.data import ImageSet, to_pixels
from vae_core.labs.base import Lab
from vae_core.labs.controls import Choice, Slider
from vae_core.labs.images import describe, square_grey
from vae_core.labs.pack import Block, pack_dense
from vae_core.labs.picture import INK, paste_digit, sheet
from vae_core.labs.posterior import choose
from vae_core.labs.rounding import round_network
from vae_core.latent import lerp, slerp
from vae_core.models import LatentModel, load_pretrained

LIBRARY = 1000  # real images that a drawing is compared with
TITLES = ("Autoencoder", "VAE")
PATHS = ("lerp (line)", "slerp (arc)", "pixels (blend)")
STEP = 0.01


class InterpolationLab(Lab):
    """Choose two digits and a path between them, and walk: what do an autoencoder and a VAE draw on the way?

    The blend of pixels is taken between each model's own drawings of the two digits, so that all three paths
    begin and end alike. The measure is the distance to the nearest of 1,000 training images, all at half
    their width; 1 is the distance at which a test image typically lies.

    Raises:
        ValueError: images that are not square and grey, or a model that is not made of dense layers.
    """

    module = "interpolation.mjs"
    tall = (813, 816)

    def __init__(self, ae: LatentModel | None = None, vae: LatentModel | None = None, images: ImageSet | None = None):
        images, side = square_grey(images)
        self.models: list[LatentModel] = [ae or load_pretrained("ae-2"), vae or load_pretrained("vae-2")]
        x, names = choose(images)
        with torch.no_grad():
            known = to_pixels(images.train[:LIBRARY])
            self._codes, practices = (
                [model.code(pixels.to(model.device)).float().cpu() for model in self.models] for pixels in (x, known)
            )
        library = halve(known)
        library = (15 * library).round() / 15  # as it travels: sixteen greys, for half the bytes
        typical = torch.cdist(halve(to_pixels(images.test[:LIBRARY])), library).amin(1).median().item()
        block = Block()
        spec = {
            "side": side,
            "names": [f"a {name}" for name in names],
            "images": block.add((255 * x).round(), "uint8"),
            "library": block.add((255 * library).round(), "uint8"),
            "labels": block.add(images.train_labels[:LIBRARY], "uint8"),
            "typical": typical,
            "models": [
                {
                    "title": title,
                    "layers": pack_dense(
                        model.decoder, block, round_network(model.decoder, practice, model.likelihood)
                    ),
                    "likelihood": model.config["likelihood"],
                    "codes": block.add(codes, "float32"),
                }
                for model, codes, practice, title in zip(self.models, self._codes, practices, TITLES, strict=True)
            ],
        }
        start, end = (names.index(name) if name in names else i for i, name in enumerate(("4", "9")))
        controls = [
            Slider("t", "Position t", 0, 1, STEP, 0.5),
            Choice("from", "From", names, start),
            Choice("to", "To", names, end),
            Choice("path", "Path", PATHS),
        ]
        wide = {model.latent_dim for model in self.models}
        codes = f"{wide.pop()} numbers a code" if len(wide) == 1 else "codes of different lengths"
        super().__init__(
            controls,
            spec,
            block.data,
            picture=self._draw_still(start, end),
            caption=f"Both networks have {codes}. Distances are to the nearest of {len(library):,} training images "
            f"({describe(images)}), seen at half size; 1 is the distance at which a real test image typically lies.",
        )

    @property
    def z(self) -> list[np.ndarray]:
        """Where the walk stands, autoencoder first: two float32 arrays (L,); empty where pixels are blended."""
        if self._path == 2:
            return []
        walk = (lerp, slerp)[self._path]
        return [walk(codes[self._from], codes[self._to], self._steps + 1)[self._step].numpy() for codes in self._codes]

    @torch.no_grad()
    def answer(self) -> list[np.ndarray]:
        """What the PyTorch models draw there, on their own device: two float32 arrays (D,) in [0, 1]."""
        if self._path == 2:
            ends = [self.models[i].draw(codes[[self._from, self._to]]) for i, codes in enumerate(self._codes)]
            return [lerp(start, end, self._steps + 1)[self._step].numpy() for start, end in ends]
        return [model.draw(torch.from_numpy(z)).numpy() for model, z in zip(self.models, self.z, strict=True)]

    _steps = round(1 / STEP)

    @property
    def _step(self) -> int:
        return round(self.values["t"] * self._steps)

    @property
    def _from(self) -> int:
        return self.controls["from"].index

    @property
    def _to(self) -> int:
        return self.controls["to"].index

    @property
    def _path(self) -> int:
        return self.controls["path"].index

    def _draw_still(self, start: int, end: int) -> tuple[Image.Image, str]:
        """The lab as it begins, for a page whose script does not run."""
        image, pen = sheet(690, 260)
        for i, (codes, title) in enumerate(zip(self._codes, TITLES, strict=True)):
            top = 30 + 116 * i
            pen.text((8, top - 20), title, fill=INK, font_size=15)
            walk = self.models[i].draw(lerp(codes[start], codes[end], 9))
            for k, pixels in enumerate(walk):
                paste_digit(image, pixels.numpy(), 8 + 75 * k, top, 70)
        alt = "Two rows of nine drawings, an autoencoder's and a VAE's, on a straight walk from one digit's code to another's."
        return image, alt


def halve(x: Tensor) -> Tensor:
    """Square images at half their width, each pixel the mean of two by two: (N, D) -> (N, D // 4)."""
    side = round(x.shape[1] ** 0.5)
    return F.avg_pool2d(x.view(-1, 1, side, side), 2).flatten(1)
