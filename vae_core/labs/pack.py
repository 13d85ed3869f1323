"""A model's weights on their way to the browser: a little JSON and one block of bytes, and the way back.

A layer travels as 8-bit integers with one float32 scale a row, or a channel of what a convolution gives: a quarter of the
size, for about a hundredth of a nat. Where that is too much, dense layers travel as the 6-bit integers of rounding.py: one
letter of base64 a weight. `unpack_network` rebuilds the PyTorch network that computes with exactly those numbers.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_eval, fuse_linear_bn_eval

from vae_core.labs.rounding import Rounded, round_network
from vae_core.likelihoods import Bernoulli, DiscretizedLogistic, Gaussian, LearnedGaussian, describe
from vae_core.models import ACTIVATIONS, VAE, LatentModel, evaluating

ALIGNMENT = 12  # of 4, for a Float32Array may lie on any array; of 3, for its base64 begins with a letter of its own
DTYPES = {"uint8": np.uint8, "int8": np.int8, "int6": np.int8, "float16": np.float16, "float32": np.float32}
ACTIVATION_NAMES = {kind: name for name, kind in ACTIVATIONS.items()}
KNOWN = "dense layers and transposed convolutions"
PROBE = torch.linspace(-30, 30, 61)  # where an activation must be the one that nn.mjs has

Ref = dict[str, Any]
"""Where an array lies in a block: {"dtype", "shape", "at", "bytes"}."""


class Block:
    """Arrays laid one after another into one block of bytes."""

    def __init__(self) -> None:
        self.data = b""

    def add(self, values: Any, dtype: str) -> Ref:
        """Append an array in this format (a key of `DTYPES`) and return the reference the browser finds it by.

        Raises:
            ValueError: a value that is not finite, or does not fit into the format.
        """
        wide = np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values)
        if not np.isfinite(wide).all():
            raise ValueError("an array for the browser holds values that are not finite: is the model trained?")
        with np.errstate(over="ignore", invalid="ignore"):
            array = wide.astype(DTYPES[dtype])
        fits = np.isfinite(array).all() if dtype.startswith("float") else (array == wide).all()
        if dtype == "int6":
            fits = fits and -32 <= wide.min() and wide.max() <= 31
        if not fits:
            raise ValueError(f"values from {wide.min():g} to {wide.max():g} do not fit into {dtype}")
        self.data += bytes(-len(self.data) % ALIGNMENT)
        at = len(self.data)
        self.data += _pack_six(array) if dtype == "int6" else array.astype(array.dtype.newbyteorder("<")).tobytes()
        return {"dtype": dtype, "shape": list(array.shape), "at": at, "bytes": len(self.data) - at}


def read(data: bytes, ref: Ref) -> np.ndarray:
    """The array that `ref` points to in a block."""
    dtype = np.dtype(DTYPES[ref["dtype"]]).newbyteorder("<")
    count = int(np.prod(ref["shape"]))
    if ref["dtype"] == "int6":
        return _unpack_six(data, count, ref["at"]).reshape(ref["shape"])
    return np.frombuffer(data, dtype, count, ref["at"]).reshape(ref["shape"])


def _pack_six(array: np.ndarray) -> bytes:
    """Integers from −32 to 31, four in three bytes, highest bits first: the order in which base64 reads them."""
    bits = (array.astype(np.int16).ravel() + 32).astype(np.uint8)
    return np.packbits(np.unpackbits(bits[:, None], axis=1)[:, 2:]).tobytes()


def _unpack_six(data: bytes, count: int, at: int) -> np.ndarray:
    packed = np.frombuffer(data, np.uint8, (6 * count + 7) // 8, at)
    bits = np.unpackbits(packed, count=6 * count).reshape(count, 6)
    return (np.packbits(bits, axis=1)[:, 0] >> 2).astype(np.int8) - np.int8(32)


def pack_four(images: Tensor) -> np.ndarray:
    """uint8 (N, D) in sixteen steps of grey -> (N, D / 2), two pixels in a byte, as `unpackFour` of js/four.mjs reads them."""
    steps = (images // 17).numpy()
    return steps[:, ::2] << 4 | steps[:, 1::2]


def pack_network(network: nn.Module, block: Block, rounded: Sequence[Rounded] = ()) -> list[dict[str, Any]]:
    """Layers one after another -> the list that `Network` in nn.mjs is made from.

    `network` is a Sequential, or an encoder or decoder that has one as its `layers`: of dense layers, transposed
    convolutions, batch normalisation after either, and activations. What has weights travels in 8 bits; dense layers, as
    `rounded` has them (`round_network`), in 6, and then input by input: what neighbouring pixels get is alike, and zero at
    the edge, so that a tenth less travels.

    Raises:
        ValueError: a layer of another kind, or one with settings that nn.mjs does not have.
    """
    packed: list[dict[str, Any]] = []
    in_six_bits = iter(rounded)
    image: tuple[int, ...] = ()  # (channels, height, width) of what comes to the next layer, nothing where that is flat
    for layer in plain(network):
        if isinstance(layer, nn.Linear | nn.ConvTranspose2d):
            weight, scale, bias = next(in_six_bits) if rounded else _round_to_8_bits(layer)
            sizes, image = _sizes(layer, image)
            packed.append(
                {
                    **sizes,
                    "activation": "identity",
                    "weight": block.add(weight.T, "int6") if rounded else block.add(weight, "int8"),
                    "scale": block.add(scale, "float16" if rounded else "float32"),
                    "bias": None if bias is None else block.add(bias, "float16" if rounded else "float32"),
                }
            )
        elif isinstance(layer, nn.Unflatten) and not image and layer.dim in (1, -1):
            image = _unflattened(layer)
        elif isinstance(layer, nn.Flatten) and (layer.start_dim, layer.end_dim) == (1, -1):
            image = ()
        elif type(layer) in ACTIVATION_NAMES and packed and packed[-1]["activation"] == "identity":
            packed[-1]["activation"] = name = ACTIVATION_NAMES[type(layer)]
            if not torch.equal(layer(PROBE.clone()), ACTIVATIONS[name]()(PROBE)):
                raise ValueError(f"a lab knows {ACTIVATIONS[name]()}, not {layer}: its settings do not travel")
        elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            raise ValueError(f"a lab takes {layer} only right after one of the {KNOWN}, as a part of it")
        else:
            shown = type(layer).__name__ if [*layer.children()] else layer
            raise ValueError(f"a lab can take {KNOWN} to the browser, not {shown}")
    if not packed:
        raise ValueError(f"a lab can take {KNOWN} to the browser, and this network has none")
    return packed


def plain(network: nn.Module) -> nn.Sequential:
    """The layers of `network` as the browser has them: PyTorch's own, with batch normalisation folded into what stands before it.

    Raises:
        ValueError: batch normalisation that takes its statistics from each batch.
    """
    layers: list[nn.Module] = []
    with evaluating(network):
        for layer in getattr(network, "layers", network).children():
            before = layers[-1] if layers else None
            if not isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
                layers.append(_bare(layer))
            elif layer.running_mean is None:
                raise ValueError(f"{layer} takes its statistics from each batch: a lab needs track_running_stats=True")
            elif isinstance(before, nn.Linear) and isinstance(layer, nn.BatchNorm1d):
                layers[-1] = fuse_linear_bn_eval(before, layer)
            elif isinstance(before, nn.ConvTranspose2d) and isinstance(layer, nn.BatchNorm2d):
                layers[-1] = fuse_conv_bn_eval(before, layer, transpose=True)
            else:
                layers.append(layer)  # `pack_network` refuses it, after what stands before it
    return nn.Sequential(*layers)


def _bare(layer: nn.Module) -> nn.Module:
    """Of a layer with weights these alone, in PyTorch's own: whatever a subclass or a hook adds, `_is_stack` then finds."""
    if not isinstance(layer, nn.Linear | nn.ConvTranspose2d):
        return layer
    bias: Any = layer.bias
    if isinstance(layer, nn.Linear):
        bare = nn.Linear(layer.in_features, layer.out_features, bias is not None)
    else:
        sizes: Any = (layer.kernel_size, layer.stride, layer.padding, layer.output_padding)
        kind: dict[str, Any] = {"groups": layer.groups, "bias": bias is not None, "dilation": layer.dilation}
        bare = nn.ConvTranspose2d(layer.in_channels, layer.out_channels, *sizes, **kind)
    bare.weight.data = layer.weight.detach()
    if bias is not None:
        bare.bias = nn.Parameter(bias.detach())
    return bare.eval()


def _sizes(layer: nn.Linear | nn.ConvTranspose2d, image: tuple[int, ...]) -> tuple[dict[str, Any], tuple[int, ...]]:
    """How many numbers come and go, and of a convolution its geometry; the image that goes, nothing where that is flat."""
    if isinstance(layer, nn.Linear):
        if image:
            raise ValueError(f"a lab takes {layer} where its inputs are flat: put nn.Flatten() before it")
        return {"inputs": layer.in_features, "outputs": layer.out_features}, ()
    settings = {"kernel_size": layer.kernel_size, "stride": layer.stride, "padding": layer.padding}
    settings["output_padding"] = layer.output_padding
    if layer.groups != 1 or layer.dilation != (1, 1) or any(across != down for down, across in settings.values()):
        raise ValueError(
            f"a lab takes transposed convolutions of one group, undilated, the same both ways, not {layer}"
        )
    if image[:1] != (layer.in_channels,):
        raise ValueError(f"a lab must know height and width of what comes to {layer}: put nn.Unflatten before it")
    kernel, stride, padding, spare = (down for down, _ in settings.values())
    height, width = image[1:]
    after = [(side - 1) * stride - 2 * padding + kernel + spare for side in (height, width)]
    geometry = {"height": height, "width": width, "kernel": kernel, "stride": stride, "padding": padding}
    sizes = {"inputs": math.prod(image), "outputs": layer.out_channels * math.prod(after)}
    return {**sizes, "transposed": {**geometry, "spare": spare}}, (layer.out_channels, *after)


def _unflattened(layer: nn.Unflatten) -> tuple[int, ...]:
    """(channels, height, width). Raises ValueError for anything else."""
    shape = tuple(layer.unflattened_size)
    if len(shape) != 3 or not all(isinstance(size, int) and size > 0 for size in shape):
        raise ValueError(f"a lab takes nn.Unflatten(1, (channels, height, width)), each a number, not {layer}")
    return shape


def pack_decoder(model: LatentModel, block: Block, codes: Tensor | None = None) -> dict[str, Any]:
    """A model's decoder and what its outputs mean.

    Where codes (N, L) are given, dense layers travel in six bits a weight, held to what the decoder gives there. A
    decoder with convolutions travels in eight all the same.

    Raises:
        ValueError: a likelihood that the browser does not know, or a decoder that is more than such layers in turn.
    """
    refuse_unknown(model)
    pack_network(model.decoder, Block())  # for what it refuses
    network = plain(model.decoder)
    if not _is_stack(model, network):
        raise ValueError("a lab shows layers in turn, and what this model decodes is not what its layers give")
    convolves = any(isinstance(layer, nn.ConvTranspose2d) for layer in network)
    rounded = () if codes is None or convolves else round_network(network, codes, model.likelihood)
    return {"layers": pack_network(network, block, rounded), "likelihood": in_numbers(model.likelihood)}


def pack_encoder(model: VAE, block: Block) -> dict[str, Any]:
    """A VAE's encoder, which gives the mean and then the log variance of a posterior.

    Raises:
        ValueError: an encoder that is more than dense layers in turn.
    """
    remedy = "a lab that encodes in the browser takes a VAE of dense layers, as VAE(784, (400,), 20)"
    network = plain(model.encoder)
    try:
        layers = pack_network(network, block)
    except ValueError as error:
        raise ValueError(f"{error}: {remedy}") from None
    x = torch.rand(8, model.input_dim, generator=torch.Generator().manual_seed(0)).to(next(model.parameters()))
    with evaluating(model):
        found, (mean, log_var) = network(x), model.encode(x)
    if not torch.allclose(found, torch.cat([mean, log_var], -1), rtol=1e-3, atol=1e-4):
        raise ValueError(f"what this model encodes is not what its encoder's layers give in turn: {remedy}")
    return {"layers": layers}


def _is_stack(model: LatentModel, network: nn.Sequential) -> bool:
    """Whether `decode` is these layers one after another, and nothing besides."""
    z = torch.randn(8, model.code_dim, generator=torch.Generator().manual_seed(0)).to(next(model.parameters()))
    # a GPU would convolve with ten bits, and differently with folded weights
    with evaluating(model), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        try:
            in_turn = network(z).flatten(1)
        except RuntimeError:  # they do not fit each other
            return False
        decoded = model.decode(z)
    return in_turn.shape == decoded.shape and torch.allclose(in_turn, decoded, rtol=1e-3, atol=1e-4)


def in_numbers(likelihood: Any) -> str | dict[str, Any]:
    """A likelihood as the browser knows it: what was learned is a number there."""
    if isinstance(likelihood, LearnedGaussian):
        return describe(Gaussian(likelihood.std, squash=True))
    if isinstance(likelihood, DiscretizedLogistic):
        return {"name": "DiscretizedLogistic", "scale": likelihood.scale}
    return describe(likelihood)


KNOWN_PIXELS = (Bernoulli, Gaussian, LearnedGaussian, DiscretizedLogistic)


def refuse_unknown(model: LatentModel, known: tuple[type, ...] = KNOWN_PIXELS) -> None:
    """Raise ValueError for a model whose likelihood is not of a type that a lab can count with: the object's own type counts."""
    if type(model.likelihood) not in known:
        names = " or ".join(kind.__name__ for kind in known)
        raise ValueError(f"this lab shows {names} pixels, and cannot count as {model.likelihood} does")


def _round_to_8_bits(layer: nn.Linear | nn.ConvTranspose2d) -> tuple[Tensor, Tensor, Tensor | None]:
    """Each weight rounded by itself: integers from −127 to 127 (outputs, inputs), scale (outputs,), bias.

    Of a convolution outputs are channels, and inputs the numbers that go into one: channels, then the kernel's rows.
    """
    weight = layer.weight.detach().float().cpu()
    weight = weight if isinstance(layer, nn.Linear) else weight.transpose(0, 1).flatten(1)
    scale = weight.abs().amax(1).clamp_min(1e-12) / 127
    return (weight / scale[:, None]).round(), scale, layer.bias


def unpack_network(packed: list[dict[str, Any]], data: bytes) -> nn.Sequential:
    """The PyTorch network whose weights are the very numbers that the browser was given: (L,) or (B, L) -> (D,) or (B, D)."""

    def array(ref: Ref) -> Tensor:
        return torch.from_numpy(read(data, ref).astype(np.float32))

    layers: list[nn.Module] = []
    for layer in packed:
        weight = array(layer["weight"])
        weight = (weight.T if layer["weight"]["dtype"] == "int6" else weight) * array(layer["scale"])[:, None]
        made, around = _unpacked(layer, weight)
        if layer["bias"] is not None:
            made.bias = nn.Parameter(array(layer["bias"]))
        layers += [*around[:1], made, *around[1:]]
        if layer["activation"] != "identity":
            layers.append(ACTIVATIONS[layer["activation"]]())
    return nn.Sequential(*layers)


def _unpacked(layer: dict[str, Any], weight: Tensor) -> tuple[nn.Linear | nn.ConvTranspose2d, list[nn.Module]]:
    """A layer with these weights and no bias yet, and what stands before and after it."""
    if "transposed" not in layer:
        made = nn.Linear(layer["inputs"], layer["outputs"], bias=False)
        made.weight.data = weight
        return made, []
    sizes = ("height", "width", "kernel", "stride", "padding", "spare")
    height, width, kernel, stride, padding, spare = (layer["transposed"][size] for size in sizes)
    channels = layer["inputs"] // (height * width)
    made = nn.ConvTranspose2d(channels, len(weight), kernel, stride, padding, spare, bias=False)
    made.weight.data = weight.unflatten(1, (channels, kernel, kernel)).transpose(0, 1).contiguous()
    return made, [nn.Unflatten(-1, (channels, height, width)), nn.Flatten(-3)]
