"""Decoders on their way to the browser: what nn.mjs computes, run by Node.js, beside what PyTorch computes."""

import base64
import json
import shutil
import subprocess

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vae_core import VAE, ConvVAE, ImageSet, TrainConfig, fit
from vae_core.labs import InterpolationLab, PosteriorLab
from vae_core.labs.bundle import JS
from vae_core.labs.pack import Block, pack_decoder, unpack_network
from vae_core.labs.picture import Sheet
from vae_core.likelihoods import get_likelihood
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
    return [
        np.array(outputs).reshape(count, -1) for count, outputs in zip(counts, json.loads(done.stdout), strict=True)
    ]


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


def test_a_decoder_with_convolutions_travels_in_eight_bits_where_a_dense_one_takes_six():
    torch.manual_seed(0)
    codes = torch.randn(200, 3)
    for model, dtype in ((Own(9, nn.Linear(3, 9)), "int6"), (ConvVAE(size=4, widths=(4,), latent_dim=3), "int8")):
        packed = pack_decoder(model, Block(), codes)["layers"]
        assert {layer["weight"]["dtype"] for layer in packed} == {dtype}


class Doubled(nn.ConvTranspose2d):
    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        return 1.1 * super().forward(input)


def image(*layers: nn.Module) -> tuple[nn.Module, ...]:
    return (nn.Linear(3, 8), nn.Unflatten(1, (2, 2, 2)), *layers, nn.Flatten())


REFUSED = {
    "of a kind that it does not know": (
        image(nn.Conv2d(2, 1, 1)),
        r"dense layers and transposed conv.*not Conv2d\(2, 1",
    ),
    "of one dimension": ((nn.Linear(3, 8), nn.Unflatten(1, (2, 4)), nn.ConvTranspose1d(2, 1, 1)), "Unflatten.*height"),
    "in groups": (image(nn.ConvTranspose2d(2, 2, 2, groups=2)), "one group.*groups=2"),
    "dilated": (image(nn.ConvTranspose2d(2, 1, 2, dilation=2)), "undilated.*dilation"),
    "not the same both ways": (image(nn.ConvTranspose2d(2, 1, (2, 1))), r"same both ways, not.*kernel_size=\(2, 1\)"),
    "of an unknown height": ((nn.Linear(3, 4), nn.ConvTranspose2d(4, 1, 2)), "height and width.*put nn.Unflatten"),
    "of other channels": (image(nn.ConvTranspose2d(3, 1, 2)), "height and width of what comes"),
    "dense in an image": (image(nn.Linear(2, 2)), r"inputs are flat: put nn.Flatten\(\)"),
    "after an activation": (
        image(nn.ConvTranspose2d(2, 2, 1), nn.ReLU(), nn.BatchNorm2d(2)),
        r"BatchNorm2d\(2.* only right after",
    ),
    "first": ((nn.BatchNorm1d(3), nn.Linear(3, 4)), "only right after one of the dense layers"),
    "of each batch": (
        image(nn.ConvTranspose2d(2, 2, 1), nn.BatchNorm2d(2, track_running_stats=False)),
        "from each batch.*track_running_stats=True",
    ),
    "with a slope of its own": (image(nn.ConvTranspose2d(2, 1, 1), nn.LeakyReLU(0.2)), "LeakyReLU.*do not travel"),
    "that computes something else": (image(Doubled(2, 1, 2)), "what this model decodes is not what its layers give"),
    "that do not fit": ((nn.Linear(3, 9), nn.Unflatten(1, (2, 2, 2)), nn.ConvTranspose2d(2, 1, 2)), "what this model"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_layers_that_cannot_travel_are_refused(what):
    layers, message = REFUSED[what]
    torch.manual_seed(0)
    model = Own(4, *layers)
    if what == "that do not fit":  # in turn; the model itself knows how
        model.decoder.forward = lambda z: z.repeat(1, 3)
    with pytest.raises(ValueError, match=message):
        pack_decoder(model, Block())


@pytest.mark.parametrize("channels", [1, 3])
def test_a_lab_shows_a_model_of_convolutions(channels):
    """What `fit` makes of a ConvVAE, grey or in colour: what is drawn in the browser is what PyTorch draws at the lab's z."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    images = ImageSet.of(torch.randint(0, 256, (60, channels, 8, 8), dtype=torch.uint8, generator=generator))
    model = ConvVAE(channels=channels, size=8, widths=(6, 12), hidden_dim=20, latent_dim=4)
    fit(model, images, TrainConfig(epochs=1, batch_size=20, device="cpu"), progress=False)
    lab = PosteriorLab(model, images)
    spec = lab.canvas.spec
    assert (spec["side"], spec["channels"], spec["images"]["shape"][1]) == (8, channels, channels * 64)
    (outputs,) = in_node(spec["layers"], lab.canvas.data, torch.from_numpy(lab.z)[None], [1])
    shown = get_likelihood(spec["likelihood"]).mean(torch.from_numpy(outputs[0]))
    np.testing.assert_allclose(shown, lab.answer(), atol=0.01)


def test_colours_are_refused_where_they_cannot_be_shown():
    colour = ImageSet.of(torch.randint(0, 256, (20, 3, 8, 8), dtype=torch.uint8))
    with pytest.raises(ValueError, match="have 8 × 8 in 3 channels: pass both models, ae= and vae="):
        InterpolationLab(ConvVAE(channels=3, size=8, widths=(4,)), images=colour)
    with pytest.raises(ValueError, match="takes 64 numbers an image, and the images have 8 × 8 in 3 channels"):
        PosteriorLab(ConvVAE(size=8, widths=(4,)), colour)
    with pytest.raises(ValueError, match="28 × 28 pixels of MNIST, and the images have 8 × 8 in 3 channels"):
        PosteriorLab(images=colour)
    with pytest.raises(ValueError, match="one channel or three, not of 4"):
        PosteriorLab(
            ConvVAE(size=8, widths=(4,)),
            ImageSet("four", *(torch.zeros(4, 4, 8, 8).byte(),) * 2, *(torch.arange(4),) * 2),
        )


def test_a_still_picture_shows_grey_dark_on_light_and_colours_as_they_are():
    sheet = Sheet(60, 60)
    sheet.show("", torch.tensor([[0.0, 1.0, 0.2, 0.0]]), 4, 30, 2)
    sheet.show("", torch.tensor([[1.0, 0, 0, 1, 0, 1, 0, 1, 0, 0, 0.2, 1]]), 20, 30, 2)
    pixels = sheet.image.load()
    assert pixels is not None
    places = [(0, 30), (1, 30), (0, 31), (1, 31)]
    assert [pixels[4 + x, y] for x, y in places] == [(255,) * 3, (0,) * 3, (204,) * 3, (255,) * 3]
    assert [pixels[20 + x, y] for x, y in places] == [(255, 0, 0), (0, 255, 0), (0, 0, 51), (255, 255, 255)]
