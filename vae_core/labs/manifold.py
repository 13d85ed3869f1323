"""`ManifoldLab`: the latent planes of an autoencoder and of a VAE, one point in both, two decoded digits."""

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor

from vae_core.colours import CLASS_COLOURS
from vae_core.data import ImageSet, to_pixels
from vae_core.labs.base import Lab
from vae_core.labs.controls import Choice, Slider
from vae_core.labs.images import check_size, pair, square_grey, titles
from vae_core.labs.pack import Block, pack_decoder
from vae_core.labs.picture import ACCENT, GREY, Sheet
from vae_core.models import VAE, LatentModel, evaluating

CODES = 1000
REACH = 3.0  # standard deviations to either side
HOLE = 0.25  # standard deviations; 19 of 20 codes of either model have a neighbour nearer than this
STEP = 0.02


class Plane:
    """One model and where it puts the images: `codes` (N, 2) in standard deviations from their own middle."""

    def __init__(self, model: LatentModel, x: Tensor):
        check_size(model, round(x.shape[1] ** 0.5))
        if model.latent_dim != 2:
            raise ValueError(f"ManifoldLab shows planes: it needs latent_dim = 2, not {model.latent_dim}")
        self.model = model
        with evaluating(model):
            z = model.code(x.to(model.device)).cpu()
        self.centre, self.scale = z.mean(0), z.std(0)
        self.codes = (z - self.centre) / self.scale

    def to_z(self, point: Tensor) -> Tensor:
        """Standard deviations to this model's own units: (..., 2) -> (..., 2)."""
        return self.centre + self.scale * point

    def practice(self) -> Tensor:
        """Points of this model, (4000, 2), at which its decoder must be true to itself in six bits: codes and all around."""
        anywhere = REACH * (2 * torch.rand(4000 - len(self.codes), 2, generator=torch.Generator().manual_seed(0)) - 1)
        return self.to_z(torch.cat([self.codes, anywhere]))

    def decode(self, point: Tensor) -> Tensor:
        """The images that the model decodes at these points: (..., 2) -> (..., D) in [0, 1]."""
        return self.model.draw(self.to_z(point))


class ManifoldLab(Lab):
    """Drag one point over two latent planes and watch both decoders: holes against smoothness.

    z₁ and z₂ count standard deviations of each model's own codes, from their middle, so that one point
    means the same in both planes. A model given alone stands beside the book's own of the other kind; each is called what
    its class is. It starts where the first model has a hole and the second has none, if there is such a place.

    Raises:
        ValueError: a model whose latent space is not a plane, or whose decoder is not of dense layers, or whose pixels are
            neither Bernoulli nor Gaussian; images that are not square and grey, or not of the models' size.
    """

    module = "manifold.mjs"
    tall = (751, 677)

    def __init__(self, ae: LatentModel | None = None, vae: LatentModel | None = None, images: ImageSet | None = None):
        images, side = square_grey(images)
        x, labels = to_pixels(images.test[:CODES]), images.test_labels[:CODES]
        self.planes = [Plane(model, x) for model in pair(ae, vae)]
        called = titles([plane.model for plane in self.planes])
        start = find_hole(self.planes, x)
        block = Block()
        spec = {
            "side": side,
            "hole": HOLE,
            "colours": CLASS_COLOURS,
            "labels": block.add(labels, "uint8"),
            "planes": [
                {
                    "title": title,
                    "subtitle": f"each image becomes a {'cloud' if isinstance(plane.model, VAE) else 'point'}",
                    **pack_decoder(plane.model, block, plane.practice()),
                    "centre": plane.centre.tolist(),
                    "scale": plane.scale.tolist(),
                    "codes": block.add(plane.codes, "float16"),
                    "names": name_places(plane.codes, labels),
                }
                for plane, title in zip(self.planes, called, strict=True)
            ],
        }
        controls = [
            Slider("z1", "z₁, across", -REACH, REACH, STEP, start[0], "σ"),
            Slider("z2", "z₂, up", -REACH, REACH, STEP, start[1], "σ"),
            Choice("backdrop", "Show on the planes", ("codes of real digits", "decoded grid", "both")),
        ]
        super().__init__(
            controls,
            spec,
            block.data,
            picture=draw_still(self.planes, called, labels, start),
            caption=f"Dots: {len(x):,} test images ({images.title}), coloured by class. σ: standard deviations of each "
            "model's own codes, counted from their middle. The disc around the point holds no real code.",
        )

    @property
    def z(self) -> list[np.ndarray]:
        """The point in each model's own units, by plane: two float32 arrays (2,)."""
        return [plane.to_z(self._point).numpy() for plane in self.planes]

    def answer(self) -> list[np.ndarray]:
        """What the PyTorch models decode there, on their own device: two float32 arrays (D,) in [0, 1]."""
        return [plane.decode(self._point).numpy() for plane in self.planes]

    @property
    def _point(self) -> Tensor:
        return torch.tensor([self.values["z1"], self.values["z2"]])


def name_places(codes: Tensor, labels: Tensor, apart: float = 0.4) -> list[list[float]]:
    """Where to write each class's name: [class, z₁, z₂], its median code, pushed off the other names if need be."""
    names = labels.unique()
    places = torch.stack([codes[labels == name].median(0).values for name in names])
    for _ in range(100):
        offset = places[:, None] - places[None]
        distance = offset.norm(dim=-1, keepdim=True).clamp_min(1e-3)
        places = places + (offset / distance * (apart - distance).clamp_min(0)).sum(1) / 4
    return [[name, *place] for name, place in zip(names.tolist(), places.tolist(), strict=True)]


def find_hole(planes: list[Plane], x: Tensor) -> tuple[float, float]:
    """Where the first model decodes what is least like a real image, and the second what is most like one.

    Looks at a grid of points at most 2 standard deviations out, and first among those where the first model has
    a hole and the second has none. Unlikeness is the distance to the nearest real image over the decoded one's length.
    """
    line = torch.arange(-100, 101, 5) * STEP  # points that the sliders can stand at
    grid = torch.cartesian_prod(line, line)
    unlike, far = [], []
    for plane in planes:
        decoded = plane.decode(grid)
        unlike.append(torch.cdist(decoded, x).amin(1) / decoded.norm(dim=1))
        far.append(torch.cdist(grid, plane.codes).amin(1))
    hole = (far[0] > HOLE) & (far[1] < HOLE)
    best = int((unlike[0] - unlike[1] + 10 * hole).argmax())
    return round(grid[best, 0].item(), 2), round(grid[best, 1].item(), 2)


def draw_still(planes: list[Plane], called: list[str], labels: Tensor, start: tuple[float, float]) -> tuple[Image, str]:
    """The lab as it begins, for a page whose script does not run."""
    sheet, point, far = Sheet(720, 490), torch.tensor([start]), []
    for left, plane, title in zip((40, 380), planes, called, strict=True):
        sheet.write(title, left, 10, size=16)
        sheet.rectangle((left, 34, left + 300, 334), outline=GREY)
        shown = plane.codes.abs().amax(1) < REACH
        for (u, v), label in zip(plane.codes[shown].tolist(), labels[shown].tolist(), strict=True):
            sheet.circle((left + 150 + 50 * u, 184 - 50 * v), 1.6, fill=CLASS_COLOURS[label % 10])
        sheet.circle((left + 150 + 50 * start[0], 184 - 50 * start[1]), 8, fill=ACCENT, outline="white", width=2)
        sheet.show("", plane.decode(point), left + 80, 348, 140)
        far.append(f"{torch.cdist(point, plane.codes).min():.2f} σ")
    return sheet.image, (
        f"The codes of test images in two planes, {called[0]} and {called[1]}, coloured by class, with one point marked in both; "
        f"below, what is decoded there. The nearest code is {far[0]} away in the first plane and {far[1]} in the second."
    )
