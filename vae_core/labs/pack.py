"""A model's weights on their way to the browser: a little JSON and one block of bytes, and the way back.

A dense layer travels as 8-bit integers with one float32 scale a row: a quarter of the size, for about a
hundredth of a nat. Where that is too much, it travels as the 6-bit integers of rounding.py: one letter of base64 a
weight. `unpack_dense` rebuilds the PyTorch network that computes with exactly those numbers.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vae_core.labs.rounding import Rounded, round_network
from vae_core.likelihoods import Bernoulli, Gaussian, describe
from vae_core.models import ACTIVATIONS, LatentModel, evaluating

ALIGNMENT = 12  # of 4, for a Float32Array may lie on any array; of 3, for its base64 begins with a letter of its own
DTYPES = {"uint8": np.uint8, "int8": np.int8, "int6": np.int8, "float16": np.float16, "float32": np.float32}
ACTIVATION_NAMES = {kind: name for name, kind in ACTIVATIONS.items()}
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


def pack_dense(network: nn.Module, block: Block, rounded: Sequence[Rounded] = ()) -> list[dict[str, Any]]:
    """Linear layers and the activations between them -> the list that `Network` in nn.mjs is made from.

    `network` is a Sequential, or an encoder or decoder that has one as its `layers`. Its linear layers
    travel in 8 bits, or as `rounded` has them (`round_network`), in 6, and then input by input: what neighbouring
    pixels get is alike, and zero at the edge, so that a tenth less travels.

    Raises:
        ValueError: a layer of another kind, or an activation with settings of its own.
    """
    packed: list[dict[str, Any]] = []
    in_six_bits = iter(rounded)
    for layer in getattr(network, "layers", network).children():
        if isinstance(layer, nn.Linear):
            weight, scale, bias = next(in_six_bits) if rounded else _round_to_8_bits(layer)
            packed.append(
                {
                    "inputs": layer.in_features,
                    "outputs": layer.out_features,
                    "activation": "identity",
                    "weight": block.add(weight.T, "int6") if rounded else block.add(weight, "int8"),
                    "scale": block.add(scale, "float16" if rounded else "float32"),
                    "bias": None if bias is None else block.add(bias, "float16" if rounded else "float32"),
                }
            )
        elif type(layer) in ACTIVATION_NAMES and packed and packed[-1]["activation"] == "identity":
            packed[-1]["activation"] = name = ACTIVATION_NAMES[type(layer)]
            if not torch.equal(layer(PROBE.clone()), ACTIVATIONS[name]()(PROBE)):
                raise ValueError(f"a lab knows {ACTIVATIONS[name]()}, not {layer}: its settings do not travel")
        else:
            raise ValueError(f"a lab can take dense layers to the browser, not {type(layer).__name__}")
    if not packed:
        raise ValueError("a lab can take dense layers to the browser, and this network has none")
    return packed


def pack_decoder(model: LatentModel, block: Block, codes: Tensor | None = None) -> dict[str, Any]:
    """A model's decoder and what its outputs mean; in six bits a weight where codes (N, L) are given to hold it to.

    Raises:
        ValueError: a likelihood that the browser does not know, or a decoder that is more than dense layers in turn.
    """
    refuse_unknown(model)
    pack_dense(model.decoder, Block())  # for what it refuses
    if not _is_stack(model):
        raise ValueError("a lab shows dense layers in turn, and what this model decodes is not what its layers give")
    rounded = () if codes is None else round_network(model.decoder, codes, model.likelihood)
    return {"layers": pack_dense(model.decoder, block, rounded), "likelihood": describe(model.likelihood)}


def _is_stack(model: LatentModel) -> bool:
    """Whether `decode` is the decoder's layers one after another, and nothing besides."""
    layers = nn.Sequential(*getattr(model.decoder, "layers", model.decoder).children())
    z = torch.randn(8, model.latent_dim, generator=torch.Generator().manual_seed(0)).to(next(model.parameters()))
    with evaluating(model):
        try:
            in_turn = layers(z)
        except RuntimeError:  # they do not fit each other
            return False
        decoded = model.decode(z)
    return in_turn.shape == decoded.shape and torch.allclose(in_turn, decoded, rtol=1e-3, atol=1e-4)


def refuse_unknown(model: LatentModel, known: tuple[type, ...] = (Bernoulli, Gaussian)) -> None:
    """Raise ValueError for a model whose likelihood is not of a type that a lab can count with: the object's own type counts."""
    if type(model.likelihood) not in known:
        names = " or ".join(kind.__name__ for kind in known)
        raise ValueError(f"this lab shows {names} pixels, and cannot count as {model.likelihood} does")


def _round_to_8_bits(layer: nn.Linear) -> tuple[Tensor, Tensor, Tensor | None]:
    """Each weight rounded by itself: integers from −127 to 127 (outputs, inputs), scale (outputs,), bias."""
    weight = layer.weight.detach().float().cpu()
    scale = weight.abs().amax(1).clamp_min(1e-12) / 127
    return (weight / scale[:, None]).round(), scale, layer.bias


def unpack_dense(packed: list[dict[str, Any]], data: bytes) -> nn.Sequential:
    """The PyTorch network whose weights are the very numbers that the browser was given."""
    layers: list[nn.Module] = []
    for layer in packed:
        linear = nn.Linear(layer["inputs"], layer["outputs"], bias=layer["bias"] is not None)
        weight = torch.from_numpy(read(data, layer["weight"]).astype(np.float32))
        weight = weight.T if layer["weight"]["dtype"] == "int6" else weight
        scale = torch.from_numpy(read(data, layer["scale"]).astype(np.float32))
        linear.weight.data = weight * scale[:, None]
        if layer["bias"] is not None:
            linear.bias.data = torch.from_numpy(read(data, layer["bias"]).astype(np.float32))
        layers.append(linear)
        if layer["activation"] != "identity":
            layers.append(ACTIVATIONS[layer["activation"]]())
    return nn.Sequential(*layers)
