"""The networks: an encoder, a decoder, and the two ways of joining them.

`Autoencoder` puts each image at a point; `VAE` puts it in a cloud. That is the whole difference,
and the two classes differ in nothing else. `ConvVAE` is a VAE whose layers know that pixels have neighbours.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor, nn

from vae_core import checkpoint
from vae_core.checkpoint import CheckpointError
from vae_core.likelihoods import get_likelihood
from vae_core.losses import Elbo, gaussian_kl, reparameterize

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "softplus": nn.Softplus,
    "leaky-relu": nn.LeakyReLU,
}


def dense(sizes: tuple[int, ...], activation: str, bias: bool = True) -> nn.Sequential:
    """Linear layers of these sizes with an activation between each two, none after the last."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs, bias=bias), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


class Encoder(nn.Module):
    """Image -> the mean and log variance of its posterior: (B, D) -> (B, L), (B, L)."""

    def __init__(self, input_dim: int, hidden_dims: tuple[int, ...], latent_dim: int, activation: str, bias: bool):
        super().__init__()
        self.layers = dense((input_dim, *hidden_dims, 2 * latent_dim), activation, bias)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_var = self.layers(x).chunk(2, dim=-1)
        return mean, log_var


class Decoder(nn.Module):
    """Code -> what the likelihood needs for every pixel: (..., L) -> (..., D)."""

    def __init__(self, latent_dim: int, hidden_dims: tuple[int, ...], output_dim: int, activation: str, bias: bool):
        super().__init__()
        self.layers = dense((latent_dim, *hidden_dims, output_dim), activation, bias)

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Within, the model is in evaluation mode and records no gradients; then each part is back in the mode it was in."""
    modes = {part: part.training for part in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, mode in modes.items():
            part.training = mode


class LatentModel(nn.Module, ABC):
    """What every model of this book shares: its configuration, its checks, and reading images back."""

    encoder: nn.Module
    decoder: nn.Module

    def __init__(self, input_dim: int, latent_dim: int, likelihood: str, activation: str, options: dict[str, Any]):
        super().__init__()
        for name, sizes in {**options, "input_dim": input_dim, "latent_dim": latent_dim}.items():
            if any(size < 1 for size in (sizes if isinstance(sizes, list) else [sizes]) if type(size) is int):
                raise ValueError(f"{name} is {sizes}: a size must be at least 1")
        if activation not in ACTIVATIONS:
            raise ValueError(f"unknown activation {activation!r}: choose one of {', '.join(map(repr, ACTIVATIONS))}")
        self.input_dim, self.latent_dim = input_dim, latent_dim
        self.likelihood = get_likelihood(likelihood)
        shared = {"model": type(self).__name__, "latent_dim": latent_dim, "likelihood": likelihood}
        self.config: dict[str, Any] = {**shared, **options}

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return next(self.parameters()).device

    @abstractmethod
    def code(self, x: Tensor) -> Tensor:
        """The one point that stands for an image, with no noise: (B, D) -> (B, L)."""

    def decode(self, z: Tensor) -> Tensor:
        """Codes to the decoder's raw outputs, logits for a Bernoulli: (..., L) -> (..., D).

        Raises:
            ValueError: the last axis of `z` is not `latent_dim` long.
        """
        if z.shape[-1] != self.latent_dim:
            raise ValueError(f"z has shape {tuple(z.shape)}: its last axis must be latent_dim = {self.latent_dim} long")
        return self.decoder(z)

    def draw(self, z: Tensor) -> Tensor:
        """Codes as pictures: (..., L) on any device -> (..., D) in [0, 1] on the CPU, without gradients."""
        with evaluating(self):
            return self.likelihood.mean(self.decode(z.to(self.device))).cpu()

    def reconstruct(self, x: Tensor) -> Tensor:
        """Images through the bottleneck and back, with no noise: (B, D) -> (B, D) in [0, 1]."""
        return self.likelihood.mean(self.decode(self.code(x)))

    def sample(self, n: int, *, generator: Generator | None = None) -> Tensor:
        """Decode n draws from N(0, I): -> (n, D) in [0, 1]."""
        at = next(self.parameters())
        z = torch.randn(n, self.latent_dim, generator=generator, dtype=at.dtype, device=at.device)
        return self.likelihood.mean(self.decode(z))

    def check(self, x: Tensor) -> Tensor:
        """The images themselves, once they are seen to be images of this model.

        Raises:
            ValueError: not (B, input_dim), or a pixel outside [0, 1] (NaN included).
        """
        if x.ndim != 2 or x.shape[1] != self.input_dim:
            remedy = f"pass (batch, {self.input_dim}); for images of this size, x.flatten(1)"
            raise ValueError(f"x has shape {tuple(x.shape)}: {remedy}")
        if x.numel():
            low, high = x.min().item(), x.max().item()
            if not (low >= 0 and high <= 1):
                raise ValueError(f"pixels range over [{low:g}, {high:g}], not [0, 1]: divide 8-bit pixels by 255")
        return x

    def initialize_glorot(self) -> None:
        """Weights by Glorot's uniform rule, biases at zero (Glorot & Bengio 2010, eq. 16)."""
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            else:
                nn.init.xavier_uniform_(parameter)


class Autoencoder(LatentModel):
    """An encoder and a decoder around a bottleneck: each image becomes one point (Hinton & Salakhutdinov 2006).

    Its loss is the distortion alone. With the default likelihood that is the squared error, summed
    over pixels, plus a constant.

    Raises:
        ValueError: a size below 1, or an unknown likelihood or activation.
    """

    def __init__(
        self,
        input_dim: int = 784,
        hidden_dims: tuple[int, ...] = (400,),
        latent_dim: int = 20,
        likelihood: str = "squared-error",
        activation: str = "relu",
    ):
        hidden_dims = tuple(hidden_dims)
        options = {"input_dim": input_dim, "hidden_dims": list(hidden_dims), "activation": activation}
        super().__init__(input_dim, latent_dim, likelihood, activation, options)
        self.encoder = dense((input_dim, *hidden_dims, latent_dim), activation)
        self.decoder = Decoder(latent_dim, hidden_dims[::-1], input_dim, activation, bias=True)

    def encode(self, x: Tensor) -> Tensor:
        """Images to codes: (B, D) -> (B, L). Raises ValueError on wrong shapes or pixels."""
        return self.encoder(self.check(x))

    def code(self, x: Tensor) -> Tensor:
        return self.encode(x)

    def forward(self, x: Tensor, epsilon: Tensor | None = None) -> Elbo:
        """The training objective (B,): a distortion, and a rate of nothing. `epsilon` is not used."""
        distortion = -self.likelihood.log_prob(x, self.decoder(self.encoder(x)))
        return Elbo(torch.zeros_like(distortion), distortion)


class VAE(LatentModel):
    """A variational autoencoder: each image becomes a Gaussian cloud (Kingma & Welling 2013).

    `init="glorot"` and `bias=False` exist for the published systems that were built so.

    Raises:
        ValueError: a size below 1, or an unknown likelihood, activation or init.
    """

    def __init__(
        self,
        input_dim: int = 784,
        hidden_dims: tuple[int, ...] = (400,),
        latent_dim: int = 20,
        likelihood: str = "bernoulli",
        activation: str = "relu",
        *,
        bias: bool = True,
        init: str = "torch",
    ):
        hidden_dims = tuple(hidden_dims)
        shape = {"input_dim": input_dim, "hidden_dims": list(hidden_dims), "activation": activation}
        super().__init__(input_dim, latent_dim, likelihood, activation, {**shape, "bias": bias, "init": init})
        if init not in ("torch", "glorot"):
            raise ValueError(f"unknown init {init!r}: choose 'torch' or 'glorot'")
        self.encoder = Encoder(input_dim, hidden_dims, latent_dim, activation, bias)
        self.decoder = Decoder(latent_dim, hidden_dims[::-1], input_dim, activation, bias)
        if init == "glorot":
            self.initialize_glorot()

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images to posteriors: (B, D) -> mean (B, L), log_var (B, L).

        Raises:
            ValueError: wrong shape, or a pixel outside [0, 1].
        """
        return self.encoder(self.check(x))

    def code(self, x: Tensor) -> Tensor:
        return self.encode(x)[0]

    def forward(self, x: Tensor, epsilon: Tensor) -> Elbo:
        """The training objective for one given ε: x (B, D), ε (B, L) -> rate (B,), distortion (B,).

        Pixels are not checked here: this is the hot loop, and looking at them would wait for the device.
        """
        mean, log_var = self.encoder(x)
        z = reparameterize(mean, log_var, epsilon)
        return Elbo(gaussian_kl(mean, log_var), -self.likelihood.log_prob(x, self.decoder(z)))


class ConvEncoder(nn.Module):
    """Stride-2 convolutions, then one dense layer, then mean and log variance: (B, D) -> (B, L), (B, L)."""

    def __init__(self, channels: int, size: int, widths: tuple[int, ...], hidden_dim: int, latent_dim: int):
        super().__init__()
        layers: list[nn.Module] = [nn.Unflatten(1, (channels, size, size))]
        for inputs, outputs in pairwise((channels, *widths)):
            layers += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)]
            layers += [nn.BatchNorm2d(outputs), nn.LeakyReLU()]
        flat = widths[-1] * (size >> len(widths)) ** 2
        # Mean and log variance come straight from a linear layer: an activation there would bend the posterior.
        layers += [nn.Flatten(), nn.Linear(flat, hidden_dim), nn.LeakyReLU(), nn.Linear(hidden_dim, 2 * latent_dim)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_var = self.layers(x).chunk(2, dim=-1)
        return mean, log_var


class ConvDecoder(nn.Module):
    """The encoder run backwards, with transposed convolutions: (..., L) -> (..., D)."""

    def __init__(self, channels: int, size: int, widths: tuple[int, ...], hidden_dim: int, latent_dim: int):
        super().__init__()
        small = size >> len(widths)
        layers: list[nn.Module] = [nn.Linear(latent_dim, hidden_dim), nn.LeakyReLU()]
        layers += [nn.Linear(hidden_dim, widths[-1] * small**2), nn.LeakyReLU()]
        layers += [nn.Unflatten(1, (widths[-1], small, small))]
        for inputs, outputs in pairwise(widths[::-1]):
            layers += [nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=False)]
            layers += [nn.BatchNorm2d(outputs), nn.LeakyReLU()]
        layers += [nn.ConvTranspose2d(widths[0], channels, 4, stride=2, padding=1), nn.Flatten()]
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        outputs = self.layers(z.reshape(-1, z.shape[-1]))
        return outputs.reshape(*z.shape[:-1], outputs.shape[-1])


class ConvVAE(VAE):
    """A VAE of convolutions, for square images whose size is divisible by 2 ** len(widths).

    Takes and returns flat images (B, channels · size²) like every other model, so that losses,
    training and metrics need not know.

    Raises:
        ValueError: a size below 1 or that the strides do not divide, no widths, or an unknown likelihood.
    """

    def __init__(
        self,
        channels: int = 1,
        size: int = 32,
        widths: tuple[int, ...] = (8, 16, 32, 64),
        hidden_dim: int = 128,
        latent_dim: int = 20,
        likelihood: str = "bernoulli",
    ):
        widths = tuple(widths)
        if not widths:
            raise ValueError("widths is (): a convolutional network needs at least one convolution")
        if size % 2 ** len(widths):
            raise ValueError(f"size {size} cannot be halved {len(widths)} times: use a multiple of {2 ** len(widths)}")
        options = {"channels": channels, "size": size, "widths": list(widths), "hidden_dim": hidden_dim}
        LatentModel.__init__(self, channels * size**2, latent_dim, likelihood, "leaky-relu", options)
        self.encoder = ConvEncoder(channels, size, widths, hidden_dim, latent_dim)
        self.decoder = ConvDecoder(channels, size, widths, hidden_dim, latent_dim)


MODELS: dict[str, type[LatentModel]] = {"Autoencoder": Autoencoder, "VAE": VAE, "ConvVAE": ConvVAE}

WEIGHTS = Path(__file__).parent / "weights"
REMEDY = "build the model the file was saved from (its record's 'config')"


def build(config: dict[str, Any]) -> Any:
    """A fresh model from its `config`, the inverse of `model.config`.

    Raises:
        ValueError: the model's name or one of its arguments is unknown.
    """
    arguments = dict(config)
    name = arguments.pop("model", None)
    if name not in MODELS:
        raise ValueError(f"unknown model {name!r}: choose one of {', '.join(map(repr, MODELS))}")
    try:
        return MODELS[name](**arguments)
    except TypeError as error:
        raise ValueError(f"{name} cannot be built from {arguments}: {error}") from error


def save_model(path: str | Path, model: LatentModel, record: dict[str, Any] | None = None, half: bool = False) -> None:
    """Write weights, configuration and a record of how they came to be into one safetensors file.

    `half` stores float16, for weights that ship with the book.
    """
    tensors = model.state_dict()
    if half:
        tensors = {name: value.half() if value.is_floating_point() else value for name, value in tensors.items()}
    checkpoint.save(path, tensors, {**(record or {}), "config": model.config})


def load_model(path: str | Path) -> Any:
    """The model a file describes, with its weights, in evaluation mode; `model.record` says where it comes from.

    Raises:
        FileNotFoundError: no such file.
        CheckpointError: a damaged file, or weights that do not fit the configuration beside them.
    """
    tensors, record = checkpoint.load(path)
    if "config" not in record:
        raise CheckpointError(f"{path} holds no model configuration: it was not written by save_model")
    try:
        with torch.device("meta"):  # a configuration gets memory only once the weights are seen to fit it
            outline = build(record["config"])
    except (ValueError, TypeError, RuntimeError) as error:
        raise CheckpointError(f"{path} describes a model that cannot be built ({error}): train it again") from error
    check_fit(outline.state_dict(), tensors, path)
    model = build(record["config"])
    model.load_state_dict(tensors)
    model.record = record
    return model.eval()


def check_fit(wanted: dict[str, Tensor], tensors: dict[str, Tensor], path: str | Path, remedy: str = REMEDY) -> None:
    """Raise CheckpointError for the first name, shape or kind of number that is not the wanted one."""
    for name in [*wanted, *tensors]:
        if name not in wanted or name not in tensors:
            where = "missing" if name in wanted else "not part of this model"
            raise CheckpointError(f"{path}: {name} is {where}: {remedy}")
        if wanted[name].shape != tensors[name].shape:
            shapes = f"{tuple(tensors[name].shape)} here, {tuple(wanted[name].shape)} in the model"
            raise CheckpointError(f"{path}: {name} has shape {shapes}: {remedy}")
        if wanted[name].is_floating_point() != tensors[name].is_floating_point():
            types = f"{tensors[name].dtype} here, {wanted[name].dtype} in the model"
            raise CheckpointError(f"{path}: {name} is of {types}: {remedy}")


def load_pretrained(name: str) -> Any:
    """One of the small trained models the book ships with, such as "vae-2".

    Raises:
        ValueError: no weights of that name; the message lists those there are.
    """
    path = WEIGHTS / f"{name}.safetensors"
    if not path.is_file():
        there = sorted(file.stem for file in WEIGHTS.glob("*.safetensors"))
        raise ValueError(f"no pretrained model {name!r}: choose one of {', '.join(map(repr, there))}")
    return load_model(path)
