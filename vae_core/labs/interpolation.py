"""`InterpolationLab`: a walk from one image to another, through the codes of an autoencoder and of a VAE."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from PIL.Image import Image
from torch import Tensor

from vae_core.data import ImageSet, to_pixels
from vae_core.labs.base import Lab
from vae_core.labs.controls import Choice, Slider, Step
from vae_core.labs.images import called, choose, foreign, has_classes, legend, marks, pair, square
from vae_core.labs.pack import Block, pack_decoder
from vae_core.labs.picture import Sheet
from vae_core.latent import lerp, slerp
from vae_core.models import LatentModel, evaluating

LIBRARY = 1000  # real images that a drawing is compared with
NEIGHBOURS = 10
PLACES = 25  # of a walk, at which it is measured
PATHS = {"lerp (line)": lerp, "slerp (arc)": slerp, "pixels (blend)": None}
STEP = 0.01


class InterpolationLab(Lab):
    """Choose two images and a path between them, and walk: what do an autoencoder and a VAE draw on the way?

    The book's own models have ten numbers a code. A model given alone stands beside the book's own of the other kind, which is
    for MNIST, and the page says so; each is called what its class is.

    The blend of pixels is taken between each model's own drawings of the two images, so that all three paths
    begin and end alike. The measure is the distance to the nearest of 1,000 training images, all at half
    their width; 1 is the distance at which a test image typically lies. Of the steps to try those are given that hold for these
    models and these digits.

    Raises:
        ValueError: images that are not square, or not of the models' size; a decoder that a browser does not know
            (`pack_decoder`), or a likelihood that is none of this book's.
    """

    module = "interpolation.mjs"
    tall = (1101, 1025)

    def __init__(self, ae: LatentModel | None = None, vae: LatentModel | None = None, images: ImageSet | None = None):
        images, side, channels = square(images)
        self.models, titles, whose = pair(ae, vae, images, side, channels, latent_dim=10)
        x, names = choose(images)
        known = to_pixels(images.train[:LIBRARY])
        self._codes, practices = ([codes_of(model, pixels) for model in self.models] for pixels in (x, known))
        library = halve(known, channels)
        self._library = library = (15 * library).round() / 15  # as it travels: sixteen greys, for half the bytes
        self._labels, self._channels = images.train_labels[:LIBRARY], channels
        typical = torch.cdist(halve(to_pixels(images.test[:LIBRARY]), channels), library).amin(1).median().item()
        block = Block()
        spec = {
            **called(images),
            "side": side,
            "channels": channels,
            "names": [with_article(name) for name in names],
            "images": block.add((255 * x).round(), "uint8"),
            "library": block.add((255 * library).round(), "uint8"),
            "labels": block.add(self._labels, "uint8"),
            "typical": typical,
            "models": [
                {
                    "title": title,
                    "mark": mark,
                    **pack_decoder(model, block, practice),
                    "codes": block.add(codes, "float32"),
                }
                for model, codes, practice, title, mark in zip(
                    self.models, self._codes, practices, titles, marks(self.models), strict=True
                )
            ],
        }
        start, end = (names.index(name) if name in names else i for i, name in enumerate(("0", "1")))
        controls = [
            Slider("t", "Position t", 0, 1, STEP, 0.5, play=6),
            Choice("from", "From", names, start),
            Choice("to", "To", names, end),
            Choice("path", "Path", tuple(PATHS)),
        ]
        wide = {model.latent_dim for model in self.models}
        codes = f"{wide.pop()} numbers a code" if len(wide) == 1 else "codes of different lengths"
        votes = ""
        if has_classes(images):
            votes = f"Below each row of drawings: what most of the {NEIGHBOURS} nearest are, of a tie the nearer, and by its height how many. "
        super().__init__(
            controls,
            spec,
            block.data,
            picture=self._draw_still(titles, names, start, end),
            legend=legend(self.models),
            steps=walks(self, names) if has_classes(images) and not foreign(images) else (),
            caption=f"Both networks have {codes}. Distances are to the nearest of {len(library):,} training images "
            f"({images.title}), seen at half size; 1 is the distance at which a real test image typically lies. {votes}A code’s length "
            f"is × 1 where it is as far from the origin as the ends of the walk.{whose}",
        )

    def judged(self, start: int, end: int, path: str) -> list[tuple[Tensor, Tensor, Tensor]]:
        """The whole walk between two of the lab's images, by model, as `judge` of js/interpolation.mjs sees it.

        For each of `PLACES` places the distance to the nearest real image, in pixels at half width; the label that most of the
        ten nearest have; and how many. All are (PLACES,).
        """
        walk, found = PATHS[path], []
        for model, codes in zip(self.models, self._codes, strict=True):
            ends = codes[[start, end]] if walk else model.draw(codes[[start, end]])
            points = (walk or lerp)(ends[0], ends[1], PLACES)
            drawn = model.draw(points) if walk else points
            distances = torch.cdist(halve(drawn, self._channels), self._library)
            distance, nearest = distances.topk(min(NEIGHBOURS, len(self._labels)), largest=False)
            labels = self._labels[nearest]
            agree = (labels[:, :, None] == labels[:, None]).sum(2)
            votes, winner = agree.max(1)
            found.append((distance[:, 0], labels.gather(1, winner[:, None])[:, 0], votes))
        return found

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


def walks(lab: InterpolationLab, names: Sequence[str]) -> list[Step]:
    """What to try on digits: of the steps those whose promise these models keep."""
    line, _, blend = PATHS
    middle = slice(PLACES // 4, -PLACES // 4)

    def along(start: str, end: str, path: str) -> list[tuple[Tensor, Tensor, Tensor]]:
        return lab.judged(names.index(start), names.index(end), path) if {start, end} <= set(names) else []

    def steady(label: str) -> bool:
        walk = along(label, f"{label}, another", line)
        return bool(walk) and all((said == int(label)).all() and votes.min() >= 8 for _, said, votes in walk)

    def change(label: str) -> float:
        """By how much ink the two drawings of a digit differ, in the model in which they differ less."""
        rows = [names.index(label), names.index(f"{label}, another")]
        drawn = (model.draw(codes[rows]) for model, codes in zip(lab.models, lab._codes, strict=True))
        return min(float((first - second).abs().sum()) for first, second in drawn)

    faded, straight, alike = along("0", "1", blend), along("0", "1", line), along("4", "9", blend)
    ghost = bool(faded) and all(
        of[PLACES // 2] > by[PLACES // 2] and of.max() > by.max() and (said <= 1).all()
        for (of, said, _), (by, *_) in zip(faded, straight, strict=True)
    )
    flat = bool(alike) and all(of[middle].max() <= max(of[0], of[-1]) for of, *_ in alike)
    short = bool(straight) and all(
        (start + end).norm() < 0.98 * (start.norm() + end.norm())
        for start, end in (codes[[names.index("0"), names.index("1")]] for codes in lab._codes)
    )
    one = max(filter(steady, (name for name in names if len(name) == 1)), key=change, default=None)
    steps = [
        (
            bool(straight),
            "Press *Play*, or move *Position t*. The bands say what the ten nearest real digits are, and by their height how many "
            "agree. What do they say between the 0 and the 1?",
            {"t": 0.0},
            ("drawings", "walk", "t"),
        ),
        (
            ghost,
            "Set *Path* to *pixels*. Both digits are there at once, in grey. No other digit wins the vote of ten. But the "
            "distance halfway has grown: the lerp's stands beside it.",
            {},
            ("drawings", "walk", "path"),
        ),
        (
            short,
            "Set *Path* to *slerp*. Halfway on the line the code was shorter than its ends on average; on the arc it stays at "
            "×\u00a01. Is the drawing nearer than by lerp? Along all of the walk?",
            {},
            ("drawings", "walk", "path"),
        ),
        (
            one is not None,
            f"Move *Position t* from one {one} to another. Whatever lies between is a {one} as well: only the handwriting changes.",
            {"from": one, "to": f"{one}, another", "t": 0.0},
            ("drawings", "walk", "t"),
        ),
        (
            flat,
            "From a 4 to a 9 even the cross-fade has no bump in its curves, for the two look much alike. One pair of digits is no "
            "evidence: pick others with *From* and *To*.",
            {"from": "4", "to": "9", "path": blend},
            ("walk", "curves", "from", "to"),
        ),
    ]
    return [Step(words, state, watch) for holds, words, state, watch in steps if holds]


def codes_of(model: LatentModel, x: Tensor) -> Tensor:
    """The code of each image: (N, D) -> (N, L), on the CPU."""
    with evaluating(model):
        return model.code(x.to(model.device)).float().cpu()


def halve(x: Tensor, channels: int = 1) -> Tensor:
    """Square images at half their width, each pixel the mean of two by two: (N, D) -> (N, D // 4)."""
    side = round((x.shape[1] / channels) ** 0.5)
    return F.avg_pool2d(x.view(-1, channels, side, side), 2).flatten(1)


def with_article(name: str) -> str:
    """A digit's name as a sentence wants it, "a 4"; others as they are."""
    return f"a {name}" if name[0].isdigit() else name
