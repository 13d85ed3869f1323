"""StyleLab's Python side: what PyTorch draws at its values, models and images of one's own, and what it refuses."""

from typing import Any

import numpy as np
import pytest
import torch
from drive import frames, number

from vae_core import VAE, ConditionalVAE, ImageSet
from vae_core.labs import StyleLab
from vae_core.labs.noise import normals
from vae_core.losses import gaussian_kl

CLASSES, DRAWS = 10, 8
A_CLASS: Any = ConditionalVAE


def a_model(input_dim=794, latent_dim=2, classes=10, likelihood="bernoulli") -> ConditionalVAE:
    torch.manual_seed(0)
    return ConditionalVAE(input_dim, (16,), latent_dim, classes, likelihood)


@pytest.fixture(scope="module")
def lab(digits) -> StyleLab:
    return StyleLab(a_model(), digits)


def put(lab, **values):
    """Move the controls in Python, a Choice by its index; give back what the browser has then."""
    for name, value in values.items():
        setattr(lab.controls[name], "index" if name in ("digit", "label") else "value", value)
    return lab.state()


def test_what_it_draws_is_what_pytorch_draws(lab):
    """The row of classes, in six bits a weight: a hundredth of a grey; the large picture and the first draw are one of it."""
    state = put(lab, digit=3, label=8, shift1=0.5, shift2=-1.0, stretch=2.0)
    (frame,) = frames(lab, state)
    put(lab, digit=0, label=0, shift1=0.0, shift2=0.0, stretch=1.0)
    other = lab.answer()
    put(lab, digit=3, label=8, shift1=0.5, shift2=-1.0, stretch=2.0)
    assert lab.label == 7
    row = np.array([picture["pixels"] for picture in frame["pictures"][-DRAWS - CLASSES : -DRAWS]])
    assert np.abs(row - lab.answer()).mean() < 0.01 < np.abs(row - other).mean()
    large, first = frame["pictures"][-DRAWS - CLASSES - 1], frame["pictures"][-DRAWS]
    assert large["pixels"] == first["pixels"] == row[7].tolist()


def test_it_counts_as_pytorch_counts(lab):
    """Rate to its last digit, the distortion of the real image over the same eight draws."""
    for label, stretch in ((0, 1.0), (5, 3.0)):
        (frame,) = frames(lab, put(lab, digit=4, label=label, shift1=1.0, shift2=0.25, stretch=stretch))
        mean, log_var = (torch.from_numpy(part)[None] for part in (lab.mean, lab.log_var))
        assert number(frame, "Rate") == pytest.approx(gaussian_kl(mean, log_var).item(), abs=0.051)
        epsilon = torch.from_numpy(normals(1, 2 * DRAWS)).float().view(DRAWS, 2)
        z = mean + (0.5 * log_var).exp() * epsilon
        with torch.no_grad():
            outputs = lab.model.decode(lab.model.join(z, lab.label))
        x = torch.tensor(frame["pictures"][20]["pixels"])  # after those to choose from
        distortion = -lab.model.likelihood.log_prob(x, outputs).mean().item()
        assert number(frame, "Distortion") == pytest.approx(distortion, rel=2e-3)
        assert number(frame, "ELBO") == pytest.approx(-number(frame, "Distortion") - number(frame, "Rate"), abs=0.11)
        np.testing.assert_allclose(lab.z, z[0], rtol=1e-5)


def test_a_posterior_is_that_of_the_image_and_its_own_class(lab, digits):
    put(lab, digit=2, label=5, shift1=0.0, shift2=0.0, stretch=1.0)
    row = int((digits.test_labels == 1).nonzero()[0])
    mean, log_var = lab.model.encode(digits.with_classes(10).test[row : row + 1].flatten(1) / 255)
    np.testing.assert_allclose(lab.mean, mean[0].detach(), rtol=1e-5)
    np.testing.assert_allclose(lab.log_var, log_var[0].detach(), rtol=1e-5)


def test_the_handle_moves_both_shifts_and_a_press_on_a_class_chooses_it(lab):
    (frame,) = frames(lab, put(lab, digit=0, label=0, shift1=0.0, shift2=0.0, stretch=1.0))
    (handle,) = frame["handles"]
    assert handle["axis"] == "xy" and handle["to"]["shift1"] == pytest.approx(70 / 220, abs=0.02)
    assert handle["to"]["shift2"] == pytest.approx(0, abs=1e-9)


def test_at_no_variance_the_rate_has_no_end(lab):
    (frame,) = frames(lab, put(lab, digit=0, label=0, stretch=0.0))
    assert number(frame, "Rate") == float("inf") and np.isneginf(lab.log_var).all()
    assert len({tuple(picture["pixels"]) for picture in frame["pictures"][-DRAWS:]}) == 1


@pytest.mark.parametrize("channels", [1, 3])
def test_other_images_have_classes_and_no_digits(channels):
    images = ImageSet.of(torch.rand(200, channels, 12, 12), labels=torch.arange(200) % 3)
    lab = StyleLab(a_model(channels * 144 + 3, classes=3), images)
    spec = lab.canvas.spec
    assert lab.steps == () and spec["noun"] == "image" and spec["count"] == 3
    (frame,) = frames(lab, lab.state(), width=319)
    said = [*frame["words"], frame["summary"], spec["caption"], lab.canvas.fallback, *lab.controls["label"].options]
    assert not any("digit" in words for words in said)
    assert lab.controls["label"].options == ("its own", "class 0", "class 1", "class 2")
    assert len(frame["pictures"][-1]["pixels"]) == 144 * channels


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda images: StyleLab(VAE(latent_dim=2), images), "needs a ConditionalVAE, not VAE: it must be told the class"),
        (lambda images: StyleLab(a_model(latent_dim=3), images), "shows a plane: it needs latent_dim = 2, not 3"),
        (lambda images: StyleLab(a_model(74), images), r"draws 64 pixels, and the images have 28 × 28: pass model="),
        (lambda images: StyleLab(a_model(789, classes=5), images), r"label \d is no class: with classes=5 they are 0 to 4"),
        (lambda images: StyleLab(A_CLASS, images), "model is <class .*ConditionalVAE'>, which is no LatentModel"),
    ],
)  # fmt: skip
def test_what_it_cannot_show_is_named(make, message, digits):
    with pytest.raises(ValueError, match=message):
        make(digits)
