"""`TrainingLab`: one training run, moment by moment: ten images drawn again, ten invented, and the loss."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor

from vae_core.colours import DISTORTION, RATE
from vae_core.data import ImageSet, load_images, to_pixels
from vae_core.labs.base import Lab
from vae_core.labs.controls import Choice, Control, Slider, Step
from vae_core.labs.images import called, check_size, square
from vae_core.labs.pack import Block
from vae_core.labs.picture import GREY, Sheet
from vae_core.metrics import evaluate
from vae_core.models import VAE, LatentModel, check_model, evaluating
from vae_core.presets import get_preset
from vae_core.training import History, Run, TrainConfig

SHOWN = 10  # images drawn again, and as many invented
MEASURED = 1000  # training and test images that each snapshot is measured on
EARLY = (1, 2, 5, 10, 20, 40, 80)  # steps within the first epoch, where most of the learning happens
SUMS, TERMS = CURVES = ("−ELBO of train and test", "distortion and rate")
FIRST_STEP, FIRST_EPOCH = SPANS = ("the first step", "the first epoch")

STEPS = (
    Step(
        "Move *Snapshot* up one by one, or press *Play*. What is the first thing that the network learns? (It is the same for all ten.)",
        {"snapshot": 0},
        ("again", "plot", "snapshot"),
    ),
    Step(
        "Ten drawings, and one smudge. Move *Snapshot* on. Which is the first with a hint that the ten differ? In which is it plain?",
        {"snapshot": 5},
        ("again", "plot", "snapshot"),
    ),
    Step(
        "At snapshot 4 the rate has a hump, and yet the ten drawings show the same shape, darker or paler. What is the network paying for?",
        {"snapshot": 4, "curves": TERMS},
        ("again", "plot"),
    ),
    Step(
        "Move *Snapshot* to the end. Which curve lies lower, train or test, and is that a surprise?",
        {"snapshot": 8, "curves": SUMS, "span": FIRST_EPOCH},
        ("plot", "snapshot"),
    ),
)
"""What to try with the run that the lab shows if it is given none."""


class Album:
    """Snapshots of a VAE while it learns, for a `TrainingLab`: what it makes of the same images, what it invents, its loss.

    To take one leaves no trace in the training: it draws no number from the run's generator. An album can
    be passed to `fit` as its callback; it then takes one at each epoch's end. `config` is the run's own.

    `x` (N, D) in [0, 1] holds the first test image of each of ten classes, or without labels the first ten test images;
    `z` (10, L) is drawn from the prior. A snapshot adds to `steps` how many training steps lie before it, to `drawn` what
    the model makes of `x` and then of `z`, uint8 (N + 10, D), and to `terms`, under "train" and "test", the
    (rate, distortion) of the first 1,000 such images, in nats per image.

    Raises:
        ValueError: a model that is not a VAE, or images that are not square, or not of the model's size.
    """

    def __init__(self, model: LatentModel, images: ImageSet, config: TrainConfig):
        check_model("model", model)
        if not isinstance(model, VAE):
            raise ValueError(f"an Album shows samples and a rate: it needs a VAE, not {type(model).__name__}")
        self.model, self.config = model, config
        self.images, self.side, self.channels = square(images)
        check_size(model, self.side, channels=self.channels)
        self.steps_per_epoch = math.ceil(len(images.train) / config.batch_size)
        self.x = to_pixels(images.test[one_of_each(images.test_labels)])
        self.z = torch.randn(SHOWN, model.latent_dim, generator=torch.Generator().manual_seed(0))
        self.steps: list[int] = []
        self.terms: dict[str, list[tuple[float, float]]] = {"train": [], "test": []}  # (rate, distortion)
        self.drawn: list[Tensor] = []  # uint8 (images drawn again, then images invented; D)

    def __call__(self, _: LatentModel, history: History) -> None:
        self.take(len(history) * self.steps_per_epoch)

    @torch.no_grad()
    def take(self, step: int) -> None:
        """Keep what the model does after this many steps.

        Raises:
            ValueError: a step that is not later than the last, or figures that are not finite.
        """
        if self.steps and step <= self.steps[-1]:
            raise ValueError(f"step {step} does not come after step {self.steps[-1]}, which the album has already")
        parts = {"train": self.images.train[:MEASURED], "test": self.images.test[:MEASURED]}
        settings = {"pixels": self.config.pixels, "seed": self.config.seed}
        measured = {name: evaluate(self.model, some, **settings) for name, some in parts.items()}
        if not all(torch.isfinite(terms.elbo) for terms in measured.values()):
            raise ValueError(f"after step {step} the loss is not finite: has the training diverged?")
        self.steps.append(step)
        for name, terms in measured.items():
            self.terms[name].append((float(terms.rate), float(terms.distortion)))
        self.drawn.append((255 * self.draw()).round().byte())

    def draw(self) -> Tensor:
        """The images through the model as it is now, and what it decodes from z: (10 or fewer + 10, D) in [0, 1]."""
        with evaluating(self.model):
            codes = self.model.code(self.x.to(self.model.device)).cpu()
        return self.model.draw(torch.cat([codes, self.z]))


class TrainingLab(Lab):
    """Slide through a training run: reconstructions and samples at each snapshot, and where it stands on its curves.

    An album of a run of your own comes from `record`, or from an `Album` that was the callback of `fit`. Without one this
    trains a small VAE (the preset "relu-200-10") on 10,000 images for ten epochs: some five seconds on a CPU.

    Raises:
        ValueError: no album, or one with fewer than two snapshots.
    """

    module = "training.mjs"
    tall = (1121, 897)

    def __init__(self, album: Album | None = None):
        lent = album is None
        self.album = album = album or short_run()
        if not isinstance(album, Album):
            raise ValueError(f"album is of {type(album).__name__}: record(model, images, config) trains and makes one")
        count = len(album.steps)
        if count < 2:
            raise ValueError(
                f"the album holds {count} of the 2 or more snapshots that a slider needs: call its take(step)"
            )
        drawn = torch.stack(album.drawn)  # (snapshots, pictures, D)
        block = Block()
        spec = {
            **called(album.images),
            "side": album.side,
            "channels": album.channels,
            "at": album.steps,
            "steps_per_epoch": album.steps_per_epoch,
            "terms": album.terms,
            "images": block.add((255 * album.x).round(), "uint8"),
            "again": block.add(drawn[:, : len(album.x)], "uint8"),
            "invented": block.add(drawn[:, len(album.x) :], "uint8"),
        }
        start = min(4, count // 2)
        controls: list[Control] = [
            Slider("snapshot", "Snapshot", 0, count - 1, 1, start, play=0.7 * count),
            Choice("curves", "Show", CURVES, CURVES.index(TERMS)),
        ]
        if sum(step >= album.steps_per_epoch for step in album.steps) > 1:
            controls.append(Choice("span", "From", SPANS))
        images = album.images
        counts = f"{len(images.train):,} training images of {images.title}"
        super().__init__(
            controls,
            spec,
            block.data,
            steps=STEPS if lent else (),
            legend=("distortion", "rate"),
            picture=draw_still(album, start),
            caption=f"A real run: {counts}, {album.config.batch_size} a step. Each snapshot is measured on up to {MEASURED:,} "
            "training and as many test images, in nats per image. You can also drag along the curves.",
        )

    @property
    def step(self) -> int:
        """How many training steps lie before the snapshot shown."""
        return self.album.steps[round(self.values["snapshot"])]

    @property
    def terms(self) -> dict[str, tuple[float, float]]:
        """The (rate, distortion) of the snapshot shown, in nats per image, for "train" and "test"."""
        return {name: rows[round(self.values["snapshot"])] for name, rows in self.album.terms.items()}

    def answer(self) -> np.ndarray:
        """What the model, as it is *now*, makes of the album's images and z: float32 (20, D) in [0, 1]."""
        return self.album.draw().numpy()


def record(model: LatentModel, images: ImageSet, config: TrainConfig) -> Album:
    """Train `model` as `fit` does and return an album of it: untrained, early steps, then every epoch.

    The model comes back trained, with the very weights that `fit` gives it; nothing is saved.

    Raises:
        ValueError: what an `Album` refuses, a loss that is not finite among it.
        Diverged: figures that are no sign of learning.
    """
    config.check(images, model)
    run, album = Run(model, images, config, None), Album(model, images, config)
    album.take(0)
    for _ in run.steps():
        if run.position == 0 or (run.epoch == 0 and run.position in EARLY and run.position < run.steps_per_epoch):
            album.take(run.number)
    model.eval()
    return album


@cache
def short_run() -> Album:
    """The run that the lab shows if it is given none, trained once a process."""
    preset = get_preset("relu-200-10")
    images = load_images("mnist", fallback="digits").first(10_000, MEASURED)
    config = replace(preset.config, epochs=10, batch_size=64, lr=2e-3, device="cpu")  # few images: small, quick steps
    return record(preset.build(config.seed), images, config)


def one_of_each(labels: Tensor) -> Tensor:
    """Where the first image of each of the first ten classes is, or where the first ten are, of one class: (≤ 10,)."""
    classes = labels.unique()[:SHOWN]
    if len(classes) == 1:
        return torch.arange(len(labels))[:SHOWN]
    return torch.stack([(labels == label).nonzero()[0, 0] for label in classes])


def draw_still(album: Album, start: int) -> tuple[Image, str]:
    """The lab as it begins, for a page whose script does not run."""
    sheet = Sheet(720, 430)
    early, late = (f"after {album.steps[i]} steps" for i in (start, -1))
    sheet.show("test images", album.x, 10, 34, 62)
    for top, when, i in ((132, early, start), (230, late, -1)):
        sheet.show(f"drawn again {when}", album.drawn[i][: len(album.x)] / 255, 10, top, 62)
    left, right, top, bottom = 60, 700, 318, 410
    sheet.line((left, top, left, bottom, right, bottom), fill=GREY)
    terms = torch.tensor(album.terms["test"])  # (snapshots, 2)
    across = torch.tensor(album.steps).log1p() / math.log1p(album.steps[-1])
    for values, colour in zip(terms.T, (RATE, DISTORTION), strict=True):
        heights = values / values.max()
        points = torch.stack([left + (right - left) * across, bottom - (bottom - top) * heights], 1)
        sheet.line(points.flatten().tolist(), fill=colour, width=2)
    sheet.write("distortion and rate, step by step", left + 8, bottom - 24)
    first, last = (terms[i].sum().item() for i in (0, -1))
    count = "Ten" if len(album.x) == 10 else str(len(album.x))
    return sheet.image, (
        f"{count} test images; below them the same {count.lower()} as the network draws them {early} and {late}; and distortion "
        f"and rate on test images, step by step: their sum from {first:.1f} to {last:.1f} nats."
    )
