"""DimensionLab's Python side: weights in six bits, and what can be read back."""

import base64

import numpy as np
import pytest
import torch
from drive import frames

from vae_core import VAE, Autoencoder, ConvVAE, ImageSet, load_pretrained
from vae_core.data import to_pixels
from vae_core.labs import DimensionLab
from vae_core.labs.dimension import DIMENSIONS
from vae_core.labs.noise import normals
from vae_core.labs.pack import Block, pack_network, read, unpack_network
from vae_core.labs.rounding import round_network, sensitivity
from vae_core.likelihoods import LIKELIHOODS, Bernoulli, Gaussian
from vae_core.losses import reparameterize
from vae_core.models import dense

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


# --- six bits ---


@pytest.mark.parametrize("count", [1, 2, 3, 4, 64, 65])
def test_a_number_is_a_letter_of_base64(count):
    values = np.arange(count) % 64 - 32
    block = Block()
    block.add([1], "uint8")
    ref = block.add(values, "int6")
    block.add([1.0], "float32")
    assert read(block.data, ref).tolist() == values.tolist()
    assert base64.b64encode(block.data[ref["at"] :]).decode()[:count] == "".join(LETTERS[v + 32] for v in values)


@pytest.mark.parametrize("value", [32, -33, 0.5])
def test_what_six_bits_cannot_hold_is_refused(value):
    with pytest.raises(ValueError, match="do not fit into int6"):
        Block().add([0, value], "int6")


@pytest.mark.parametrize("bias", [True, False])
def test_a_rounded_network_comes_back_as_integers_times_scales(bias):
    torch.manual_seed(0)
    network, block = dense((3, 40, 30), "relu", bias), Block()
    rounded = round_network(network, torch.randn(500, 3), Bernoulli())
    back = unpack_network(pack_network(network, block, rounded), block.data)
    for number, (weight, scale, shift) in enumerate(rounded):
        layer = back.get_submodule(str(2 * number))
        assert isinstance(layer, torch.nn.Linear)
        assert -32 <= weight.min() and weight.max() <= 31 and (weight == weight.round()).all()
        assert torch.equal(layer.weight, weight * scale[:, None])
        torch.testing.assert_close(layer.bias, shift, atol=1e-3, rtol=1e-3)  # it travels as float16


def test_rounding_together_beats_rounding_each_by_itself():
    """The outputs of a layer whose inputs rise together, against the same scales with every weight rounded alone."""
    torch.manual_seed(0)
    network = dense((4, 60, 50), "relu")
    z = torch.randn(1000, 4)
    (_, scale, _) = round_network(network, z, Bernoulli())[1]
    x, weight = network[:2](z), network.get_parameter("2.weight")
    alone = (weight / scale[:, None]).round().clamp(-32, 31) * scale[:, None]
    block = Block()
    back = unpack_network(pack_network(network, block, round_network(network, z, Bernoulli())), block.data)
    with torch.no_grad():
        ours, theirs = (back(z) - network(z)).square().mean(), (x @ (alone - weight).T).square().mean()
    assert ours < theirs / 2


def test_inputs_that_are_always_zero_do_no_harm():
    torch.manual_seed(0)
    network = dense((2, 6, 5), "relu")
    weights = network.state_dict()
    weights["0.weight"][:3], weights["0.bias"][:3] = 0.0, -1.0  # three units that never fire
    rounded = round_network(network, torch.randn(50, 2), Bernoulli())
    assert all(torch.isfinite(part).all() for layer in rounded for part in layer)


@pytest.mark.parametrize("likelihood", [*LIKELIHOODS.values(), Gaussian(std=0.1)], ids=str)
def test_an_error_counts_as_the_models_own_likelihood_counts_it(likelihood):
    """Against what −log p, expected where the decoder is right, gains when its output is off by a little to either side."""
    outputs = torch.linspace(-4, 4, 33, dtype=torch.float64)[None]
    x, off = likelihood.mean(outputs)[..., None], 1e-3
    cost = [-likelihood.log_prob(x, outputs[..., None] + step) for step in (-off, 0, off)]
    measured = (cost[0] - 2 * cost[1] + cost[2])[0] / off**2
    torch.testing.assert_close(sensitivity(likelihood, outputs), measured, rtol=1e-4, atol=1e-6)


def test_rows_are_rounded_as_their_likelihood_feels_it():
    """A Gaussian's mean far from zero is no certain coin: taken for one, its row would be rounded too coarsely."""
    torch.manual_seed(0)
    network, z = dense((4, 60, 50), "relu"), torch.randn(1000, 4)
    network.get_parameter("2.bias").data[:25] = 8.0
    gaussian = LIKELIHOODS["gaussian"]

    def lost(counted_as):
        block = Block()
        back = unpack_network(pack_network(network, block, round_network(network, z, counted_as)), block.data)
        with torch.no_grad():
            return (gaussian.log_prob(network(z), network(z)) - gaussian.log_prob(network(z), back(z))).mean().item()

    assert lost(gaussian) < lost(Bernoulli()) / 2


@pytest.mark.parametrize("latent_dim", DIMENSIONS)
def test_six_bits_cost_little(latent_dim, images):
    """Less than half a percent of the distortion, and on MNIST than half a nat, on draws from the posteriors of test images."""
    model, block = load_pretrained(f"vae-{latent_dim}"), Block()
    practice = torch.randn(4000, latent_dim, generator=torch.Generator().manual_seed(0))
    rounded = round_network(model.decoder, practice, model.likelihood)
    small = unpack_network(pack_network(model.decoder, block, rounded), block.data)
    x = to_pixels(images.test[:1000])
    with torch.no_grad():
        mean, log_var = model.encode(x)
        z = reparameterize(mean, log_var, torch.randn(mean.shape, generator=torch.Generator().manual_seed(0)))
        before, after = (-model.likelihood.log_prob(x, decode(z)).mean() for decode in (model.decode, small))
    assert after < 1.005 * before
    if images.name == "mnist":
        assert after < before + 0.5


# --- the lab ---


@pytest.fixture(scope="module")
def lab(images) -> DimensionLab:
    torch.manual_seed(0)
    return DimensionLab([VAE(hidden_dims=(16,), latent_dim=size) for size in (1, 3)], images)


def test_what_is_shown_can_be_read_back(lab):
    lab.controls["noise"].value, lab.controls["digit"].index = 0.5, 4
    lab.controls["draw"].click()
    shown = zip(lab.z, lab.answer(), lab.models, (1, 3), strict=True)
    for z, pixels, model, size in shown:
        assert z.dtype == pixels.dtype == np.float32 and z.shape == (4, size) and pixels.shape == (4, 784)
        spec = next(part for part in lab.canvas.spec["models"] if part["units"] == size)
        mean, log_var = (read(lab.canvas.data, spec[name])[4] for name in ("mean", "log_var"))
        epsilon = (z - mean) / (0.5 * np.exp(0.5 * log_var))
        np.testing.assert_allclose(epsilon.ravel(), normals(lab.values["draw"] + 1, 4 * size), atol=1e-4)
        with torch.no_grad():
            np.testing.assert_allclose(pixels, model.decode(torch.from_numpy(z)).sigmoid(), atol=1e-6)


def test_noise_on_some_units_leaves_the_others_at_their_own(digits):
    torch.manual_seed(0)
    model = VAE(hidden_dims=(16,), latent_dim=3)
    model.state_dict()["encoder.layers.2.weight"].zero_()[2] = 3.0  # only the third mean varies with the image
    lab = DimensionLab(model, digits)
    (own,) = lab.z
    lab.controls["noise"].value = 2.0
    for part, touched in (("all", [True, True, True]), ("active", [False, False, True]), ("grey", [True, True, False])):
        lab.controls["on"].value = part
        off = (lab.z[0] != own).any(0)
        assert off.tolist() == touched
        np.testing.assert_allclose((lab.z[0] - lab.z[0].mean(0))[:, off], 2 * (own - own.mean(0))[:, off], atol=1e-5)


def test_ones_own_models_are_called_by_their_names(digits):
    torch.manual_seed(0)
    small, large = (VAE(hidden_dims=(8,), latent_dim=size) for size in (1, 3))
    named = DimensionLab({1: small, "mine": large}, digits)
    assert named.models == [small, large] and named.steps == ()
    assert [(m["name"], m["short"], m["size"]) for m in named.canvas.spec["models"]] == [
        ("1 dimension", "1 dim", ""),
        ("mine", "mine", "3 dimensions"),
    ]
    (frame,) = frames(named, named.state())
    assert {"1 dimension", "mine", "3 dimensions"} <= set(frame["words"])
    assert [m["name"] for m in DimensionLab([small, large], digits).canvas.spec["models"]] == [
        "1 dimension",
        "3 dimensions",
    ]


@pytest.mark.parametrize("channels", [1, 3])
def test_it_takes_convolutions_in_grey_and_in_colour(channels):
    """What is drawn at the lab's z is what PyTorch draws; of other images no word of digits."""
    torch.manual_seed(0)
    images = ImageSet.of(torch.randint(0, 256, (60, channels, 8, 8), dtype=torch.uint8))
    models = {
        name: ConvVAE(channels=channels, size=8, widths=(4,), hidden_dim=8, latent_dim=2) for name in ("one", "two")
    }
    lab = DimensionLab(models, images)
    (frame,) = frames(lab, lab.state(), width=319)
    assert not any("digit" in words for words in [*frame["words"], frame["summary"]])
    drawn = [picture["pixels"] for picture in frame["pictures"][-8:]]
    assert {len(pixels) for pixels in drawn} == {64 * channels}
    np.testing.assert_allclose(drawn, np.concatenate(lab.answer()), atol=0.02)


def test_without_noise_every_draw_is_the_mean(lab):
    lab.controls["noise"].value = 0.0
    for z in lab.z:
        assert (z == z[0]).all()
    lab.controls["noise"].value = 1.0


def test_units_are_marked_and_ordered_by_what_they_carry(images):
    torch.manual_seed(0)
    model = VAE(hidden_dims=(16,), latent_dim=3)
    weights = model.state_dict()
    weights["encoder.layers.2.weight"].zero_()[2] = 3.0  # only the third mean varies with the image
    weights["encoder.layers.2.bias"].zero_()[3:] = torch.tensor([0.0, 2.0, -1.0])  # log variances
    (spec,) = DimensionLab([model], images).canvas.spec["models"]
    assert spec["active"] == [False, False, True] and spec["order"] == [2, 1, 0]


@pytest.mark.parametrize(
    "models",
    [
        [],
        {},
        [Autoencoder(latent_dim=2)],
        [VAE(latent_dim=2, likelihood="gaussian")],
        [VAE(latent_dim=2), Autoencoder()],
    ],
)
def test_other_models_are_refused(models):
    with pytest.raises(ValueError, match="VAEs of Bernoulli pixels"):
        DimensionLab(models)


def test_other_images_are_refused():
    wide = ImageSet("wide", *(torch.zeros(4, 1, 2, 4, dtype=torch.uint8),) * 2, *(torch.arange(4),) * 2)
    with pytest.raises(ValueError, match="square images"):
        DimensionLab([VAE(input_dim=8, latent_dim=2)], wide)
