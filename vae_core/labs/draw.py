"""`DrawLab`: draw a picture by hand; what the encoder makes of it, what comes back, and what that costs beside test images."""

import math
from collections.abc import Iterable

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor

from vae_core.data import ImageSet, to_pixels
from vae_core.labs.base import Lab
from vae_core.labs.controls import Choice, Press, Slider, State, Step
from vae_core.labs.images import BOOKS, called, check_size, foreign, noun, square
from vae_core.labs.ink import BOX, FIELD, Stroke, inked, placed
from vae_core.labs.interpolation import halve
from vae_core.labs.noise import normals
from vae_core.labs.pack import Block, pack_decoder, pack_encoder
from vae_core.labs.picture import Sheet
from vae_core.labs.scales import round_up
from vae_core.losses import gaussian_kl
from vae_core.models import VAE, LatentModel, check_model, evaluating
from vae_core.saving import load_pretrained

LIBRARY = 1000  # training images, of which the nearest are shown, and test images to compare costs with
DRAWS = 8
PRACTICE = 4000  # codes, at which the rounded decoder must be true to its model
CENTRED, DRAWN = "centred", "as drawn"


def arc(x: float, y: float, across: float, up: float, start: float, end: float) -> list[tuple[float, float]]:
    """A part of an ellipse about (x, y), from one angle in degrees to another; 90 is below the middle."""
    turns = np.radians(np.linspace(start, end, 1 + round(abs(end - start) / 15)))
    return [(round(x + across * math.cos(t), 3), round(y + up * math.sin(t), 3)) for t in turns]


READY: dict[str, list[list[tuple[float, float]]]] = {
    "4": [[(0.33, 0.18), (0.27, 0.52), (0.72, 0.52)], [(0.66, 0.14), (0.62, 0.86)]],
    "7": [[(0.26, 0.2), (0.72, 0.2), (0.44, 0.86)]],
    "2": [[*arc(0.48, 0.34, 0.2, 0.19, -170, 30), (0.27, 0.82), (0.76, 0.82)]],
    "4 or 9": [
        [(0.42, 0.2), (0.34, 0.26), (0.28, 0.42), (0.34, 0.52), (0.5, 0.53), (0.68, 0.44)],
        [(0.68, 0.14), (0.66, 0.4), (0.6, 0.86)],
    ],
    "face": [
        arc(0.5, 0.5, 0.34, 0.34, 0, 360),
        [(0.38, 0.4), (0.38, 0.42)],
        [(0.62, 0.4), (0.62, 0.42)],
        arc(0.5, 0.52, 0.18, 0.16, 20, 160),
    ],
    "house": [
        [(0.22, 0.86), (0.22, 0.46), (0.5, 0.14), (0.78, 0.46), (0.78, 0.86), (0.22, 0.86)],
        [(0.22, 0.46), (0.78, 0.46)],
    ],
    "dash": [[(0.2, 0.5), (0.8, 0.5)]],
    "letter A": [[(0.24, 0.86), (0.5, 0.14), (0.76, 0.86)], [(0.34, 0.6), (0.66, 0.6)]],
}
"""Drawings for those who cannot draw here, or have not yet: lines of ours, each point (x, y) from 0 to 1."""

STEPS = (
    Step(
        "A 4, drawn by hand. Is what is given back the same hand? Both costs lie among those of test digits. Now draw in the field, or choose one in *Drawing*.",
        watch=("field", "back", "hills"),
    ),
    Step(
        "Move *Right* to 3: the ink is the same, and both costs rise above nearly all test digits. Go on to 5: the rate is back where it was. The distortion is not.",
        {"ready": "4"},
        ("gets", "hills", "right"),
    ),
    Step(
        "This is no digit, and the model was trained on nothing else. What does it give back? Read the two costs: which of them notices?",
        {"ready": "face"},
        ("field", "back", "hills"),
    ),
    Step(
        "Is this a 4 or a 9? Count the 4s among the eight draws, and press *New ε* for eight others. And which are the nearest real digits?",
        {"ready": "4 or 9"},
        ("draws", "nearest", "draw"),
    ),
    Step(
        "A dash is no digit either. But little ink is little to get wrong: its distortion is an ordinary one. Which cost notices now?",
        {"ready": "dash"},
        ("field", "back", "hills"),
    ),
)
"""What to try with the book's own model."""


class DrawLab(Lab):
    """Draw with a finger or a mouse, and watch what a VAE makes of it: its cloud, what is given back, rate and distortion.

    The drawing becomes an image as MNIST's did: scaled into a box of 20 pixels and centred by its mass; or it is taken as it
    was drawn. Beside the two costs stands what 1,000 test images cost. Of a model of your own: `DrawLab(model, images)`, with the
    images that it was trained on, grey and square.

    `image` is the drawing as the encoder gets it; `draw` puts lines into the lab.

    Raises:
        ValueError: a model that is not a VAE, whose encoder is more than dense layers, whose decoder a browser does not know
            (`pack_decoder`), or whose likelihood is none of this book's; images that are not square, not grey, or not
            of the model's size.
    """

    module = "sketch.mjs"
    tall = (1323, 858)  # between that in a narrow typeface and that in a wide one

    def __init__(self, model: LatentModel | None = None, images: ImageSet | None = None):
        lent = model is None
        model = model or load_pretrained("vae-10")
        check_model("model", model)
        if not isinstance(model, VAE):
            raise ValueError(f"DrawLab needs a VAE, not {type(model).__name__}: a point has no cloud")
        images, self._side, channels = square(images)
        if channels != 1:
            raise ValueError(
                f"DrawLab draws in grey, and the images have {channels} channels: keep one, as images[:, :1]"
            )
        check_size(model, self._side, "model=, a VAE" if lent else "")
        self.model = model
        known, test = to_pixels(images.train[:LIBRARY]), to_pixels(images.test[:LIBRARY])
        block = Block()
        encoder = pack_encoder(model, block)
        rates, distortions, practice = self._costs_of(test)
        spec = {
            **called(images),
            "side": self._side,
            "units": model.latent_dim,
            "ready": list(READY.values()),
            "encoder": encoder,
            **pack_decoder(model, block, practice[:PRACTICE]),
            "rate": axis(rates, 1.5, block),
            "distortion": axis(distortions, 2.5, block),
            "codes": block.add(self._posterior(known)[0], "float16"),
            "library": block.add((15 * halve(known)).round() * 17, "uint8"),  # sixteen greys, for half the bytes
            "labels": block.add(images.train_labels[: len(known)], "uint8"),
        }
        controls = [
            Slider("right", "Right", -8, 8, 1, 0.0, "px"),
            Slider("down", "Down", -8, 8, 1, 0.0, "px", folded=True),
            Slider("size", "Size ×", 0.5, 1.5, 0.05, 1.0, folded=True),
            Choice("ready", "Drawing", ("yours", *READY), 1),
            Choice("placed", "Placed", (CENTRED, DRAWN)),
            Press("draw", "New ε"),
            Press("clear", "Clear", kept=False),
            Press("undo", "Undo", kept=False),
            State("strokes"),
        ]
        things = f"{noun(images)}s"
        super().__init__(
            controls,
            spec,
            block.data,
            steps=STEPS if lent and not foreign(images) else (),
            legend=("accent", "distortion", "rate"),
            picture=self._draw_still(),
            caption=f"Centred, as MNIST's images were: scaled into a box of {BOX}/{FIELD} of the side, the centre of the ink in the middle. Given back: decoded from the cloud's mean. A bar: mean ± std; grey behind it: the prior. Grey hills: {len(test):,} test {things} ({images.title}); a dashed line: the drawing before it was moved. Both costs in nats, theirs and the drawing's; distortion is "
            "the cross-entropy of grey pixels, mean of eight draws. Nearest: by the distance between the means of the clouds, among "
            f"{len(known):,} training {things}, shown at half size. Undo takes back the last line. A link carries no drawing of yours."
            + (f" The model is {BOOKS}" if lent and foreign(images) else ""),
        )

    @property
    def strokes(self) -> list[Stroke]:
        """The lines that are drawn, each a list of points (x, y) from 0 to 1."""
        ready = self.values["ready"]
        return list(READY[ready] if ready in READY else self.values["strokes"] or [])

    def draw(self, strokes: Iterable[Stroke]) -> None:
        """Put lines into the lab in the place of what is drawn there.

        Raises:
            ValueError: a line that is not of points (x, y), each from 0 to 1.
        """
        lines = [np.asarray(line, float) for line in strokes]
        for line in lines:
            if line.ndim != 2 or line.shape[1] != 2 or not len(line) or not ((line >= 0) & (line <= 1)).all():
                raise ValueError(f"a line is a list of points (x, y), each from 0 to 1, not {line.tolist()}")
        self.canvas.set_trait("strokes", [line.tolist() for line in lines])
        self.controls["ready"].index = 0

    @property
    def image(self) -> Tensor:
        """The drawing as the encoder gets it, placed and moved: float32 (side, side) in [0, 1], 28 × 28 for MNIST."""
        at = self.values
        how = {"right": at["right"], "down": at["down"], "size": at["size"]}
        x = placed(inked(self.strokes), self._side, at["placed"] == CENTRED, **how)
        return torch.from_numpy(x).float().clamp(0, 1)

    @property
    def mean(self) -> np.ndarray:
        """The mean of the drawing's posterior, float32 (L,)."""
        return self._posterior(self.image.view(1, -1))[0][0].numpy()

    @property
    def log_var(self) -> np.ndarray:
        """The log variance of the drawing's posterior, float32 (L,)."""
        return self._posterior(self.image.view(1, -1))[1][0].numpy()

    def answer(self) -> np.ndarray:
        """What the PyTorch model decodes from `mean`, on its own device: float32 (D,) in [0, 1]."""
        return self.model.draw(torch.from_numpy(self.mean)).numpy()

    def _posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        with evaluating(self.model):
            mean, log_var = self.model.encode(x.to(self.model.device))
        return mean.float().cpu(), log_var.float().cpu()

    def _costs_of(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Rate (N,) and distortion (N,) of images (N, D) in nats, and the draws (8 N, L) over which that is the mean."""
        mean, log_var = self._posterior(x)
        epsilon = torch.from_numpy(normals(1, DRAWS * mean.shape[1])).float().view(DRAWS, 1, -1)
        z = (mean + (0.5 * log_var).exp() * epsilon).flatten(0, 1)
        with evaluating(self.model):
            outputs = self.model.decode(z.to(self.model.device)).cpu().view(DRAWS, *x.shape)
        return gaussian_kl(mean, log_var), -self.model.likelihood.log_prob(x, outputs).mean(0), z

    def _draw_still(self) -> tuple[Image, str]:
        """The lab as it begins, for a page whose script does not run."""
        x = placed(inked(READY["4"]), self._side).clip(0, 1)
        mean, log_var = (part[0] for part in self._posterior(torch.from_numpy(x).float().view(1, -1)))
        sheet = Sheet(640, 220)
        sheet.show("drawn by hand", torch.from_numpy(x).float().view(1, -1), 10, 38, 150)
        sheet.write("the cloud, a bar a unit", 190, 14)
        sheet.show("given back", self.model.draw(mean[None]), 470, 38, 150)
        sheet.cloud(mean, log_var, 190, 38, 250, 152)
        return (
            sheet.image,
            "A 4 drawn by hand, its posterior as one bar for each latent unit, and what is decoded from the posterior's mean.",
        )


def axis(values: Tensor, room: float, block: Block) -> dict:
    """What test images cost (N,), in rising order, and the ends of an axis that has `room` for as many times what most cost."""
    most, least = values.quantile(0.99).item(), values.min().item()
    low = -round_up(-least) if least < 0 else 0
    return {"values": block.add(values.sort().values, "float32"), "low": low, "high": round_up(max(1, room * most))}
