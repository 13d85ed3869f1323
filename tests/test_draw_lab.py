"""DrawLab: lines become images as MNIST's were made, alike in the page and in Python; what the page encodes is what PyTorch encodes."""

import json
import subprocess
from typing import Any

import numpy as np
import pytest
import torch
from drive import frames, number, state_of

from vae_core import VAE, Autoencoder, ConvVAE, ImageSet
from vae_core.data import to_pixels
from vae_core.labs import DrawLab
from vae_core.labs.bundle import JS
from vae_core.labs.draw import DRAWN, READY, STEPS
from vae_core.labs.ink import FINE, PEN, inked, placed
from vae_core.labs.noise import normals
from vae_core.labs.pack import read, unpack_network
from vae_core.losses import gaussian_kl

PLACES = [
    {},
    {"fitted": False},
    {"right": 3, "down": -2},
    {"size": 0.7},
    {"fitted": False, "size": 1.35, "right": -4},
]


@pytest.fixture(scope="module")
def lab() -> DrawLab:
    return DrawLab()


def in_the_page(strokes, side, how):
    """The ink, and the image, as js/ink.mjs makes them."""
    script = (
        "import { inked, placed } from './ink.mjs'; const [lines, side, how, fine, pen] = %s;"
        "const ink = inked(lines, fine, pen); console.log(JSON.stringify([[...ink], [...placed(ink, side, how)]]))"
    )
    lines = [[[FINE * x, FINE * y] for x, y in line] for line in strokes]
    given = json.dumps([lines, side, how, FINE, PEN])
    found = subprocess.check_output(["node", "--input-type=module", "-e", script % given], cwd=JS, text=True)
    return [np.array(each) for each in json.loads(found)]


@pytest.mark.parametrize("how", PLACES, ids=str)
def test_the_page_makes_the_image_that_python_makes(how):
    for side, name in ((28, "4"), (28, "face"), (16, "house")):
        ink, image = in_the_page(READY[name], side, how)
        ours = inked(READY[name])
        np.testing.assert_allclose(ink.reshape(FINE, FINE), ours, atol=1e-6)
        np.testing.assert_allclose(image.reshape(side, side), placed(ours, side, **how), atol=1e-6)


def test_the_images_of_a_data_set_that_was_made_so_are_left_as_they_are(images):
    """MNIST's own, pushed through what makes a drawing like them: all but three of 10,000 do not change by a hair."""
    x = images.test[:, 0].double().numpy() / 255
    moved = np.array([np.abs(placed(image, 28) - image).max() for image in x])
    if images.name == "mnist":
        assert (moved > 1e-9).sum() == 3  # whose longer side is 19 pixels
    else:
        for image in x[:100]:
            again = placed(placed(image, 28), 28)
            assert np.abs(again - placed(image, 28)).max() < 1e-6


def test_drawings_have_about_the_ink_of_real_digits(images):
    inks = 51.7, 163.7  # of MNIST's test digits nine in ten lie between; the fallback's have more
    if images.name == "mnist":
        assert to_pixels(images.test).sum(1).quantile(torch.tensor([0.05, 0.95])).tolist() == pytest.approx(
            inks, abs=0.1
        )
    for name in ("4", "7", "2", "4 or 9"):
        assert inks[0] < placed(inked(READY[name]), 28).sum() < inks[1]


@pytest.mark.parametrize(
    "acts", [{}, {"ready": "face", "right": 3.0}, {"ready": "house", "placed": DRAWN, "down": -2.0}]
)
def test_the_page_encodes_and_counts_as_pytorch_does_with_the_weights_that_travelled(lab, acts):
    (frame,) = frames(lab, state_of(lab, None, **acts))
    for name, value in acts.items():
        lab.controls[name].value = value
    x, spec, data = lab.image.view(1, -1), lab.canvas.spec, lab.canvas.data
    lab.controls["ready"].value, lab.controls["placed"].index = "4", 0
    lab.controls["right"].value = lab.controls["down"].value = 0.0
    np.testing.assert_allclose(frame["pictures"][0]["pixels"], x[0], atol=1e-5)
    with torch.no_grad():
        mean, log_var = unpack_network(spec["encoder"]["layers"], data)(x).chunk(2, -1)
        decoder = unpack_network(spec["layers"], data)
        epsilon = torch.from_numpy(normals(1, 80)).float().view(8, 10)
        outputs = decoder(mean + (0.5 * log_var).exp() * epsilon)
        back = decoder(mean).sigmoid()[0]
    np.testing.assert_allclose(frame["pictures"][1]["pixels"], back, atol=1e-4)
    np.testing.assert_allclose([picture["pixels"] for picture in frame["pictures"][2:10]], outputs.sigmoid(), atol=1e-4)
    distortion = -lab.model.likelihood.log_prob(x, outputs).mean().item()
    assert number(frame, "Distortion") == pytest.approx(distortion, abs=0.06)
    assert number(frame, "Rate") == pytest.approx(gaussian_kl(mean, log_var).item(), abs=0.06)
    codes = torch.from_numpy(read(data, spec["codes"]).astype(np.float32))
    nearest = torch.cdist(mean, codes)[0].topk(8, largest=False).indices
    labels = read(data, spec["labels"])[nearest]
    shown = [call[1] for call in frame["calls"] if call[0] == "text" and call[3] == frame["regions"]["nearest"]["y"] + frame["regions"]["nearest"]["height"] - 4]  # fmt: skip
    assert shown == [str(label) for label in labels]


def test_eight_bits_of_the_encoder_cost_next_to_nothing(lab, images):
    x = to_pixels(images.test[:500])
    with torch.no_grad():
        mean, log_var = lab.model.encode(x)
        small, small_var = unpack_network(lab.canvas.spec["encoder"]["layers"], lab.canvas.data)(x).chunk(2, -1)
    assert abs(gaussian_kl(mean, log_var).mean() - gaussian_kl(small, small_var).mean()) < 0.1
    assert ((small - mean).abs() / (0.5 * log_var).exp()).median() < 0.2


def test_what_test_digits_cost_is_by_the_models_own_formulas(lab, images):
    x = to_pixels(images.test[:1000])
    with torch.no_grad():
        rate = gaussian_kl(*lab.model.encode(x)).sort().values
    np.testing.assert_allclose(read(lab.canvas.data, lab.canvas.spec["rate"]["values"]), rate, atol=1e-4)
    distortion = read(lab.canvas.data, lab.canvas.spec["distortion"]["values"])
    assert len(distortion) == len(x) and (np.diff(distortion) >= 0).all()
    with torch.no_grad():
        mean = -lab.model.likelihood.log_prob(x, lab.model.decode(lab.model.encode(x)[0])).mean().item()
    assert mean < distortion.mean() < mean + 30  # at the posterior's mean, and over draws


def test_python_reads_the_drawing_and_puts_another_there():
    lab, heard = DrawLab(), []
    lab.observe(lambda change: heard.append(lab.image), "values")
    assert (
        lab.image.shape == (28, 28) and lab.image.dtype == torch.float32 and 0 <= lab.image.min() < lab.image.max() <= 1
    )
    begun = lab.image
    lab.controls["right"].value = 3.0
    torch.testing.assert_close(lab.image[:, 3:], begun[:, :-3])
    with torch.no_grad():
        np.testing.assert_allclose(lab.mean, lab.model.encode(lab.image.view(1, -1))[0][0], atol=1e-5)
    assert lab.answer().shape == (784,)
    lab.controls["right"].value = 0.0
    lab.draw([[(0.5, 0.1), (0.5, 0.9)]])
    assert torch.equal(heard[-1], lab.image) and lab.values["ready"] == "yours"
    rows, columns = (lab.image > 1e-3).nonzero().T  # beside it, dust of rounding
    assert (rows.min(), rows.max()) == (4, 23) and columns.max() - columns.min() <= 4
    (frame,) = frames(lab, lab.state())
    np.testing.assert_allclose(frame["pictures"][0]["pixels"], lab.image.flatten(), atol=1e-5)
    assert "Your drawing, of 1 line." in frame["summary"]
    lab.draw([])
    assert not lab.image.any() and "Nothing is drawn" in frames(lab, lab.state())[0]["summary"]
    bad: Any
    for bad in ([[(0.5, 1.2)]], [[0.5, 0.5]], [[]]):
        with pytest.raises(ValueError, match="a line is a list of points"):
            lab.draw(bad)


def test_a_saved_page_begins_with_what_is_drawn(tmp_path):
    lab = DrawLab()
    lab.draw([[(0.2, 0.2), (0.8, 0.8)]])
    lab.save(tmp_path / "mine.html")
    assert '"strokes", "value": [[[0.2, 0.2], [0.8, 0.8]]]' in (tmp_path / "mine.html").read_text().replace(
        '"name": ', ""
    )


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_it_takes_a_model_and_images_of_ones_own(likelihood, tmp_path):
    torch.manual_seed(0)
    images = ImageSet.of(torch.randint(0, 256, (60, 1, 9, 9), dtype=torch.uint8))
    lab = DrawLab(VAE(81, (16,), 3, likelihood=likelihood), images)
    lab.save(tmp_path / "mine.html")
    assert lab.steps == () and lab.image.shape == (9, 9)
    for width in (319, 766):
        (frame,) = frames(lab, lab.state(), width=width)
        assert not any("digit" in words for words in [*frame["words"], frame["summary"], lab.canvas.spec["caption"]])
        assert [tile["name"] for tile in frame["tiles"]] == ["Distortion", "Rate"] and bool(frame["notes"]) == (
            likelihood == "bernoulli"
        )
        np.testing.assert_allclose(frame["pictures"][1]["pixels"], lab.answer().clip(0, 1), atol=0.03)


def test_what_it_cannot_take_is_refused():
    small = ImageSet.of(torch.randint(0, 256, (20, 1, 8, 8), dtype=torch.uint8))
    with pytest.raises(ValueError, match="DrawLab needs a VAE, not Autoencoder"):
        DrawLab(Autoencoder())
    with pytest.raises(ValueError, match="not Conv2d.*takes a VAE of dense layers"):
        DrawLab(ConvVAE(channels=1, size=8, widths=(4,), hidden_dim=8, latent_dim=2), small)
    colours = ImageSet.of(torch.randint(0, 256, (20, 3, 8, 8), dtype=torch.uint8))
    with pytest.raises(
        ValueError, match=r"draws in grey, and the images have 3 channels: keep one, as images\[:, :1\]"
    ):
        DrawLab(VAE(192, (8,), 2), colours)
    with pytest.raises(ValueError, match="for the 28 × 28 pixels of MNIST.*pass model=, a VAE"):
        DrawLab(images=small)

    class Shifted(VAE):
        def encode(self, x):
            mean, log_var = super().encode(x)
            return mean + 1, log_var

    with pytest.raises(ValueError, match="not what its encoder's layers give in turn"):
        DrawLab(Shifted())


def test_steps_are_for_the_books_own_model(digits):
    torch.manual_seed(0)
    assert DrawLab(images=digits).steps == STEPS and DrawLab(VAE(hidden_dims=(8,), latent_dim=2), digits).steps == ()
