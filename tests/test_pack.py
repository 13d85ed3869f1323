"""Decoders on their way to the browser: what nn.mjs computes, run by Node.js, beside what PyTorch computes."""

import base64
import json
import shutil
import subprocess

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vae_core import VAE, ConvVAE
from vae_core.labs.bundle import JS
from vae_core.labs.pack import Block, pack_decoder, pack_network, unpack_network
from vae_core.models import LatentModel

RUN = """
import { readFileSync } from "node:fs";
import { Network } from "./nn.mjs";
import { fromBase64, tensorReader } from "./tensors.mjs";
const { layers, data, z, counts } = JSON.parse(readFileSync(0, "utf8"));
const bytes = fromBase64(data);
const network = new Network(layers, tensorReader(bytes, bytes.length), Math.max(...counts));
const found = counts.map((count) => {
  network.input.set(z.flat().slice(0, count * network.inputs));
  return [...network.run(count).slice(0, count * network.outputs)];
});
console.log(JSON.stringify(found));
"""


def in_node(layers: list[dict], data: bytes, z: Tensor, counts: list[int]) -> list[np.ndarray]:
    """What nn.mjs makes of the first rows of z, for each count of them."""
    node = shutil.which("node")
    assert node, "no Node.js on this machine: apt-get install nodejs"
    given = {"layers": layers, "data": base64.b64encode(data).decode(), "z": z.tolist(), "counts": counts}
    command = [node, "--input-type=module", "-e", RUN]
    done = subprocess.run(command, cwd=JS, input=json.dumps(given), text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return [np.array(outputs).reshape(count, -1) for count, outputs in zip(counts, json.loads(done.stdout), strict=True)]


def restless(model: LatentModel, seed: int = 0) -> LatentModel:
    """The model with batch normalisation that does something: statistics, weights and biases far from those it begins with."""
    draw = torch.Generator().manual_seed(seed)
    for part in model.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            assert part.running_mean is not None and part.running_var is not None
            part.running_mean.normal_(generator=draw)
            part.running_var.uniform_(0.2, 3, generator=draw)
            if part.affine:
                part.weight.data.uniform_(-2, 2, generator=draw)
                part.bias.data.normal_(generator=draw)
    return model.train()


class Own(VAE):
    """A VAE with a decoder of one's own for images of this many numbers, from 3 latent dimensions."""

    def __init__(self, input_dim: int, *layers: nn.Module):
        super().__init__(input_dim=input_dim, hidden_dims=(8,), latent_dim=3)
        self.decoder = nn.Sequential(*layers)


def odd() -> Own:
    """Of a height and width that differ, a stride of 3, a kernel smaller than the stride, and normalisation without weights."""
    return Own(
        3 * 9 * 27,
        nn.Linear(3, 2 * 2 * 5),
        nn.BatchNorm1d(20),
        nn.Tanh(),
        nn.Unflatten(1, (2, 2, 5)),
        nn.ConvTranspose2d(2, 5, 5, stride=3, padding=2, output_padding=1),
        nn.BatchNorm2d(5, affine=False),
        nn.Softplus(),
        nn.ConvTranspose2d(5, 4, 3, padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(4, 3, 1, stride=2, output_padding=0, bias=False),
        nn.BatchNorm2d(3),
        nn.Flatten(),
    )


MODELS = {
    "grey": lambda: ConvVAE(),
    "colour": lambda: ConvVAE(channels=3, size=24, widths=(8, 16, 32), hidden_dim=40, latent_dim=7),
    "one convolution": lambda: ConvVAE(channels=3, size=6, widths=(5,), hidden_dim=9, latent_dim=2),
    "from the code itself": lambda: Own(
        48, nn.Unflatten(1, (3, 1, 1)), nn.ConvTranspose2d(3, 3, 4, bias=False), nn.BatchNorm2d(3), nn.Flatten()
    ),
    "dense, normalised": lambda: Own(9, nn.Linear(3, 30), nn.BatchNorm1d(30), nn.ReLU(), nn.Linear(30, 9)),
    "odd": lambda: odd(),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_browser_computes_what_pytorch_computes(name):
    """With the weights it was given: within 1e-5, for any number of codes at a time. And near what the model draws."""
    torch.manual_seed(0)
    model, block = restless(MODELS[name]()), Block()
    layers = json.loads(json.dumps(pack_decoder(model, block), sort_keys=True))["layers"]
    assert all(part.training for part in model.modules()), "packing leaves a model as it was"
    z = torch.randn(9, model.latent_dim, generator=torch.Generator().manual_seed(1))
    small = unpack_network(layers, block.data)
    with torch.no_grad():
        ours, drawn = small(z), model.eval().decode(z)
        torch.testing.assert_close(small(z[0]), ours[0])
    for theirs in in_node(layers, block.data, z, [9, 1, 2, 4]):
        np.testing.assert_allclose(theirs, ours[: len(theirs)], atol=1e-5 * max(1, ours.abs().max().item()))
    assert (ours - drawn).std() < 0.03 * drawn.std()
