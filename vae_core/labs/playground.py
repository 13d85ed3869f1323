"""`PlaygroundLab`: train a VAE in the page: every setting a control, the field's classic bugs one switch each."""

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vae_core.colours import CLASS_COLOURS
from vae_core.data import ImageSet
from vae_core.labs.base import Lab
from vae_core.labs.bundle import bundle
from vae_core.labs.controls import State
from vae_core.labs.images import square
from vae_core.labs.pack import Block, pack_four
from vae_core.labs.scenarios import ACTIVATIONS, HIDDEN, LIKELIHOODS, SIGMAS, STEPS, UNITS, caption, draw_still, panel
from vae_core.likelihoods import Bernoulli, Gaussian
from vae_core.models import VAE

SIDE = 14  # pixels; 28 × 28 averaged two by two
TRAINING, TEST = 2048, 512  # images, where there are so many
SETTINGS = {
    "latent": 2, "hidden": 64, "activation": "tanh", "likelihood": "bernoulli", "sigma": 0.2, "batch": 64, "seed": 0,
    "beta": 1.0, "lr": 0.003, "sample": True, "warmup": 0, "free": 0.0, "bug": "",
}  # fmt: skip
"""Where a run begins. The first row starts it again when it changes, the second changes while it trains."""
OFFERED: dict[str, tuple[Any, ...]] = {
    "latent": UNITS, "hidden": HIDDEN, "activation": ACTIVATIONS, "likelihood": LIKELIHOODS, "sigma": SIGMAS,
}  # fmt: skip
"""What the controls of a network offer, in their order."""

CODE: tuple[str, ...] = (
    "x = images.float() / 255",
    "mean, log_var = encoder(x).chunk(2, dim=-1)",
    "z = mean + torch.exp(0.5 * log_var) * epsilon",
    "outputs = decoder(z)",
    "distortion = -log_prob(x, outputs).sum(-1).mean()",
    "kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var)",
    "rate = kl.mean(0).clamp(min=free_bits).sum()",
    "loss = distortion + beta * rate",
    "optimizer = torch.optim.Adam(parameters, lr=lr)",
)
"""What js/train.mjs computes at each step, in PyTorch; `log_prob` is that of each pixel."""


@dataclass(frozen=True)
class Bug:
    """One line of `CODE` as people really write it, and as it should be; and a name for small places."""

    wrong: str
    right: str
    short: str


BUGS = {
    "log variance taken for σ": Bug("z = mean + log_var * epsilon", CODE[2], "log σ² as σ"),
    "no ½": Bug("z = mean + torch.exp(log_var) * epsilon", CODE[2], "no ½"),
    "KL averaged over units": Bug("rate = kl.mean(0).clamp(min=free_bits).mean()", CODE[6], "mean of units"),
    "reconstruction averaged over pixels": Bug(
        "distortion = -log_prob(x, outputs).mean(-1).mean()", CODE[4], "mean of pixels"
    ),
    "sign of the KL": Bug("loss = distortion - beta * rate", CODE[7], "KL's sign"),
    "sigmoid twice": Bug("outputs = torch.sigmoid(decoder(z))", CODE[3], "sigmoid twice"),
    "images in 0…255": Bug("x = images.float()", CODE[0], "0…255"),
    "learning rate too high": Bug("optimizer = torch.optim.Adam(parameters, lr=100 * lr)", CODE[8], "rate × 100"),
    "ELBO at the mean": Bug("z = mean  # model.eval()", CODE[2], "told at mean"),
}
"""By the names that js/train.mjs knows. "ELBO at the mean" is wrong where a run is measured, and trains as it should."""


class PlaygroundLab(Lab):
    """Train a VAE on small digits, here and now, with every setting at hand."""

    module = "playground.mjs"
    tall = (1104, 783)  # between that in a narrow typeface and that in a wide one

    def __init__(self, images: ImageSet | None = None):
        images = square(images)[0]
        train, _, test, test_labels = small_digits(images)
        block = Block()
        spec = {
            "engine": bundle("session.mjs"),  # a text: js/trainer.mjs makes a worker of it
            "colours": CLASS_COLOURS,
            "bugs": {name: [bug.wrong, bug.right, bug.short] for name, bug in BUGS.items()},
            "components": components(train, test),
            "train": block.add(pack_four(train), "uint8"),
            "test": block.add(pack_four(test), "uint8"),
            "test_labels": block.add(test_labels, "uint8"),
        }
        controls = [*panel(SETTINGS, BUGS), State("network")]
        words = caption(len(train), len(images.train), len(test), len(images.test))
        super().__init__(controls, spec, block.data, draw_still(test), words, STEPS)

    def model(self) -> VAE:
        """The network that the browser trained, as it was when the run last stood still.

        Raises:
            ValueError: nothing has been trained yet.
        """
        network = self.canvas.network  # pyright: ignore[reportAttributeAccessIssue]
        if not network:
            raise ValueError("nothing has been trained here yet: press Start in the lab, and then Pause")
        return to_model(network, np.frombuffer(base64.b64decode(network["weights"]), "<f4"))

    def load(self, model: VAE) -> None:
        """Put a VAE into the browser, to be looked at and trained on. A σ that is none of the control's is learned on.

        Raises:
            ValueError: a model of a kind, or of a size, that the playground has no settings for.
        """
        settings, weights = from_model(model)
        if settings.get("sigma") not in (None, *SIGMAS):
            settings["likelihood"] = "learned"
            del settings["sigma"]
        for name, value in settings.items():
            if value not in OFFERED[name]:
                offered = ", ".join(map(str, OFFERED[name]))
                raise ValueError(f"the model's {name} is {value}, and the playground offers {offered}")
        for name, value in settings.items():
            self.controls[name].index = OFFERED[name].index(value)
        packed = base64.b64encode(weights.astype("<f4").tobytes()).decode()
        self.canvas.set_trait("network", {**settings, "weights": packed})


def small_digits(images: ImageSet | None = None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Images and labels to train on, images and labels to test: uint8 (N, 196) in sixteen steps of grey, int64 (N,).

    2,048 and 512 of them, or as many as there are; class after class in turn, so that any ten in a row are all ten digits.

    Raises:
        ValueError: images that are not square, or not grey.
    """
    images, _, channels = square(images)
    if channels != 1:
        raise ValueError(f"the playground takes grey images, not of {channels} channels: keep one, as images[:, :1]")
    train, train_labels = _in_turn(images.train, images.train_labels, TRAINING)
    test, test_labels = _in_turn(images.test, images.test_labels, TEST)
    return train, train_labels, test, test_labels


def _in_turn(images: Tensor, labels: Tensor, count: int) -> tuple[Tensor, Tensor]:
    classes = [(labels == label).nonzero()[:, 0] for label in labels.unique()]
    rounds = min(-(-count // len(classes)), *(len(each) for each in classes))
    chosen = torch.stack([each[:rounds] for each in classes], 1).flatten()[:count]
    small = F.adaptive_avg_pool2d(images[chosen].float(), SIDE)  # 28 × 28: the mean of two by two
    return 17 * (small / 17).round().byte().flatten(1), labels[chosen]


def components(train: Tensor, test: Tensor) -> dict[str, Any]:
    """What the optimum of a linear VAE depends on, as js/optimum.mjs reads it: uint8 (N, D) twice, one unit for each component."""
    x, seen = train.double() / 255, test.double() / 255
    variances, directions = torch.linalg.eigh(torch.cov(x.T, correction=0))
    squares = (seen - x.mean(0)).square().sum(1).mean()
    along = ((seen - x.mean(0)) @ directions).square().mean(0)
    most = max(UNITS)
    return {
        "variances": variances.flip(0)[:most].clamp(min=0).tolist(),
        "test": along.flip(0)[:most].tolist(),
        "all": squares.item(),
    }


def to_model(settings: dict, weights: np.ndarray) -> VAE:
    """The browser's network as a VAE: weights float32 in the order of the state_dict, σ last.

    A hidden layer without an activation is folded into the one after it: together they are one linear layer.

    Raises:
        ValueError: weights of another network.
    """
    latent, hidden, activation = settings["latent"], settings["hidden"], settings["activation"]
    values = torch.from_numpy(np.asarray(weights, np.float32).copy())
    linear = hidden and activation == "none"
    model = VAE(
        SIDE**2,
        (hidden,) if hidden else (),
        latent,
        "bernoulli" if settings["likelihood"] == "bernoulli" else Gaussian(std=float(values[-1])),
        "relu" if activation == "none" else activation,
    )
    count = sum(parameter.numel() for parameter in model.parameters())
    if len(values) != count + 1:
        raise ValueError(f"{len(values)} weights for a network of {count} and σ: were the settings changed since?")
    nn.utils.vector_to_parameters(values[:-1], model.parameters())
    return _folded(model) if linear else model


def _folded(model: VAE) -> VAE:
    folded = VAE(model.input_dim, (), model.latent_dim, model.likelihood)
    maps: list[tuple[Any, Any]] = [(folded.encoder, model.encoder), (folded.decoder, model.decoder)]
    with torch.no_grad():
        for whole, parts in maps:
            (only,), (first, _, second) = whole.layers, parts.layers
            only.weight.copy_(second.weight @ first.weight)
            only.bias.copy_(second.weight @ first.bias + second.bias)
    return folded


def from_model(model: VAE) -> tuple[dict, np.ndarray]:
    """The other way: the settings that a VAE says, and its weights with σ last, float32.

    Raises:
        ValueError: a model that the playground has no settings for.
    """
    config = model.config if type(model) is VAE else {}
    hidden, activation = tuple(config.get("hidden_dims", (0, 0))), config.get("activation")
    likelihood = model.likelihood
    known = isinstance(likelihood, Bernoulli) or (isinstance(likelihood, Gaussian) and not likelihood.squash)
    wanted = (
        "a VAE(196, (hidden,) or (), latent_dim) with tanh or ReLU, of Bernoulli or Gaussian(std, squash=False) pixels"
    )
    if model.input_dim != SIDE**2 or len(hidden) > 1 or not config.get("bias") or not known:
        raise ValueError(f"the playground takes {wanted}, not {config or type(model).__name__}")
    if hidden and activation not in ("tanh", "relu"):
        raise ValueError(f"the playground takes {wanted}, not the activation {activation!r}")
    sigma = getattr(likelihood, "std", 1.0)
    settings = {
        "latent": model.latent_dim,
        "hidden": hidden[0] if hidden else 0,
        "activation": activation if hidden else "none",
        "likelihood": "gaussian" if isinstance(likelihood, Gaussian) else "bernoulli",
    }
    if isinstance(likelihood, Gaussian):
        settings["sigma"] = sigma
    weights = nn.utils.parameters_to_vector(model.parameters()).detach().float().cpu().numpy()
    return settings, np.append(weights, np.float32(sigma))
