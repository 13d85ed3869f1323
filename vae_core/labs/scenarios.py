"""What stands around the playground's engine: its controls, the scenarios to try with it, and its still picture."""

from collections.abc import Mapping
from typing import Any

from PIL.Image import Image
from torch import Tensor

from vae_core.labs.controls import Choice, Control, Press, Slider, Step
from vae_core.labs.picture import GREY, Sheet

BETAS = (0, 0.01, 0.02, 0.05, 0.1, 0.125, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 70, 100)
RATES = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1)
UNITS, HIDDEN, BATCHES = (1, 2, 4, 8, 16), (0, 16, 32, 64, 128), (16, 32, 64, 128, 256)
SIGMAS, WARM_UPS, FREE = (0.1, 0.2, 0.3, 0.5, 1), (0, 200, 500, 1000, 2000, 5000), (0, 0.1, 0.25, 0.5, 1, 2)
ACTIVATIONS, LIKELIHOODS = ("tanh", "relu", "none"), ("bernoulli", "gaussian", "learned")

SIDE = 14
STEPS = (
    Step(
        "Press *Start*. Which digits get a place of their own first, and which lie on top of each other for long?",
        {"speed": "100 a second"},  # at full speed all is over within seconds
        ("maps", "run"),
    ),
    Step(
        "No noise, and β at 0: this is an autoencoder. Press *Start*. What does it draw in the empty places? Then set *Noise* to "
        "on and *KL weight β* to 1. What becomes of them?",
        {"noise": "off", "beta": "0"},
        ("maps", "noise"),
    ),
    Step(
        "β is 0: a code may cost what it likes. Press *Start*. How far out do the codes go, and what do digits drawn from the prior "
        "look like (bottom row)?",
        {"beta": "0"},
        ("map", "beta"),
    ),
    Step(
        "β is 20. Press *Start*. What is every picture of, and what is the rate? Then move *KL weight β* down until the clouds part.",
        {"beta": "20"},
        ("maps", "beta"),
    ),
    Step(
        "Eight units, and β at 0.5. Press *Start*. How many are active at step 1,000? Then raise *KL weight β* slowly. Which unit goes "
        "first? Was its rate the lowest just before?",
        {"latent": "8", "beta": "0.5"},
        ("units", "beta"),
    ),
    Step(
        "Four runs: with *KL weight β* at 1, then 0.1, 4 and 10. For each press *Start again*, and *Pause* near step 2,000 before you set "
        "the next β. Do the ends of the paths lie on one curve?",
        {"latent": "4"},
        ("paths", "beta", "again"),
    ),
    Step(
        "One unit: all digits on one line. Press *Start*. Which digits become neighbours, and do the drawings between them look alike?",
        {"latent": "1"},
        ("maps", "run"),
    ),
    Step(
        "A linear VAE of Gaussian pixels: its optimum on these test digits, made of principal components, stands under the number "
        "−ELBO. Press *Start*. How near does it come by step 6,000? Then raise *KL weight β*. Do all units fade at once?",
        {"hidden": "0 (linear)", "latent": "8", "likelihood": "Gaussian, σ fixed", "sigma": "0.3"},
        ("−ELBO, test", "beta"),
    ),
    Step(
        "KL warm-up: β grows from 0 to 2 in 2,000 steps. Press *Start*, and *Pause* near step 4,000. Then set *Warm-up* to 0, among the "
        "*Settings*, and press *Start again*. Do the two paths meet by then?",
        {"latent": "8", "beta": "2", "warmup": "2000"},
        ("paths", "again"),
    ),
    Step(
        "Free bits: the first half nat of every unit costs nothing. Press *Start*. How many units stop just there?",
        {"latent": "8", "beta": "4", "free": "0.5 nats"},
        ("units", "run"),
    ),
    Step(
        "A bug: the KL is averaged over eight units, not summed. Press *Start*. Which β would do the same? Set it, with "
        "*Bug* at none, press *Start again*, and compare the paths.",
        {"latent": "8", "bug": "KL averaged over units"},
        ("paths", "bug"),
    ),
    Step(
        "A bug: the reconstruction is averaged over 196 pixels. Press *Start*. What is the rate, and what is each picture of? Which β, "
        "beyond the slider's end, would do the same?",
        {"bug": "reconstruction averaged over pixels"},
        ("maps", "bug"),
    ),
    Step(
        "A bug: the loss is printed at the mean of each cloud. Press *Start*. The map is as it should be. By how many nats does the code "
        "print too good a number?",
        {"bug": "ELBO at the mean"},
        ("bug", "−ELBO, test"),
    ),
)
"""Questions that the playground answers. None starts by itself."""


def panel(settings: Mapping[str, Any], bugs: Mapping[str, Any]) -> list[Control]:
    """The controls, which begin at these settings; what begins a run anew is folded away, and what is seldom needed."""

    def numbers(name: str, label: str, options: tuple[float, ...], unit: str = "", **more: Any) -> Choice:
        words = tuple(f"{option:g}{unit}" if option < 1000 else f"{option}{unit}" for option in options)
        return Choice(name, label, words, options.index(settings[name]), **more)

    hidden = tuple("0 (linear)" if count == 0 else str(count) for count in HIDDEN)
    return [
        numbers("beta", "KL weight β", BETAS, slid=True),
        numbers("lr", "Learning rate", RATES, slid=True),
        Choice("noise", "Noise", ("on", "off"), int(not settings["sample"])),
        Choice("bug", "Bug", ("none", *bugs)),
        Press("run", "Start", on="Pause", kept=False),
        Press("advance", "Step", kept=False),
        Press("again", "Start again", kept=False),
        numbers("latent", "Units", UNITS, folded=True),
        Choice("hidden", "Hidden", hidden, HIDDEN.index(settings["hidden"]), folded=True),
        Choice(
            "activation", "Activation", ("tanh", "ReLU", "none"), ACTIVATIONS.index(settings["activation"]), folded=True
        ),
        Choice(
            "likelihood",
            "Likelihood",
            ("Bernoulli", "Gaussian, σ fixed", "Gaussian, σ learned"),
            LIKELIHOODS.index(settings["likelihood"]),
            folded=True,
        ),
        numbers("sigma", "Fixed σ", SIGMAS, folded=True),
        numbers("batch", "Batch", BATCHES, folded=True),
        Slider("seed", "Seed", 0, 20, 1, settings["seed"], folded=True),
        numbers("warmup", "Warm-up", WARM_UPS, folded=True),
        numbers("free", "Free bits", FREE, " nats", folded=True),
        Choice("speed", "Speed", ("fastest", "100 a second", "20 a second", "4 a second"), folded=True),
    ]


def draw_still(test: Tensor) -> tuple[Image, str]:
    """The playground before anything has been learned, for a page whose script does not run: uint8 (N, 196), ten first."""
    sheet = Sheet(720, 400)
    sheet.write("the prior of the codes", 10, 10)
    sheet.rectangle((10, 34, 270, 294), outline=GREY)
    for radius in (32, 64, 96):
        sheet.ellipse((140 - radius, 164 - radius, 140 + radius, 164 + radius), outline=GREY)
    sheet.write("press Start, and codes, drawings and", 300, 120)
    sheet.write("curves come to life here", 300, 142)
    sheet.show("test digits", test[:10] / 255, 10, 334, 56)
    return sheet.image, (
        "A playground that trains a variational autoencoder: an empty plane with the rings of the prior, and the first ten test digits."
    )


def caption(train: int, all_train: int, test: int, all_test: int) -> str:
    """The lines below the lab, from how many images it trains and tests on, of how many."""
    return (
        f"It trains on {train:,} of the {all_train:,} training images and is tested on {test:,} of the {all_test:,} test images, each made {SIDE} × {SIDE} pixels small. "
        "A cloud is the posterior of a test digit, out to one standard deviation; the rings are 1, 2 and 3 standard deviations of the prior. "
        "Beside it stands what is decoded at the same places, all other units at 0. "
        "Nats are per image, on test digits; dashed: training digits. They are measured with noise, also where the run has none. Grey paths are earlier runs. "
        "Units, hidden, activation, likelihood, fixed σ, batch and seed begin a new run; with all else the run goes on."
    )
