"""The networks: an encoder, a decoder, and the two ways of joining them.

`Autoencoder` puts each image at a point; `VAE` puts it in a cloud. Given the same likelihood, the two classes
differ in nothing else; left alone, an autoencoder takes the squared error and a VAE the Bernoulli. `ConvVAE` is a VAE whose layers know that pixels have neighbours,
`ConditionalVAE` one that is told what is in the picture.
A model of your own is a subclass of one of these; `saving.py` says what brings it back from a file.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import is_dataclass
from functools import wraps
from inspect import Parameter, signature
from itertools import pairwise
from os import PathLike
from typing import Any, TypeVar

import torch
from torch import Generator, Tensor, nn

from vae_core.checks import whole, whole_list
from vae_core.likelihoods import KINDS, Likelihood, as_json, describe, get_likelihood
from vae_core.losses import Elbo, gaussian_kl, reparameterize

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "softplus": nn.Softplus,
    "leaky-relu": nn.LeakyReLU,
}
"""The names that a model's `activation` may be: modules of `torch.nn`."""


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


def remembering(init: Callable[..., None]) -> Callable[..., None]:
    """The same `__init__`, which first notes its arguments by name: what `build` will pass to make the model again."""
    takes = signature(init)

    @wraps(init)
    def noted(self: Any, *args: Any, **kwargs: Any) -> None:
        if "_arguments" not in vars(self):  # else this is the `super().__init__` of a class that has noted its own
            bound = takes.bind(self, *args, **kwargs)
            bound.apply_defaults()
            arguments = dict(list(bound.arguments.items())[1:])
            for name, parameter in takes.parameters.items():
                if parameter.kind is Parameter.VAR_KEYWORD:
                    arguments.update(arguments.pop(name))
            vars(self)["_arguments"] = {name: as_json(value) for name, value in arguments.items()}
        init(self, *args, **kwargs)

    return noted


def out_of_range(pixels: Tensor, slack: float = 0.0) -> str:
    """Where pixels lie, in words, if not in [0, 1] (NaN included); nothing if they do. `slack` is for rounding."""
    if not pixels.numel():
        return ""
    low, high = pixels.min().item(), pixels.max().item()
    return "" if low >= -slack and high <= 1 + slack else f"pixels range over [{low:g}, {high:g}]"


class LatentModel(nn.Module, ABC):
    """What every model of this book shares: its configuration, its checks, and reading images back."""

    encoder: nn.Module
    decoder: nn.Module
    likelihood: Any  # a `Likelihood`
    record: dict[str, Any]
    """Where its weights come from, if they come from a file."""
    _arguments: dict[str, Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            cls.__init__ = remembering(cls.__init__)

    def __init__(self, input_dim: int, latent_dim: int, likelihood: str | Likelihood, activation: str = "relu"):
        super().__init__()
        if isinstance(input_dim, tuple):
            raise ValueError(f"input_dim is {tuple(input_dim)}: images are flat here, so pass the product of these")
        self.input_dim, self.latent_dim = whole("input_dim", input_dim), whole("latent_dim", latent_dim)
        if activation not in ACTIVATIONS:
            raise ValueError(f"unknown activation {activation!r}: choose one of {', '.join(map(repr, ACTIVATIONS))}")
        self.likelihood = get_likelihood(likelihood)

    @property
    def config(self) -> dict[str, Any]:
        """What `build` makes such a model from: its class, the arguments it was made with, the likelihood it has now."""
        return {"model": type(self).__name__, **self._arguments, "likelihood": describe(self.likelihood)}

    @property
    def code_dim(self) -> int:
        """How many numbers `decode` takes: `latent_dim`, and of a model that is told more, that too."""
        return self.latent_dim

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
            ValueError: no numbers, or the last axis of `z` is not `latent_dim` long.
        """
        z = self._as_tensor("z", z)
        if z.shape[-1:] != (self.code_dim,):
            raise ValueError(f"z has shape {tuple(z.shape)}: its last axis must be {self._code_in_words()} long")
        return self.decoder(z)

    def _code_in_words(self) -> str:
        return f"latent_dim = {self.latent_dim}"

    def told(self, x: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """The pixels of x (B, D), and its codes z (..., B, L) with what x says behind its pixels: here nothing."""
        return x, z

    def draw(self, z: Tensor) -> Tensor:
        """Codes as pictures: (..., L), a tensor on any device or an array -> (..., D) in [0, 1] on the CPU, without gradients.

        Pictures are made in evaluation mode, here and in the two methods below.

        Raises:
            ValueError: no numbers, a last axis that is not `latent_dim` long, or a likelihood whose mean is no pixel.
        """
        with evaluating(self):
            return self._pixels(self.decode(z)).cpu()

    def reconstruct(self, x: Tensor) -> Tensor:
        """Images through the bottleneck and back, with no noise and no gradients: (B, D) -> (B, D) in [0, 1]."""
        with evaluating(self):
            return self._pixels(self.decode(self.code(x)))

    def sample(self, n: int, *, generator: Generator | None = None) -> Tensor:
        """Decode n draws from N(0, I), without gradients: -> (n, D) in [0, 1].

        Raises:
            ValueError: `n` is no whole number of 0 or more, or a likelihood whose mean is no pixel.
        """
        at = next(self.parameters())
        z = torch.randn(whole("n", n, 0), self.latent_dim, generator=generator, dtype=at.dtype, device=at.device)
        with evaluating(self):
            return self._pixels(self.decode(z))

    def _pixels(self, outputs: Tensor) -> Tensor:
        """What the likelihood makes of the decoder's outputs, once it is seen to be pixels."""
        pixels = self.likelihood.mean(outputs)
        if wrong := out_of_range(pixels):
            name = type(self.likelihood).__name__
            remedy = "a likelihood's mean is a pixel, so let it clamp or squash (torch.sigmoid)"
            raise ValueError(
                f"{name}.mean gives {wrong}, not [0, 1]: {remedy}; where they are NaN, train the model anew"
            )
        return pixels

    def check(self, x: Tensor) -> Tensor:
        """The images themselves, once they are seen to be images of this model.

        Raises:
            ValueError: no numbers, not (B, input_dim), or a pixel outside [0, 1] (NaN included).
        """
        x = self._as_tensor("x", x)
        if x.ndim != 2 or x.shape[1] != self.input_dim:
            remedy = f"pass (batch, {self.input_dim}); for images of this size, x.flatten(1)"
            raise ValueError(f"x has shape {tuple(x.shape)}: {remedy}")
        if wrong := out_of_range(x):
            raise ValueError(f"{wrong}, not [0, 1]: divide 8-bit pixels by 255")
        return x

    def _as_tensor(self, name: str, values: Any) -> Tensor:
        """Any tensor, array or list as a tensor of the weights' kind, where they are. Raises ValueError for what is none."""
        like = next(self.parameters())
        if isinstance(values, Tensor):
            return values.to(like.device, like.dtype)
        try:
            return torch.as_tensor(values, dtype=like.dtype, device=like.device)
        except (TypeError, ValueError, RuntimeError) as error:
            raise ValueError(f"{name} is of {type(values).__name__}: pass a tensor or an array ({error})") from error

    def initialize_glorot(self) -> None:
        """Weights by Glorot's uniform rule, biases at zero (Glorot & Bengio 2010, eq. 16)."""
        for part in (self.encoder, self.decoder):  # a likelihood's own numbers begin where it says
            for name, parameter in part.named_parameters():
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
        likelihood: str | Likelihood = "squared-error",
        activation: str = "relu",
    ):
        hidden_dims = whole_list("hidden_dims", hidden_dims)
        super().__init__(input_dim, latent_dim, likelihood, activation)
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

    `likelihood` is a name in LIKELIHOODS or an object with `log_prob` and `mean`. `init="glorot"` and `bias=False` exist for the published systems that were built so.

    Raises:
        ValueError: a size below 1, or an unknown likelihood, activation or init.
    """

    def __init__(
        self,
        input_dim: int = 784,
        hidden_dims: tuple[int, ...] = (400,),
        latent_dim: int = 20,
        likelihood: str | Likelihood = "bernoulli",
        activation: str = "relu",
        *,
        bias: bool = True,
        init: str = "torch",
    ):
        hidden_dims = whole_list("hidden_dims", hidden_dims)
        super().__init__(input_dim, latent_dim, likelihood, activation)
        if init not in ("torch", "glorot"):
            raise ValueError(f"unknown init {init!r}: choose 'torch' or 'glorot'")
        self.encoder = Encoder(input_dim, hidden_dims, latent_dim, activation, bias)
        self.decoder = Decoder(latent_dim, hidden_dims[::-1], input_dim, activation, bias)
        if init == "glorot":
            self.initialize_glorot()

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images to posteriors: (B, D) -> mean (B, L), log_var (B, L).

        Raises:
            ValueError: no numbers, wrong shape, or a pixel outside [0, 1].
        """
        return self.encoder(self.check(x))

    def code(self, x: Tensor) -> Tensor:
        return self.encode(x)[0]

    def __call__(self, x: Tensor, epsilon: Tensor | None = None) -> Elbo:
        """`forward`, with ε (B, L) drawn here if none is given.

        A loss of your own is a `forward(x, epsilon)` of your own that returns an `Elbo`: `fit` minimizes its `loss`.
        """
        if epsilon is None:
            epsilon = torch.randn(len(x), self.latent_dim, dtype=x.dtype, device=x.device)
        return super().__call__(x, epsilon)

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
        likelihood: str | Likelihood = "bernoulli",
    ):
        widths = whole_list("widths", widths)
        for name, given in {"channels": channels, "size": size, "hidden_dim": hidden_dim}.items():
            whole(name, given)
        if not widths:
            raise ValueError("widths is (): a convolutional network needs at least one convolution")
        if size % 2 ** len(widths):
            raise ValueError(f"size {size} cannot be halved {len(widths)} times: use a multiple of {2 ** len(widths)}")
        LatentModel.__init__(self, channels * size**2, latent_dim, likelihood)
        self.encoder = ConvEncoder(channels, size, widths, hidden_dim, latent_dim)
        self.decoder = ConvDecoder(channels, size, widths, hidden_dim, latent_dim)


class ConditionalVAE(VAE):
    """A VAE that is told the class, and so need not send it: p(x | z, y) and q(z | x, y) (Sohn et al. 2015).

    The class y goes along as `classes` more numbers, a 1 among 0s: behind the pixels of a picture, where `ImageSet.with_classes` puts
    them, and behind a code, where `join` does. So `input_dim` counts D pixels and the classes; all that takes pictures of the other
    models takes (B, D + classes) here, `decode` and `draw` take (..., L + classes), and what is drawn has D pixels.

    Raises:
        ValueError: a size below 1, `classes` that leave no pixel, or an unknown likelihood or activation.
    """

    def __init__(
        self,
        input_dim: int = 794,
        hidden_dims: tuple[int, ...] = (400,),
        latent_dim: int = 20,
        classes: int = 10,
        likelihood: str | Likelihood = "bernoulli",
        activation: str = "relu",
    ):
        hidden_dims = whole_list("hidden_dims", hidden_dims)
        LatentModel.__init__(self, input_dim, latent_dim, likelihood, activation)
        self.classes = whole("classes", classes)
        if classes >= input_dim:
            counted = f"input_dim = {input_dim} counts pixels and classes"
            raise ValueError(f"classes is {classes}, and {counted}: pass images.with_classes().input_dim")
        self.encoder = Encoder(input_dim, hidden_dims, latent_dim, activation, bias=True)
        self.decoder = Decoder(latent_dim + classes, hidden_dims[::-1], input_dim - classes, activation, bias=True)

    @property
    def code_dim(self) -> int:
        """How many numbers `decode` takes: L + classes."""
        return self.latent_dim + self.classes

    def _code_in_words(self) -> str:
        return f"latent_dim + classes = {self.code_dim} (join(z, label) puts the class behind z)"

    def join(self, z: Tensor, label: Tensor | int) -> Tensor:
        """Codes with the class behind them: z (..., L), label int64 (...) or one for all -> (..., L + classes).

        Raises:
            ValueError: a class that is not there, or labels that do not go with the codes.
        """
        label = torch.as_tensor(label, device=z.device)
        if label.dtype not in (torch.int64, torch.int32, torch.uint8):
            raise ValueError(f"label is of {label.dtype}, and a class is a whole number from 0 to {self.classes - 1}")
        wrong = label[(label < 0) | (label >= self.classes)].flatten()
        if len(wrong):
            raise ValueError(f"label {wrong[0].item()} is no class of this model: it has 0 to {self.classes - 1}")
        try:
            label = label.long().expand(z.shape[:-1])
        except RuntimeError:
            shapes = f"labels have shape {tuple(label.shape)} and codes {tuple(z.shape)}"
            raise ValueError(f"{shapes}: pass one label for each code, or one for all") from None
        return torch.cat([z, nn.functional.one_hot(label, self.classes).to(z.dtype)], -1)

    def check(self, x: Tensor) -> Tensor:
        """The images themselves, once they are seen to be images of this model, each with its class."""
        pixels, shape = self.input_dim - self.classes, getattr(x, "shape", ())
        if len(shape) == 2 and shape[1] == pixels:
            remedy = f"images.with_classes() puts {self.classes} classes behind {pixels} pixels"
            raise ValueError(f"x has shape {tuple(shape)} and does not say the class: {remedy}")
        return super().check(x)

    def code(self, x: Tensor) -> Tensor:
        """The mean of each posterior, its class behind it: (B, D + classes) -> (B, L + classes)."""
        return self.told(self._as_tensor("x", x), self.encode(x)[0])[1]

    def told(self, x: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """The pixels of x, and its codes with its class behind them: z (..., B, L) -> (B, D), (..., B, L + classes)."""
        pixels, label = x.split([self.input_dim - self.classes, self.classes], -1)
        return pixels, torch.cat([z, label.expand(*z.shape[:-1], -1)], -1)

    def sample(self, n: int, label: Tensor | int | None = None, *, generator: Generator | None = None) -> Tensor:
        """Decode n draws from N(0, I) as this class, one for all or (n,); where none is said, each as likely: -> (n, D) in [0, 1].

        Raises:
            ValueError: `n` is no whole number of 0 or more, or a class that is not there.
        """
        at = next(self.parameters())
        z = torch.randn(whole("n", n, 0), self.latent_dim, generator=generator, dtype=at.dtype, device=at.device)
        if label is None:
            label = torch.randint(self.classes, (n,), generator=generator, device=at.device)
        with evaluating(self):
            return self._pixels(self.decode(self.join(z, label)))

    def forward(self, x: Tensor, epsilon: Tensor) -> Elbo:
        """The training objective for one given ε, a bound on log p(x | y): x (B, D + classes), ε (B, L) -> rate (B,), distortion (B,)."""
        mean, log_var = self.encoder(x)
        pixels, code = self.told(x, reparameterize(mean, log_var, epsilon))
        return Elbo(gaussian_kl(mean, log_var), -self.likelihood.log_prob(pixels, self.decoder(code)))


def check_model(name: str, model: Any) -> None:
    """Raise ValueError for what is no model of this book: other networks, a class that is still to be called, a path."""
    if not isinstance(model, LatentModel):
        shown = repr(model) if isinstance(model, type | str | PathLike) else f"of {type(model).__name__}"
        remedy = "VAE() is one; for networks of your own subclass VAE, or make them its encoder and decoder"
        raise ValueError(f"{name} is {shown}, which is no LatentModel: {remedy}")


MODELS: dict[str, type[LatentModel]] = {kind.__name__: kind for kind in (Autoencoder, VAE, ConvVAE, ConditionalVAE)}
"""The classes that a configuration may name; `register` adds those of your own."""

Class = TypeVar("Class", bound=type)


def register(cls: Class) -> Class:
    """Let a configuration name a class of your own, so that `load_model` can make it again: a decorator.

    Of a model, the arguments that it is made with must be numbers, words, or lists of them. A likelihood must be a
    dataclass, with the same kind of fields. Where a file is loaded, the class must have been registered first.

    Raises:
        ValueError: neither a model nor such a likelihood, or a name that another class has.
    """
    kind: Any = cls
    if isinstance(kind, type) and issubclass(kind, LatentModel):
        known: dict[str, Any] = MODELS
    elif isinstance(kind, type) and is_dataclass(kind) and issubclass(kind, Likelihood):
        known = KINDS
    else:
        likelihood = "a likelihood that is a dataclass (@register above @dataclass) with log_prob and mean"
        raise ValueError(f"{cls!r} cannot be registered: it must be a subclass of LatentModel, or {likelihood}")
    name, there = cls.__name__, known.get(cls.__name__, cls)
    if (there.__module__, there.__qualname__) != (cls.__module__, cls.__qualname__):  # a cell may be run again
        where = f"{there.__module__}.{there.__qualname__}"
        raise ValueError(f"the name {name!r} is taken by {where}: give the class another")
    known[name] = cls
    return cls


def build(config: dict[str, Any]) -> Any:
    """A fresh model from its `config`, the inverse of `model.config`.

    Raises:
        ValueError: the model's name or one of its arguments is unknown.
    """
    arguments = dict(config)
    name = arguments.pop("model", None)
    if name not in MODELS:
        own = "one of your own must be registered first (@vae_core.register)"
        raise ValueError(f"unknown model {name!r}: choose one of {', '.join(map(repr, MODELS))}; {own}")
    kind, later = MODELS[name], {}
    if "likelihood" not in signature(kind.__init__).parameters:  # somebody's own, with one likelihood for all
        later = {key: arguments.pop(key) for key in ("likelihood",) if key in arguments}
    try:
        model = kind(**arguments)
    except TypeError as error:
        raise ValueError(f"{name} cannot be built from {arguments}: {error}") from error
    if later:
        model.likelihood = get_likelihood(later["likelihood"])
    return model
