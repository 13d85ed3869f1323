"""`InterpolationLab`: a walk from one image to another, through the codes of an autoencoder and of a VAE."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from PIL.Image import Image
from torch import Tensor

from vae_core.data import ImageSet, to_pixels
from vae_core.labs.base import Lab
from vae_core.labs.controls import Choice, Slider
from vae_core.labs.images import called, choose, pair, square_grey
from vae_core.labs.pack import Block, pack_decoder
from vae_core.labs.picture import Sheet
from vae_core.latent import lerp, slerp
from vae_core.models import LatentModel, evaluating

LIBRARY = 1000  # real images that a drawing is compared with
PATHS = {"lerp (line)": lerp, "slerp (arc)": slerp, "pixels (blend)": None}
STEP = 0.01


class InterpolationLab(Lab):
    """Choose two images and a path between them, and walk: what do an autoencoder and a VAE draw on the way?

    A model given alone stands beside the book's own of the other kind, which is for MNIST, and the page says so; each is
    called what its class is.

    The blend of pixels is taken between each model's own drawings of the two images, so that all three paths
    begin and end alike. The measure is the distance to the nearest of 1,000 training images, all at half
    their width; 1 is the distance at which a test image typically lies.

    Raises:
        ValueError: images that are not square and grey, or not of the models' size; a decoder that is not of dense
            layers, or pixels that are neither Bernoulli nor Gaussian.
    """

    module = "interpolation.mjs"
    tall = (813, 816)

    def __init__(self, ae: LatentModel | None = None, vae: LatentModel | None = None, images: ImageSet | None = None):
        images, side = square_grey(images)
        self.models, titles, whose = pair(ae, vae, images, side)
        x, names = choose(images)
        known = to_pixels(images.train[:LIBRARY])
        self._codes, practices = ([codes_of(model, pixels) for model in self.models] for pixels in (x, known))
        library = halve(known)
        library = (15 * library).round() / 15  # as it travels: sixteen greys, for half the bytes
        typical = torch.cdist(halve(to_pixels(images.test[:LIBRARY])), library).amin(1).median().item()
        block = Block()
        spec = {
            **called(images),
            "side": side,
            "names": [with_article(name) for name in names],
            "images": block.add((255 * x).round(), "uint8"),
            "library": block.add((255 * library).round(), "uint8"),
            "labels": block.add(images.train_labels[:LIBRARY], "uint8"),
            "typical": typical,
            "models": [
                {
                    "title": title,
                    **pack_decoder(model, block, practice),
                    "codes": block.add(codes, "float32"),
                }
                for model, codes, practice, title in zip(self.models, self._codes, practices, titles, strict=True)
            ],
        }
        start, end = (names.index(name) if name in names else i for i, name in enumerate(("4", "9")))
        controls = [
            Slider("t", "Position t", 0, 1, STEP, 0.5),
            Choice("from", "From", names, start),
            Choice("to", "To", names, end),
            Choice("path", "Path", tuple(PATHS)),
        ]
        wide = {model.latent_dim for model in self.models}
        codes = f"{wide.pop()} numbers a code" if len(wide) == 1 else "codes of different lengths"
        super().__init__(
            controls,
            spec,
            block.data,
            picture=self._draw_still(titles, names, start, end),
            caption=f"Both networks have {codes}. Distances are to the nearest of {len(library):,} training images "
            f"({images.title}), seen at half size; 1 is the distance at which a real test image typically lies.{whose}",
        )

    @property
    def z(self) -> list[np.ndarray]:
        """Where the walk stands, by model: two float32 arrays (L,); empty where pixels are blended."""
        walk = PATHS[self.values["path"]]
        return [self._reached(walk, codes) for codes in self._codes] if walk else []

    def answer(self) -> list[np.ndarray]:
        """What the PyTorch models draw there, on their own device: two float32 arrays (D,) in [0, 1]."""
        if PATHS[self.values["path"]]:
            return [model.draw(torch.from_numpy(z)).numpy() for model, z in zip(self.models, self.z, strict=True)]
        return [self._reached(lerp, model.draw(codes)) for model, codes in zip(self.models, self._codes, strict=True)]

    def _reached(self, walk: Callable[..., Tensor], points: Tensor) -> np.ndarray:
        """Where a walk between the chosen two of these points (N, D) stands: (D,)."""
        at, steps = self.state(), round(1 / STEP)
        return walk(points[at["from"]], points[at["to"]], steps + 1)[round(at["t"] * steps)].numpy()

    def _draw_still(self, titles: Sequence[str], names: Sequence[str], start: int, end: int) -> tuple[Image, str]:
        """The lab as it begins, for a page whose script does not run."""
        sheet = Sheet(690, 260)
        for top, title, model, codes in zip((30, 146), titles, self.models, self._codes, strict=True):
            sheet.show(title, model.draw(lerp(codes[start], codes[end], 9)), 8, top, 70)
        walk = f"on a straight walk from the code of {with_article(names[start])} to that of {with_article(names[end])}"
        return sheet.image, f"Two rows of nine drawings, {titles[0]} and {titles[1]}, {walk}."


def codes_of(model: LatentModel, x: Tensor) -> Tensor:
    """The code of each image: (N, D) -> (N, L), on the CPU."""
    with evaluating(model):
        return model.code(x.to(model.device)).float().cpu()


def halve(x: Tensor) -> Tensor:
    """Square images at half their width, each pixel the mean of two by two: (N, D) -> (N, D // 4)."""
    side = round(x.shape[1] ** 0.5)
    return F.avg_pool2d(x.view(-1, 1, side, side), 2).flatten(1)


def with_article(name: str) -> str:
    """A digit's name as a sentence wants it, "a 4"; others as they are."""
    return f"a {name}" if name[0].isdigit() else name
