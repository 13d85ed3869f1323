"""`StyleLab`: the style of one image as a cloud on a plane, moved and stretched, and drawn as any class, or as all of them at once."""

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor

from vae_core.data import ImageSet, to_pixels
from vae_core.labs.base import Lab
from vae_core.labs.controls import Choice, Press, Slider, Step
from vae_core.labs.images import BOOKS, called, choose_rows, foreign, noun, square
from vae_core.labs.noise import normals
from vae_core.labs.pack import Block, pack_decoder
from vae_core.labs.picture import ACCENT, GREY, Sheet
from vae_core.models import ConditionalVAE, LatentModel, check_model, evaluating
from vae_core.saving import load_pretrained

DRAWS = 8  # as in style.mjs
CODES = 1000
REACH = 3.5  # of the plane, to either side; as in style.mjs


class StyleLab(Lab):
    """Pick an image: its class is known, its style is a cloud on a plane. Move and stretch the cloud, and draw it as any class.

    `model` is a `ConditionalVAE` with two latent units, by default the book's own; `images` have the classes that it knows. The shift is in
    units of the latent space, in which the prior has standard deviation 1; the variance is multiplied.

    Raises:
        ValueError: a model of another kind, whose style is no plane, or whose decoder a browser does not know (`pack_decoder`); images that
            are not square, not of the model's size, or of a class that it has not.
    """

    module = "style.mjs"
    tall = (1043, 925)

    def __init__(self, model: LatentModel | None = None, images: ImageSet | None = None):
        lent = model is None
        model = model or load_pretrained("cvae-2")
        check_model("model", model)
        if not isinstance(model, ConditionalVAE):
            raise ValueError(f"StyleLab needs a ConditionalVAE, not {type(model).__name__}: it must be told the class")
        if model.latent_dim != 2:
            raise ValueError(f"StyleLab shows a plane: it needs latent_dim = 2, not {model.latent_dim}")
        images, side, channels = square(images)
        pixels = model.input_dim - model.classes
        if pixels != channels * side**2:
            whose = "the book's own" if lent else "this"
            sizes = f"{whose} model draws {pixels} pixels, and the images have {side} × {side}"
            raise ValueError(f"{sizes}: pass model=, a ConditionalVAE trained on these images")
        self.model, told = model, images.with_classes(model.classes).test
        rows, names = choose_rows(images)
        self._labels = images.test_labels[rows]
        with evaluating(model):
            posterior = model.encode(to_pixels(told[rows]).to(model.device))
            codes = model.encode(to_pixels(told[:CODES]).to(model.device))[0].cpu()
        self._means, self._log_vars = (part.float().cpu() for part in posterior)
        x = to_pixels(images.test[rows])
        one = "class " if foreign(images) else ""
        block = Block()
        practice = torch.cat([codes, 2 * torch.randn(CODES, 2, generator=torch.Generator().manual_seed(0))])
        spec = {
            **called(images),
            "side": side,
            "channels": channels,
            "count": model.classes,
            **pack_decoder(model, block, model.join(practice, torch.arange(len(practice)) % model.classes)),
            "mean": block.add(self._means, "float32"),
            "log_var": block.add(self._log_vars, "float32"),
            "images": block.add((255 * x).round(), "uint8"),
            "labels": block.add(self._labels, "uint8"),
            "codes": block.add(codes, "float16"),
            "classes_of": block.add(images.test_labels[:CODES], "uint8"),
        }
        start = names.index(f"{one}4") if f"{one}4" in names else 0
        controls = [
            Choice("digit", noun(images).capitalize(), names, start, resets=("label", "shift1", "shift2", "stretch")),
            Choice("label", "Drawn as", ("its own", *(f"{one}{label}" for label in range(model.classes)))),
            Slider("shift1", "Shift of z₁, across", -3, 3, 0.05, 0.0, folded=True),
            Slider("shift2", "Shift of z₂, up", -3, 3, 0.05, 0.0, folded=True),
            Slider("stretch", "Variance ×", 0, 4, 0.05, 1.0),
            Press("draw", "New ε", play=1.2),
        ]
        super().__init__(
            controls,
            spec,
            block.data,
            steps=STEPS if lent and not foreign(images) else (),
            legend=("accent", "distortion", "rate"),
            picture=draw_still(model, x[start], self._means[start], self._log_vars[start], int(self._labels[start])),
            caption=f"The network is told the class, so the plane holds what is left: the style. Dots: the middle of the cloud of each of {len(codes):,} "
            f"test images ({images.title}), strong where they are of the class that is drawn. Rings: the prior, one and two standard deviations. "
            "All pictures of the classes have the same z, the first draw; press one to draw the eight as that class."
            + (f" The model is {BOOKS}" if lent and foreign(images) else ""),
        )

    @property
    def label(self) -> int:
        """The class that is drawn."""
        chosen = self.state()["label"]
        return chosen - 1 if chosen else int(self._labels[self.state()["digit"]])

    @property
    def mean(self) -> np.ndarray:
        """The mean of the cloud as it stands, shifted: float32 (2,)."""
        shift = torch.tensor([self.values["shift1"], self.values["shift2"]])
        return (self._means[self.state()["digit"]] + shift).numpy()

    @property
    def log_var(self) -> np.ndarray:
        """The log variance of the cloud as it stands, float32 (2,): −inf where it was stretched to a point."""
        return (self._log_vars[self.state()["digit"]] + torch.tensor(self.values["stretch"]).log()).numpy()

    @property
    def z(self) -> np.ndarray:
        """The draw that all classes are decoded from, mean + std · ε: float32 (2,)."""
        epsilon = normals(self.values["draw"] + 1, 2)
        return (self.mean + np.exp(0.5 * self.log_var) * epsilon).astype(np.float32)

    def answer(self) -> np.ndarray:
        """What the PyTorch model decodes from `z` as each class, on its own device: float32 (classes, D) in [0, 1]."""
        z = torch.from_numpy(self.z).expand(self.model.classes, 2)
        return self.model.draw(self.model.join(z, torch.arange(self.model.classes))).numpy()


STEPS = (
    Step(
        "The ten classes are drawn from one z. Drag the point (or move it in *Settings*) left and right: what do all ten do? "
        "Then up and down: who grows wide, who narrow?",
        watch=("plane", "classes"),
    ),
    Step(
        "Press *New ε* a few times with *Variance ×* at 4. In chapter 1 so wide a cloud made near-7s of a 9. Is it ever another digit here?",
        {"digit": "9, another", "stretch": 4.0},
        ("draws", "draw"),
    ),
    Step(
        "Choose a few classes in *Drawn as*. The strong dots are the styles of that class. Could you tell from a dot which digit it is?",
        {"label": "0"},
        ("plane", "label"),
    ),
    Step(
        "A 4 is drawn as a 9: the same z, another class. Its rate has not changed. Read the distortion: what would a wrong label cost?",
        {"label": "9"},
        ("Distortion", "label"),
    ),
)
"""What to try with the book's own model."""


def draw_still(model: ConditionalVAE, x: Tensor, mean: Tensor, log_var: Tensor, label: int) -> tuple[Image, str]:
    """The lab as it begins, for a page whose script does not run. All of one image: x (D,), mean and log_var (2,), its class."""
    sheet, unit = Sheet(640, 330), 200 / (2 * REACH)
    sheet.show("x", x[None], 10, 90, 112)
    sheet.write("its style, q(z | x, y)", 190, 10)
    sheet.rectangle((190, 32, 390, 232), outline=GREY)
    for ring in (1, 2):
        sheet.ellipse((290 - ring * unit, 132 - ring * unit, 290 + ring * unit, 132 + ring * unit), outline=GREY)
    (across, up), (wide, high) = mean.tolist(), (0.5 * log_var).exp().tolist()
    at, size = (290 + unit * across, 132 - unit * up), (max(3, wide * unit), max(3, high * unit))
    sheet.ellipse((at[0] - size[0], at[1] - size[1], at[0] + size[0], at[1] + size[1]), fill=ACCENT)
    z = mean.expand(model.classes, 2)
    drawn = model.draw(model.join(z, torch.arange(model.classes)))
    sheet.show("decoded", drawn[label : label + 1], 440, 56, 168)
    sheet.show("the same z as each class", drawn[:10], 10, 270, 54)
    alt = "An image, the cloud of its style on a plane, what is decoded from it, and below a row of pictures: the same style drawn as each class."
    return sheet.image, alt
