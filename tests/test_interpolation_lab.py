"""`InterpolationLab` in Python: where the walk stands, what the models draw there, and what travels to the browser."""

import re

import numpy as np
import pytest
import torch
from drive import frames, state_of

from vae_core import VAE, Autoencoder, ConvVAE, ImageSet
from vae_core.data import to_pixels
from vae_core.labs import InterpolationLab
from vae_core.labs.interpolation import halve
from vae_core.labs.pack import read


@pytest.fixture(scope="module")
def lab(digits) -> InterpolationLab:
    """Small untrained models of three numbers a code."""
    torch.manual_seed(0)
    shape = {"hidden_dims": (16,), "latent_dim": 3}
    return InterpolationLab(Autoencoder(**shape), VAE(**shape), digits)


def stand(lab, t, start, end, path):
    lab.controls["t"].value = t
    for name, index in (("from", start), ("to", end), ("path", path)):
        lab.controls[name].index = index


def counts(frame):
    """By model, how many of the nearest agree, and on which digit: what stands below the large drawing."""
    found = (re.match(r"nearest 10: (\d+) (?:is a|are) (\d)", word) for word in frame["words"])
    return [tuple(map(int, one.groups())) for one in found if one]


@pytest.fixture(scope="module")
def codes(lab):
    """The codes of the lab's images, by model: float32 (20, 3) each."""
    return [read(lab.canvas.data, model["codes"]) for model in lab.canvas.spec["models"]]


def test_it_begins_halfway_from_a_0_to_a_1(digits):
    torch.manual_seed(0)
    values = InterpolationLab(Autoencoder(latent_dim=2), VAE(latent_dim=2), digits).values
    assert values == {"t": 0.5, "from": "0", "to": "1", "path": "lerp (line)"}


def test_it_shows_two_test_images_of_each_class(lab, digits):
    names = lab.controls["from"].options
    assert len(names) == 20 and names == lab.controls["to"].options
    shown = read(lab.canvas.data, lab.canvas.spec["images"])
    for label in range(10):
        theirs = (255 * to_pixels(digits.test[digits.test_labels == label][:2])).round().numpy()
        assert names[2 * label] == str(label)
        np.testing.assert_array_equal(shown[2 * label : 2 * label + 2], theirs)


@pytest.mark.parametrize("t", [0.0, 0.29, 1.0])
def test_a_line_stands_at_the_weighted_mean(lab, codes, t):
    stand(lab, t, 3, 10, 0)
    for z, model_codes in zip(lab.z, codes, strict=True):
        assert z.dtype == np.float32
        np.testing.assert_allclose(z, (1 - t) * model_codes[3] + t * model_codes[10], atol=1e-6)


def test_an_arc_keeps_the_length_and_turns_evenly(lab, codes):
    stand(lab, 0.25, 3, 10, 1)
    for z, (a, b) in zip(lab.z, [model_codes[[3, 10]] for model_codes in codes], strict=True):
        length = np.linalg.norm
        np.testing.assert_allclose(length(z), 0.75 * length(a) + 0.25 * length(b), rtol=1e-5)
        turned, whole = (np.arccos(a @ c / length(a) / length(c)) for c in (z, b))
        np.testing.assert_allclose(turned, whole / 4, atol=1e-4)


def test_the_answer_is_what_the_models_draw_at_z(lab):
    stand(lab, 0.6, 0, 19, 1)
    for model, z, pixels in zip(lab.models, lab.z, lab.answer(), strict=True):
        with torch.no_grad():
            drawn = model.likelihood.mean(model.decode(torch.from_numpy(z)))
        np.testing.assert_allclose(pixels, drawn, atol=1e-6)


def test_a_blend_has_no_code_and_lies_between_the_two_drawings(lab):
    ends = []
    for t in (0.0, 1.0):
        stand(lab, t, 3, 10, 0)
        ends.append(lab.answer())
    stand(lab, 0.3, 3, 10, 2)
    assert lab.z == []
    for start, end, blend in zip(*ends, lab.answer(), strict=True):
        np.testing.assert_allclose(blend, 0.7 * start + 0.3 * end, atol=1e-6)


def test_the_unit_of_distance_is_where_a_test_image_typically_lies(lab, digits):
    library = torch.from_numpy(read(lab.canvas.data, lab.canvas.spec["library"]).astype(np.float32)) / 255
    nearest = [(library - image).norm(dim=1).min() for image in halve(to_pixels(digits.test))]
    assert torch.stack(nearest).median().item() == pytest.approx(lab.canvas.spec["typical"], rel=1e-5)
    labels = read(lab.canvas.data, lab.canvas.spec["labels"])
    np.testing.assert_array_equal(labels, digits.train_labels[: len(library)])


def test_halving_averages_two_by_two_in_each_channel():
    x = torch.arange(16.0)[None]
    assert halve(x).tolist() == [[2.5, 4.5, 10.5, 12.5]]
    colour = torch.cat([x, 2 * x, 0 * x], 1)
    assert halve(colour, 3).tolist() == [[2.5, 4.5, 10.5, 12.5, 5, 9, 21, 25, 0, 0, 0, 0]]


@pytest.mark.parametrize("path", ["lerp (line)", "slerp (arc)", "pixels (blend)"])
def test_python_judges_a_walk_as_the_page_does(path, lab, digits):
    places = [0, 6, 18, 24]
    choice = {"from": "2", "to": "7", "path": path}
    shown = frames(lab, *({**state_of(lab, **choice), "t": k / 24} for k in places))
    options = lab.controls["from"].options
    judged = lab.judged(options.index("2"), options.index("7"), path)
    for (distance, label, votes), tiles in zip(
        judged, zip(*(zip(frame["tiles"], counts(frame), strict=True) for frame in shown), strict=True), strict=True
    ):
        for k, (tile, found) in zip(places, tiles, strict=True):
            assert float(tile["value"]) == pytest.approx(distance[k].item() / lab.canvas.spec["typical"], abs=0.006)
            assert found == (votes[k], label[k])


def test_own_models_of_digits_get_the_steps_that_hold_for_them(lab):
    """Untrained, these draw nothing that looks like a 0 or a 1: what asks for one is left out."""
    assert not any("only the handwriting" in step.words for step in lab.steps)


def test_other_images_get_no_steps():
    images = ImageSet.of(torch.rand(60, 8, 8), labels=torch.arange(60) % 2)
    torch.manual_seed(0)
    assert InterpolationLab(Autoencoder(64, (8,), 2), VAE(64, (8,), 2), images).steps == ()


@pytest.mark.parametrize("channels", [1, 3])
def test_it_takes_convolutional_models_in_grey_and_in_colour(channels, tmp_path):
    torch.manual_seed(0)
    images = ImageSet.of(torch.rand(60, channels, 8, 8), labels=torch.arange(60) % 2)
    model = ConvVAE(channels=channels, size=8, widths=(4,), latent_dim=3)
    made = InterpolationLab(Autoencoder(channels * 64, (8,), 3), model, images)
    made.save(tmp_path / "walk.html")
    (shown,) = frames(made, state_of(made, t=0.3))
    made.controls["t"].value = 0.3
    for drawn, answer in zip(shown["pictures"][0:3:2], made.answer(), strict=True):
        np.testing.assert_allclose(drawn["pixels"], answer, atol=0.02)  # 8 bits a weight
    assert len(shown["pictures"][1]["pixels"]) == channels * 16


def test_the_caption_says_how_long_the_codes_are(lab, digits):
    assert lab.canvas.spec["caption"].startswith("Both networks have 3 numbers a code.")
    torch.manual_seed(0)
    uneven = InterpolationLab(Autoencoder(latent_dim=3), VAE(latent_dim=4), digits)
    assert "codes of different lengths" in uneven.canvas.spec["caption"]


def test_pictures_that_are_not_square_are_refused():
    wide = ImageSet("wide", *(torch.zeros(4, 1, 2, 4, dtype=torch.uint8),) * 2, *(torch.arange(4),) * 2)
    with pytest.raises(ValueError, match=r"square images, not 2 × 4"):
        InterpolationLab(images=wide)
