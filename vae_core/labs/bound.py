"""`BoundLab`: the importance-weighted bound of one digit, for K from 1 to 5,000, climbing to log p(x), with a q that can be moved."""

import json
import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor

from vae_core.labs.base import Lab
from vae_core.labs.controls import Choice, Press, Slider, Step
from vae_core.labs.noise import normals
from vae_core.labs.pack import Block, pack_decoder, unpack_network
from vae_core.labs.picture import ACCENT, GREY, INK, Sheet
from vae_core.losses import gaussian_log_prob
from vae_core.models import evaluating
from vae_core.saving import load_pretrained

MODEL = "vae-10"
RECORD = Path(__file__).parent / "js" / "bound.json"
"""The digit, black and white, and its log p(x) under the decoder that the page has: `python benchmarks/bound.py` makes it."""
SIZES = ("1", "2", "5", "10", "20", "50", "100", "200", "500", "1,000", "2,500", "5,000")
MOST = 5000
FIRST = 5  # the seed to begin with: of the first nine, that whose estimates with each step's q lie in the middle
STEPS = (
    Step(
        "Move *K* from 1 to 5,000. The bound rises, its spread shrinks, and at the end it is level: at the line, log p(x).",
        {"k": "1"},
        ("chart", "k"),
    ),
    Step(
        "Make q wider: *Std ×* 1.5. Then move *K* to 1, 100 and 5,000. At K = 1 the bound has fallen by two nats. What does it do at the others?",
        {"k": "5,000"},
        ("chart", "stretch", "k"),
    ),
    Step(
        "Make q narrower: *Std ×* 0.5. From K = 1,000 on it is nearly level, too. Without the line, would you know what is missing?",
        {"k": "5,000"},
        ("chart", "stretch"),
    ),
    Step(
        "Move *Shift of the mean* to 2: q looks beside the posterior. Who has the weight now, and how many draws are 5,000 worth?",
        {"k": "5,000"},
        ("shares", "shift"),
    ),
)


class BoundLab(Lab):
    """One test digit under the book's VAE: K draws from q, their weights, and the bound log (1/K) Σ p(x, z) / q(z | x).

    q is the encoder's; its mean can be shifted, by a part of its own standard deviation in every unit, and its standard
    deviation be multiplied. Whatever is set, the 5,000 ε are the same until *New ε*.
    """

    module = "bound.mjs"
    tall = (979, 827)

    def __init__(self) -> None:
        given = record()
        self._x, self._mean, self._log_var, self._decoder = _given()
        block = Block()
        vae = load_pretrained(MODEL)
        controls = [
            Slider("shift", "Shift of the mean", -2, 2, 0.1, 0.0, unit="σ"),
            Slider("stretch", "Std ×", 0.4, 3, 0.05, 1.0),
            Choice("k", "K", SIZES, SIZES.index("10"), slid=True),
            Press("draw", "New ε", FIRST - 1, play=3.0),
        ]
        home = log_weights(0.0, 1.0, FIRST - 1)
        spec = {
            "units": vae.latent_dim,
            "side": 28,
            "most": MOST,
            "truth": given["log_p"],
            "error": given["standard_error"],
            **pack_decoder(vae, block),
            "mean": block.add(self._mean, "float32"),
            "log_var": block.add(self._log_var, "float32"),
            "image": block.add(self._x, "uint8"),
            "home": block.add(home, "float32"),
        }
        super().__init__(
            controls,
            spec,
            block.data,
            steps=STEPS,
            picture=draw_still(self._x, home, given["log_p"], given["standard_error"]),
            caption=f"A digit of MNIST's test set, each pixel tossed once, with its grey as the chance of ink. There are 5,000 draws: 5,000 "
            "estimates at K = 1, 50 at K = 100, one at K = 5,000. A line through a dot, and ± beside K's: one spread up and one "
            "down. Grey: draws are still to come. A single estimate may lie above the line. The band is log p(x) "
            f"by annealed importance sampling, {given['chains']:,} chains of {given['steps']:,} steps, two standard errors up and down.",
        )

    def log_weights(self) -> np.ndarray:
        """The log weights of the 5,000 draws as the controls stand, as PyTorch computes them: float64 (5000,)."""
        values = self.values
        return log_weights(values["shift"], values["stretch"], values["draw"]).numpy()

    def answer(self) -> float:
        """The bound at the chosen K as PyTorch has it, the mean over all sets of K draws, in nats."""
        k = int(self.values["k"].replace(",", ""))
        return bound_at(torch.from_numpy(self.log_weights()), k)


def bound_at(log_w: Tensor, k: int) -> float:
    """The mean of the importance-weighted bound over as many sets of k draws as there are: log weights (N,) -> nats."""
    sets = log_w[: len(log_w) // k * k].view(-1, k)
    return (sets.logsumexp(1) - math.log(k)).mean().item()


def log_weights(shift: float, stretch: float, draw: int) -> Tensor:
    """log p(x, z) − log q(z) of the lab's digit for 5,000 z = mean + std · (shift + stretch · ε): float64 (5000,)."""
    x, mean, log_var, decoder = _given()
    std = (0.5 * log_var).exp()
    epsilon = torch.from_numpy(normals(draw + 1, MOST * len(mean))).view(MOST, -1)
    z = mean + std * (shift + stretch * epsilon)
    with torch.no_grad():
        log_likelihood = load_pretrained(MODEL).likelihood.log_prob(x, decoder(z))
    return (
        log_likelihood
        + gaussian_log_prob(z)
        - gaussian_log_prob(z, mean + shift * std, log_var + 2 * math.log(stretch))
    )


@cache
def record() -> dict[str, Any]:
    """What `RECORD` holds."""
    return json.loads(RECORD.read_text(encoding="utf-8"))


@cache
def _given() -> tuple[Tensor, Tensor, Tensor, torch.nn.Module]:
    """The digit (D,), its posterior's mean and log variance (L,), and the decoder with the page's weights: all float64."""
    pixels = np.unpackbits(np.frombuffer(bytes.fromhex(record()["digit"]), np.uint8))
    x = torch.from_numpy(pixels).float()
    vae = load_pretrained(MODEL)
    with evaluating(vae):
        mean, log_var = vae.encode(x[None])
    return x.double(), mean[0].double(), log_var[0].double(), page_decoder()


def page_decoder() -> torch.nn.Module:
    """The decoder with the very weights that the page has, in float64."""
    block = Block()
    packed = pack_decoder(load_pretrained(MODEL), block)
    return unpack_network(packed["layers"], block.data).double()


def draw_still(x: Tensor, home: Tensor, truth: float, error: float) -> tuple[Image, str]:
    """The lab as it begins, for a page whose script does not run."""
    sheet = Sheet(640, 250)
    sheet.show("x, a test digit", x[None].float(), 10, 40, 112)
    sheet.write("importance-weighted bound on log p(x), nats", 170, 12)
    sizes = [int(size.replace(",", "")) for size in SIZES]

    def at(k: int, nats: float) -> tuple[float, float]:
        return 180 + 430 * math.log(k) / math.log(MOST), 64 + 20 * (truth - nats)

    sheet.rectangle((170, at(1, truth + 2 * error)[1], 620, at(1, truth - 2 * error)[1]), fill="#c9ced6")
    sheet.line((170, 64, 620, 64), fill=INK, width=2)
    sheet.write("log p(x) by AIS", 176, 36)
    points = [at(k, bound_at(home, k)) for k in sizes]
    sheet.line(points, fill=ACCENT, width=3)
    for k, (px, py) in zip(sizes, points, strict=True):
        sheet.ellipse((px - 4, py - 4, px + 4, py + 4), fill=ACCENT)
        if k in (1, 10, 100, 1000, 5000):
            sheet.write(f"{k:,}", px - 8, 200, GREY, 13)
    sheet.write("K, draws of z", 350, 222, GREY, 13)
    alt = (
        "A black and white digit, and its importance-weighted bound against K, from 1 to 5,000: it climbs by about two nats, is "
        "nearly level at the end, and stays below a line for log p(x)."
    )
    return sheet.image, alt
