"""`GradientLab`: how E[f(z)] changes with q's mean and standard deviation, exactly and by three estimators."""

import numpy as np
import torch
from PIL.Image import Image

from vae_core.gradients import FUNCTIONS, pathwise, score_function
from vae_core.labs.base import Lab
from vae_core.labs.controls import Choice, Press, Slider, Step
from vae_core.labs.noise import normals
from vae_core.labs.picture import ACCENT, GREY, INK, Sheet

BATCHES, MOST = 200, 64  # estimates, and the most draws of each
FIRST = 17  # the seed to begin with: of the first twenty, that whose three spreads are nearest to their laws
COUNTS = ("2", "4", "8", "16", "32", "64")
STEPS = (
    Step(
        "Move *mean*, then *std*. Every z moves, smoothly, and no ε does. Then press *New ε*. Which of the three controls "
        "is chance?",
        watch=("rails", "mean", "std", "draw"),
    ),
    Step(
        "Move *mean* a little and watch the large dot on the curve; the ring is where it was. The line below says what its slope "
        "promised, and what came. The smaller the step, the nearer they are: this is the whole trick.",
        watch=("curve", "mean"),
    ),
    Step(
        "Press *New ε* a few times, or *Play*. But for chance, each heap stays centred on the exact slope. Whose "
        "bracket is shortest?",
        watch=("heaps", "draw"),
    ),
    Step(
        "Choose *f(z) =* z² + 10: ten higher everywhere, and no slope changes. Whose bracket grows?",
        watch=("heaps", "f"),
    ),
    Step(
        "Make *std* small, down to 0.2. One bracket shrinks, one grows, and one hardly changes.",
        watch=("heaps", "std"),
    ),
    Step(
        "Choose *f(z) =* sin 8z: pathwise scatters most. Then 1 if z > 0, else 0: it does not scatter. Does it lie on the "
        "exact slope?",
        watch=("heaps", "f"),
    ),
)


class GradientLab(Lab):
    """Draws z = mean + std · ε that slide with mean and std, and 200 estimates of a gradient from each of three estimators.

    All three get the same ε. The first estimate's draws are those shown on the curve.
    """

    module = "gradient.mjs"
    tall = (1335, 1067)

    def __init__(self) -> None:
        controls = [
            Slider("mean", "mean", -2, 2, 0.05, 1.0),
            Slider("std", "std", 0.2, 1.5, 0.05, 0.6),
            Choice("f", "f(z) =", tuple(cost.words for cost in FUNCTIONS)),
            Choice("samples", "Draws K", COUNTS, COUNTS.index("8")),
            Choice("by", "Slope by", ("mean", "std")),
            Press("draw", "New ε", FIRST - 1, play=1.2),
        ]
        super().__init__(
            controls,
            {"batches": BATCHES, "most": MOST},
            b"",
            picture=draw_still(),
            caption=f"Each estimator makes {BATCHES} estimates, all three from the same draws of ε and no others. The large "
            "numbers are their averages, the spread is their standard deviation. The baseline of a draw is the mean of f over "
            "the other draws of its estimate.",
            steps=STEPS,
        )

    @property
    def mean(self) -> np.ndarray:
        """The mean of q(z), float32 (1,)."""
        return np.array([self.values["mean"]], np.float32)

    @property
    def std(self) -> np.ndarray:
        """The standard deviation of q(z), float32 (1,)."""
        return np.array([self.values["std"]], np.float32)

    @property
    def epsilon(self) -> np.ndarray:
        """The noise of every estimate, as the browser draws it: float64 (200, K, 1)."""
        noise = normals(self.values["draw"] + 1, BATCHES * MOST).reshape(BATCHES, MOST, 1)
        return noise[:, : int(self.values["samples"])]

    @property
    def z(self) -> np.ndarray:
        """The draws shown on the curve, those of the first estimate: float32 (K, 1)."""
        return (self.values["mean"] + self.values["std"] * self.epsilon[0]).astype(np.float32)

    @property
    def exact(self) -> float:
        """The chosen gradient, exactly."""
        at = self.state()
        return FUNCTIONS[at["f"]].exact_gradient(at["mean"], at["std"])[at["by"]].item()

    def answer(self) -> np.ndarray:
        """What PyTorch's autograd makes of the same draws: pathwise, score function, with baseline. float64 (3, 200)."""
        at = self.state()
        mean, std = (torch.tensor([at[name]], dtype=torch.float64) for name in ("mean", "std"))
        given = (FUNCTIONS[at["f"]].value, mean, std, torch.from_numpy(self.epsilon))
        kinds = (pathwise(*given), score_function(*given), score_function(*given, baseline=True))
        return torch.stack(kinds)[:, at["by"], :, 0].numpy()


def draw_still() -> tuple[Image, str]:
    """The lab as it begins, for a page whose script does not run."""
    sheet = Sheet(720, 300)

    def across(z: float) -> float:
        return 370 + 66 * z

    sheet.write("z = mean + std · ε", 40, 10, size=16)
    for name, y, colour in (("ε", 44, GREY), ("z", 96, ACCENT)):
        sheet.write(name, 16, y - 9, colour, size=16)
        sheet.line((40, y, 700, y), fill=GREY)
    sheet.line([(across(z), 280 - 16 * z**2) for z in np.linspace(-3.2, 3.2, 80)], fill=INK, width=2)
    for i, e in reversed(list(enumerate(normals(FIRST, 8)))):  # the first on top, and large
        z = 1.0 + 0.6 * e
        sheet.line((across(e), 44, across(z), 96), fill=GREY if i else INK)
        for x, y, colour in ((e, 44, GREY), (z, 96, ACCENT), (z, 280 - 16 * z**2, ACCENT)):
            sheet.circle((across(x), y), 4 if i else 6, fill=colour, outline=None if i else INK)
    return sheet.image, (
        "Eight draws of noise on one axis, lines from each to the z it becomes on a second axis, and the same draws as dots "
        "on the curve f(z) = z²."
    )
