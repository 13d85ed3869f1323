"""A model's weights on their way to the browser: a little JSON and one block of bytes, and the way back.

A dense layer travels as 8-bit integers with one float32 scale a row: a quarter of the size, for about a
hundredth of a nat. `unpack_dense` rebuilds the PyTorch network that computes with exactly those numbers.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vae_core.models import ACTIVATIONS

ALIGNMENT = 4  # so that the browser may lay a Float32Array on any array of the block
DTYPES = {"uint8": np.uint8, "int8": np.int8, "float16": np.float16, "float32": np.float32}
ACTIVATION_NAMES = {kind: name for name, kind in ACTIVATIONS.items()}

Ref = dict[str, Any]
"""Where an array lies in a block: {"dtype", "shape", "at"}."""


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
        if not fits:
            raise ValueError(f"values from {wide.min():g} to {wide.max():g} do not fit into {dtype}")
        self.data += bytes(-len(self.data) % ALIGNMENT)
        at = len(self.data)
        self.data += array.astype(array.dtype.newbyteorder("<")).tobytes()
        return {"dtype": dtype, "shape": list(array.shape), "at": at}


def read(data: bytes, ref: Ref) -> np.ndarray:
    """The array that `ref` points to in a block."""
    dtype = np.dtype(DTYPES[ref["dtype"]]).newbyteorder("<")
    count = int(np.prod(ref["shape"]))
    return np.frombuffer(data, dtype, count, ref["at"]).reshape(ref["shape"])


def pack_dense(network: nn.Module, block: Block) -> list[dict[str, Any]]:
    """Linear layers and the activations between them -> the list that `Network` in nn.mjs is made from.

    `network` is a Sequential, or an encoder or decoder that has one as its `layers`.

    Raises:
        ValueError: a layer of another kind.
    """
    packed: list[dict[str, Any]] = []
    for layer in getattr(network, "layers", network).children():
        if isinstance(layer, nn.Linear):
            weight = layer.weight.detach().float().cpu()
            scale = weight.abs().amax(1, keepdim=True).clamp_min(1e-12) / 127
            packed.append(
                {
                    "inputs": layer.in_features,
                    "outputs": layer.out_features,
                    "activation": "identity",
                    "weight": block.add((weight / scale).round(), "int8"),
                    "scale": block.add(scale.squeeze(1), "float32"),
                    "bias": None if layer.bias is None else block.add(layer.bias, "float32"),
                }
            )
        elif type(layer) in ACTIVATION_NAMES and packed:
            packed[-1]["activation"] = ACTIVATION_NAMES[type(layer)]
        else:
            raise ValueError(f"a lab can take dense layers to the browser, not {type(layer).__name__}")
    if not packed:
        raise ValueError("a lab can take dense layers to the browser, and this network has none")
    return packed


def unpack_dense(packed: list[dict[str, Any]], data: bytes) -> nn.Sequential:
    """The PyTorch network whose weights are the very numbers that the browser was given."""
    layers: list[nn.Module] = []
    for layer in packed:
        linear = nn.Linear(layer["inputs"], layer["outputs"], bias=layer["bias"] is not None)
        weight = torch.from_numpy(read(data, layer["weight"]).astype(np.float32))
        scale = torch.from_numpy(read(data, layer["scale"]).copy())
        linear.weight.data = weight * scale[:, None]
        if layer["bias"] is not None:
            linear.bias.data = torch.from_numpy(read(data, layer["bias"]).copy())
        layers.append(linear)
        if layer["activation"] != "identity":
            layers.append(ACTIVATIONS[layer["activation"]]())
    return nn.Sequential(*layers)
