"""The playground around its engine: controls that begin where its settings do, scenarios that it can answer, one frame in Node."""

import itertools

import numpy as np
import pytest
import torch
from drive import frames, state_of

from vae_core import ImageSet
from vae_core.labs import PlaygroundLab
from vae_core.labs.controls import Choice, Press, Slider
from vae_core.labs.pack import read
from vae_core.labs.playground import BUGS, SETTINGS, small_digits
from vae_core.labs.scenarios import BETAS, RATES, STEPS


@pytest.fixture(scope="module")
def lab() -> PlaygroundLab:
    return PlaygroundLab()


def word(lab, name):
    return lab.values[name]


def test_the_controls_begin_where_the_settings_do(lab):
    assert float(word(lab, "beta")) == SETTINGS["beta"] and float(word(lab, "lr")) == SETTINGS["lr"]
    for name in ("latent", "hidden", "sigma", "batch", "warmup", "free"):
        assert float(word(lab, name).split()[0]) == SETTINGS[name], name  # a word may have its unit
    assert (word(lab, "noise") == "on") == SETTINGS["sample"] and word(lab, "bug") == "none"
    assert word(lab, "activation").lower() == SETTINGS["activation"]
    assert word(lab, "likelihood").lower() == SETTINGS["likelihood"] and word(lab, "seed") == SETTINGS["seed"]


def test_every_bug_can_be_chosen_and_has_its_lines(lab):
    assert lab.controls["bug"].options[1:] == tuple(BUGS)
    assert lab.canvas.spec["bugs"] == {name: [bug.wrong, bug.right, bug.short] for name, bug in BUGS.items()}


def test_few_controls_are_in_sight_and_no_press_stands_in_an_address(lab):
    seen = [c.name for c in lab.specification if isinstance(c, Slider | Choice) and not c.folded]
    assert seen == ["beta", "lr", "noise", "bug"]
    assert all(not control.kept for control in lab.specification if isinstance(control, Press))


def test_beta_and_learning_rate_go_from_little_to_much():
    assert BETAS[0] == 0 and BETAS[-1] == 100 and all(a < b for a, b in itertools.pairwise(BETAS))
    assert all(1.4 < b / a <= 2.5 for a, b in itertools.pairwise(RATES))


def test_a_scenario_asks_one_thing_and_starts_nothing(lab):
    """What it sets are settings alone; each differs from those before it."""
    states = [tuple(sorted(step.state.items())) for step in STEPS]
    assert len(STEPS) >= 12 and len(set(states)) == len(states)
    for step, told in zip(STEPS, lab.canvas.spec["steps"], strict=True):
        assert not {"run", "advance", "again"} & step.state.keys()
        assert "?" in step.words and "*Start" in step.words, step.words
        assert told["watch"]


def test_start_is_called_pause_while_it_runs():
    lab = PlaygroundLab()
    button = lab.controls["run"]
    assert button.description == "Start"
    button.click()
    assert button.description == "Pause" and lab.values["run"] == 1
    lab.canvas.set_trait("run", 2)  # the browser itself: out of sight
    assert button.description == "Start"
    lab.close()


def test_the_digits_that_travel_are_the_small_ones(lab):
    _, _, test, labels = small_digits()
    packed = read(lab.canvas.data, lab.canvas.spec["test"]).reshape(-1)
    unpacked = np.stack([packed >> 4, packed & 15], 1).reshape(len(test), -1) * 17
    np.testing.assert_array_equal(unpacked, test.numpy())
    assert read(lab.canvas.data, lab.canvas.spec["test_labels"]).tolist() == labels.tolist()
    assert labels[:10].tolist() == list(range(10))


@pytest.mark.parametrize("width", [309, 343, 520, 640, 766])
@pytest.mark.parametrize("latent", ["1", "2", "16"])
def test_before_anything_has_come_all_is_in_its_place(lab, width, latent):
    """Painted in Node, where no state has arrived: nothing outside the picture, no number but a place for each."""
    (frame,) = frames(lab, state_of(lab, latent=latent), width=width)
    for name, box in frame["regions"].items():
        assert -1 <= box["x"] and box["x"] + box["width"] <= width + 1, (name, box)
        assert -1 <= box["y"] and box["y"] + box["height"] <= frame["height"] + 1, (name, box)
    parts = [frame["regions"][name] for name in ("map", "grid", "rows", "pad", "curves", "paths", "units")]
    for i, one in enumerate(parts):
        for other in parts[:i]:
            across = min(one["x"] + one["width"], other["x"] + other["width"]) - max(one["x"], other["x"])
            down = min(one["y"] + one["height"], other["y"] + other["height"]) - max(one["y"], other["y"])
            assert min(across, down) <= 8, (one, other)
    assert {tile["name"]: tile["value"] for tile in frame["tiles"]} == {
        "Step": "0",
        "−ELBO, test": "…",
        "Distortion": "…",
        "Rate": "…",
    }
    assert "step" not in frame["summary"].lower()


def test_images_of_ones_own_are_taken_if_they_are_grey():
    lab = PlaygroundLab(ImageSet.of(torch.rand(300, 1, 28, 28), labels=torch.arange(300) % 3))
    assert lab.canvas.spec["train"]["shape"][1] == 98
    with pytest.raises(ValueError, match="takes grey images, not of 3 channels"):
        PlaygroundLab(ImageSet.of(torch.rand(30, 3, 28, 28)))
