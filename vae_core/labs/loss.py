"""`LossLab`: a loss as code has it, the β that it hides, and what a model trained at that β draws and forgets."""

import re
from functools import cache
from typing import Any

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor

from vae_core.accounting import ERRORS, FOUND, KL, OVER, Loss, plain
from vae_core.data import ImageSet, load_images
from vae_core.labs.base import Lab
from vae_core.labs.controls import Choice, Step, stand
from vae_core.labs.images import choose
from vae_core.labs.noise import normals
from vae_core.labs.pack import Block, pack_four
from vae_core.labs.picture import ACCENT, GREY, INK, Sheet
from vae_core.metrics import active_units, evaluate, posteriors
from vae_core.models import VAE
from vae_core.presets import SHIPPED
from vae_core.saving import load_pretrained

OWN = "your own"
SIZES = {"28 × 28 grey": 784, "28 × 28 colour": 2352, "64 × 64 colour": 12_288, "256 × 256 colour": 196_608}
UNITS, BATCHES = (2, 10, 20, 32, 128, 512), (1, 32, 64, 100, 128, 512)
WEIGHTS = (*(float(f"{step}e{power}") for power in range(-5, 1) for step in (1, 2.5, 5)), 10.0)
BEGIN = "PyTorch-VAE (AntixK)"
FAMILY = re.compile(r"beta-([\d.]+)(-gaussian)?")
"""What the shipped models of one architecture are called, which differ in β alone."""

Settings = dict[str, Any]


def settings(loss: Loss) -> Settings:
    """Where the controls stand for a loss, a Choice by its word."""
    return {
        "error": loss.error,
        "over": loss.over,
        "kl": loss.kl,
        "weight": plain(loss.weight),
        "size": next(name for name, pixels in SIZES.items() if pixels == loss.input_dim),
        "units": str(loss.latent_dim),
        "batch": str(loss.batch_size),
    }


def at(name: str, **changes: Any) -> Settings:
    """Where the controls stand for one of `FOUND`; with changes, for a loss of your own that began as that one."""
    return {"found": OWN if changes else name, **settings(FOUND[name].loss), **changes}


STEPS = [
    Step(
        "All is summed, and β is 1. Set *Read* to pytorch/examples, 2017, a loss that threads call wrong. Where is β now?",
        at("pytorch/examples, today"),
        ("code", "axis", "found"),
    ),
    Step(
        "The error is a mean over pixels, the KL a sum. Is more than one digit drawn? Then set *Error over* to sum / batch.",
        at("keras, 2016"),
        ("reading", "pictures", "over"),
    ),
    Step(
        "0.00025 looks like no weight at all. Where is β? Set *Weight of the KL* to 1, as a user did. Where does β go, and what is "
        "drawn?",
        at("PyTorch-VAE (AntixK)"),
        ("reading", "pictures", "weight"),
    ),
    Step(
        "Here the rate is all but free. Are the redrawn digits good, and those from the prior? Set *KL over* to sum: which row changes most?",
        at("pytorch-vae (sksq96)"),
        ("reading", "pictures", "kl"),
    ),
    Step(
        "A mean, beside a sum over the whole batch: β is off the axis. Set *Error over* to sum. Where is β now, and for which σₓ is it 1?",
        at("sigma-vae-pytorch"),
        ("code", "axis", "over"),
    ),
]


class LossLab(Lab):
    """Say what a loss does, or choose one of `FOUND`, and see its β and what a model trained at that β draws.

    The models are the book's family of one small architecture, trained on MNIST's digits at many β: for a cross-entropy those of
    Bernoulli pixels, for a squared error those of Gaussian pixels with variance 1. The one that is nearest in log β is shown.
    """

    module = "loss.mjs"
    tall = (1104, 951)

    def __init__(self) -> None:
        images = load_images("mnist", fallback="digits")
        x, z = shown(images)
        block = Block()
        spec = {
            "pixels": list(SIZES.values()),
            "counts": [list(UNITS), list(BATCHES)],
            "weights": list(WEIGHTS),
            "found": {name: [where(name), FOUND[name].does, FOUND[name].got] for name in FOUND},
            "code": code_lines(),
            "images": block.add(pack_four(greys(x)), "uint8"),
            "models": [],
        }
        self._family: dict[str, list[tuple[float, str]]] = {
            error: sorted(each for each in family() if each[1].endswith("-gaussian") == (error == "squared error"))
            for error in ERRORS
        }
        for members in self._family.values():
            spec["models"].append([])
            for beta, name in members:
                model = trained(name)
                drawn = torch.cat([model.reconstruct(x), model.draw(z)])
                numbers = measured(name, images)
                spec["models"][-1].append(
                    {"beta": beta, **numbers, "drawn": block.add(pack_four(greys(drawn)), "uint8")}
                )
        begin = settings(FOUND[BEGIN].loss)
        options = {
            "error": ("Error is", tuple(ERRORS)),
            "over": ("Error over", tuple(OVER)),
            "kl": ("KL over", tuple(KL)),
            "units": ("Units", tuple(map(str, UNITS))),
            "weight": ("Weight of the KL", tuple(plain(weight) for weight in WEIGHTS)),
            "size": ("Pictures", tuple(SIZES)),
            "batch": ("Batch", tuple(map(str, BATCHES))),
        }
        controls = [
            Choice(
                name,
                label,
                words,
                words.index(begin[name]),
                slid=name == "weight",
                folded=name in ("size", "batch"),
            )
            for name, (label, words) in options.items()
        ]
        found = (OWN, *FOUND)
        controls.insert(0, Choice("found", "Read", found, found.index(BEGIN)))
        still = draw_still(x, trained(self._family["squared error"][-1][1]).reconstruct(x))
        named = {control.name: control for control in controls}
        spec["settings"] = {
            name: {control: stand(named[control], word) for control, word in settings(FOUND[name].loss).items()}
            for name in FOUND
        }
        super().__init__(
            controls,
            spec,
            block.data,
            steps=STEPS,
            legend=("distortion", "rate"),
            picture=still,
            caption="A squared error is read as that of a Gaussian with σₓ = 1; of its distortion 720.4 nats are a constant. The pale stretch of the axis is what the weight can reach. The "
            "marks below it are β at which one small network, with ten units, was trained on MNIST's digits, by the book's loss: it stands in "
            "for whatever the loss was written for. Test digits are "
            "redrawn from the mean of their cloud; the last row is from the same ten draws of the prior at every β. Rate, distortion and "
            f"units in use: of all test digits ({images.title}).",
        )
        self._setting = False
        for control in controls:
            self.controls[control.name].observe(self._keep_in_step, "index")

    def _keep_in_step(self, change: Any) -> None:
        """What the page does as well: one of `FOUND` sets the others, and when one of these is changed, the loss is called what it is."""
        if self._setting:
            return
        found = self.controls["found"]
        self._setting = True
        try:
            if change.owner is not found:
                found.index = found.options.index(next((name for name in FOUND if FOUND[name].loss == self.loss), OWN))
            elif (name := self.values["found"]) != OWN:
                for control, word in settings(FOUND[name].loss).items():
                    widget = self.controls[control]
                    widget.index = widget.options.index(word)
        finally:
            self._setting = False

    @property
    def loss(self) -> Loss:
        """The loss as the controls say it."""
        values = self.values
        return Loss(
            values["error"],
            values["over"],
            values["kl"],
            float(values["weight"]),
            SIZES[values["size"]],
            int(values["units"]),
            int(values["batch"]),
        )

    @property
    def beta(self) -> float:
        """Its β."""
        return self.loss.beta

    @property
    def model(self) -> VAE:
        """The model of the family that is trained at the β nearest to it, by the ratio of the two."""
        return trained(self._nearest()[1])

    def answer(self) -> dict[str, Any]:
        """β, σₓ for which it would be 1, the β at which the model was trained, and what that draws in PyTorch: float32 (10, 784) twice."""
        x, z = shown(load_images("mnist", fallback="digits"))
        drawn = {"redrawn": self.model.reconstruct(x).numpy(), "drawn": self.model.draw(z).numpy()}
        return {"beta": self.beta, "std": self.loss.std, "trained": self._nearest()[0], **drawn}

    def _nearest(self) -> tuple[float, str]:
        wanted = max(self.beta, 1e-30)
        return min(self._family[self.loss.error], key=lambda member: abs(np.log(member[0] / wanted)))


def where(name: str) -> str:
    return f"{FOUND[name].repository}: {FOUND[name].file}"


def code_lines() -> dict[str, Any]:
    """The lines of `Loss.code` by the indices of the controls: the error by kind and reduction, the KL's, and the KL's part of the last."""
    return {
        "error": [[Loss(error, over).code().splitlines()[0] for over in OVER] for error in ERRORS],
        "kl": Loss().code().splitlines()[1],
        "loss": [Loss(kl=kl).code().splitlines()[2].removeprefix("loss = error + ") for kl in KL],
    }


def family() -> list[tuple[float, str]]:
    """β and name of each shipped model of the family."""
    named = [(match, name) for name in SHIPPED if (match := FAMILY.fullmatch(name))]
    return [(float(match[1]), name) for match, name in named]


@cache
def trained(name: str) -> VAE:
    return load_pretrained(name)


def shown(images: ImageSet) -> tuple[Tensor, Tensor]:
    """The first test image of each class (10, 784), in [0, 1], and as many draws from the prior (10, 10)."""
    x = choose(images)[0][::2]
    return x, torch.from_numpy(normals(1, 10 * len(x)).reshape(len(x), 10)).float()


def measured(name: str, images: ImageSet) -> dict[str, Any]:
    """Rate and distortion in nats, and active units, of a shipped model on all test images; once for each set of them."""
    if (name, images.title) not in _measured:
        _measured[name, images.title] = _measure(trained(name), images)
    return _measured[name, images.title]


_measured: dict[tuple[str, str], dict[str, Any]] = {}


def _measure(model: VAE, images: ImageSet) -> dict[str, Any]:
    terms = evaluate(model, images.test)
    means, _ = posteriors(model, images.test)
    return {
        "rate": round(terms.rate.item(), 2),
        "distortion": round(terms.distortion.item(), 2),
        "active": int(active_units(means).sum()),
        "units": model.latent_dim,
    }


def greys(pictures: Tensor) -> Tensor:
    """Pictures (N, D) in [0, 1] as uint8 in sixteen steps."""
    return 17 * (15 * pictures).round().byte()


def draw_still(x: Tensor, drawn: Tensor) -> tuple[Image, str]:
    """The lab as it begins, for a page whose script does not run: test digits and what is redrawn of them, (10, 784) each."""
    sheet = Sheet(720, 330)
    for i, line in enumerate(FOUND[BEGIN].loss.code().splitlines()):
        sheet.write(line, 10, 10 + 22 * i, INK, 15)
    sheet.line((20, 120, 700, 120), fill=GREY)
    for power in range(-4, 5, 2):
        sheet.write(f"{10.0**power:g}", 345 + 65 * power, 126, GREY, 13)
    beta = float(np.log10(FOUND[BEGIN].loss.beta))
    sheet.ellipse((360 + 65 * beta - 7, 113, 360 + 65 * beta + 7, 127), fill=ACCENT)
    sheet.write("β", 360 + 65 * beta - 5, 90, INK, 16)
    sheet.show("test digits", x, 10, 180, 62)
    sheet.show("redrawn", drawn, 10, 268, 62)
    return sheet.image, (
        "Three lines of PyTorch, an axis with the β that they hide, and test digits beside what a model trained near that β makes of them."
    )
