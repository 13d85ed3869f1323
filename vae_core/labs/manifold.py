"""`ManifoldLab`: the latent planes of an autoencoder and of a VAE, one point in both, and what each decodes there."""

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor

from vae_core.colours import CLASS_COLOURS
from vae_core.data import ImageSet, to_pixels
from vae_core.labs.base import Lab
from vae_core.labs.controls import Choice, Slider, State, Step
from vae_core.labs.images import called, foreign, has_classes, legend, marks, noun, pair, square
from vae_core.labs.noise import normals
from vae_core.labs.pack import Block, pack_decoder
from vae_core.labs.picture import COLOURS, GREY, Sheet
from vae_core.models import VAE, LatentModel, evaluating

CODES = 1000
REACH = 3.0  # standard deviations to either side
HOLE = 0.25  # standard deviations; 19 of 20 codes of either model have a neighbour nearer than this
STEP = 0.02
DRAWS = 1000  # from a normal distribution, to see how many fall into holes
WAY = ((-1.22, -2.16), (-1.22, -0.04))
"""From A to B, found by a search on the shipped models and MNIST: the autoencoder leaves its codes, the VAE does not."""


class Plane:
    """One model and where it puts the images: `codes` (N, 2) in standard deviations from their own middle."""

    def __init__(self, model: LatentModel, x: Tensor):
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

    def far(self, points: Tensor) -> Tensor:
        """How far the nearest code is, in standard deviations: (N, 2) -> (N,)."""
        return torch.cdist(points, self.codes).amin(1)

    def in_holes(self) -> float:
        """The share of normal draws that lie farther than `HOLE` from every code."""
        draws = torch.from_numpy(normals(1, 2 * DRAWS)).view(DRAWS, 2)
        return (self.far(draws.to(self.codes.dtype)) > HOLE).float().mean().item()

    def practice(self) -> Tensor:
        """Points of this model, (4000, 2), at which its decoder must be true to itself in six bits: codes and all around."""
        anywhere = REACH * (2 * torch.rand(4000 - len(self.codes), 2, generator=torch.Generator().manual_seed(0)) - 1)
        return self.to_z(torch.cat([self.codes, anywhere]))

    def decode(self, point: Tensor) -> Tensor:
        """The images that the model decodes at these points: (..., 2) -> (..., D) in [0, 1]."""
        return self.model.draw(self.to_z(point))


class ManifoldLab(Lab):
    """Drag a point over two latent planes and watch both decoders: holes against smoothness.

    z₁ and z₂ count standard deviations of each model's own codes, from their middle. One place in σ is shown in both planes,
    and the planes have nothing else in common: each network has made its own. A model given alone stands beside the book's own of the other kind, which is for MNIST, and
    the page says so; each is called what its class is. It starts where the first model has a hole and the second has
    none, if there is such a place.

    Raises:
        ValueError: a model whose latent space is not a plane, or whose decoder a browser does not know (`pack_decoder`), or
            whose likelihood is none of this book's; images that are not square, or not of the models' size.
    """

    module = "manifold.mjs"
    tall = (774, 746)

    def __init__(self, ae: LatentModel | None = None, vae: LatentModel | None = None, images: ImageSet | None = None):
        lent = ae is None and vae is None
        images, side, channels = square(images)
        x, labels = to_pixels(images.test[:CODES]), images.test_labels[:CODES]
        models, titles, whose = pair(ae, vae, images, side, channels)
        self.planes = [Plane(model, x) for model in models]
        self.books = lent and not foreign(images)
        start = find_hole(self.planes, x)
        classes = labels.unique().tolist() if has_classes(images) else []
        block = Block()
        spec = {
            **called(images),
            "side": side,
            "channels": channels,
            "hole": HOLE,
            "colours": CLASS_COLOURS,
            "way": WAY if self.books and holds(self.planes) else [],
            "labels": block.add(labels, "uint8"),
            "shown": classes,
            "planes": [
                {
                    "title": title,
                    "mark": mark,
                    "subtitle": "each dot: the middle of a cloud"
                    if isinstance(plane.model, VAE)
                    else "each image is a dot",
                    **pack_decoder(plane.model, block, plane.practice()),
                    "centre": plane.centre.tolist(),
                    "scale": plane.scale.tolist(),
                    "in_holes": plane.in_holes(),
                    "codes": block.add(plane.codes, "float16"),
                    "names": name_places(plane.codes, labels) if classes else [],
                }
                for plane, title, mark in zip(self.planes, titles, marks(models), strict=True)
            ],
        }
        one = "" if noun(images) == "digit" else "class "
        menu = [Choice("highlight", "Class", ("all", *(f"{one}{label}" for label in classes)))] if classes else []
        controls = [
            Slider("z1", "z₁, across", -REACH, REACH, STEP, start[0], "σ"),
            Slider("z2", "z₂, up", -REACH, REACH, STEP, start[1], "σ", play=9),
            Choice("backdrop", "Show", ("codes", "grid", "both")),
            *menu,
            State("path", False),  # whether the way from A to B is shown: a step does
        ]
        coloured = ", coloured by class" if classes else ""
        outside = " and ".join(str(int((plane.codes.abs().amax(1) > REACH).sum())) for plane in self.planes)
        super().__init__(
            controls,
            spec,
            block.data,
            picture=draw_still(self.planes, titles, marks(models), labels, start, coloured),
            legend=legend(models),
            steps=maps(bool(spec["way"])) if self.books else (),
            caption=f"Dots: {len(x):,} test images ({images.title}){coloured}; {outside} of them lie beyond the edges. σ: standard "
            "deviations of each model's own codes, counted from their middle. The two markers stand at the same place in σ, on two "
            f"maps that have nothing to do with each other. Where no code is near, a disc around the marker reaches to the nearest. In the grid of drawings, cells "
            f"farther than {HOLE} σ from any code are red; a normal draw is one of {DRAWS:,} with mean 0 σ and standard deviation 1 σ."
            f"{whose}",
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


def holds(planes: list[Plane]) -> bool:
    """Whether on the way from A to B the first model leaves its codes, and the second does not."""
    start, end = torch.tensor(WAY)
    places = round(((end - start).norm() / STEP).item()) + 1  # as many as the slider has
    way = start + torch.linspace(0, 1, places)[:, None] * (end - start)
    first, second = (plane.far(way) for plane in planes)
    return bool(first.max() > HOLE >= second.max())


def maps(way: bool) -> list[Step]:
    """What to try with the book's own models: a hole, a way through one, all drawings, and a class."""
    (z1, z2), _ = WAY
    walk = Step(
        "Move *z₂* up from A to B. The left network has no codes in two stretches. In the first it still draws a 0; between the two, and "
        "in the second, its drawing breaks. The right one has codes all the way, and one unclear drawing.",
        {"z1": z1, "z2": z2, "path": True},
        ("maps", "drawings", "z2"),
    )
    return [
        Step(
            "Compare the two drawings. Only the right one is a digit. This is no fair sample: the lab searched for a place where the "
            "left network fails and the right one does not.",
            watch=("maps", "drawings"),
        ),
        *([walk] if way else []),
        Step(
            "Set *Show* to *grid*. Red: farther than 0.25 σ from any code, a hole. Most normal draws fall in the middle, so red "
            "cells count little. Many drawings in them are clear digits all the same.",
            watch=("maps", "backdrop"),
        ),
        Step(
            "Set *Class* to 7. On the left map the 7s lie just above the middle, on the right one far to the right: each network puts "
            "them where it likes. What a place means on one map, it does not mean on the other.",
            watch=("maps", "highlight"),
        ),
    ]


def name_places(codes: Tensor, labels: Tensor, apart: float = 0.6) -> list[list[float]]:
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
        far.append(plane.far(grid))
    hole = (far[0] > HOLE) & (far[1] < HOLE)
    best = int((unlike[0] - unlike[1] + 10 * hole).argmax())
    return round(grid[best, 0].item(), 2), round(grid[best, 1].item(), 2)


def draw_still(
    planes: list[Plane],
    titles: list[str],
    marks: list[str],
    labels: Tensor,
    start: tuple[float, float],
    coloured: str,
) -> tuple[Image, str]:
    """The lab as it begins, for a page whose script does not run; `coloured`, words on what the colours mean, or none."""
    sheet, point, far = Sheet(720, 490), torch.tensor([start]), []
    for left, plane, title, mark in zip((40, 380), planes, titles, marks, strict=True):
        sheet.write(title, left, 10, COLOURS[mark], size=16)
        sheet.show("", plane.decode(point), left, 34, 130)
        sheet.rectangle((left, 180, left + 300, 480), outline=GREY)
        shown = plane.codes.abs().amax(1) < REACH
        for (u, v), label in zip(plane.codes[shown].tolist(), labels[shown].tolist(), strict=True):
            sheet.circle((left + 150 + 50 * u, 330 - 50 * v), 1.6, fill=CLASS_COLOURS[label % 10])
        at = (left + 150 + 50 * start[0], 330 - 50 * start[1])
        sheet.circle(at, 8, fill=COLOURS[mark], outline="white", width=2)
        far.append(f"{plane.far(point).item():.2f} σ")
    return sheet.image, (
        f"The codes of test images in two planes, {titles[0]} and {titles[1]}{coloured}, with one point marked in both; "
        f"above, what is decoded there. The nearest code is {far[0]} away in the first plane and {far[1]} in the second."
    )
