"""StyleLab's steps keep their promises, by the pictures and numbers that the lab itself shows."""

import numpy as np
import pytest
from drive import by_neighbours, frames, number, state_of

from vae_core.labs import StyleLab

DRAWS, CLASSES = 8, 10


@pytest.fixture(scope="module")
def lab() -> StyleLab:
    return StyleLab()


def row(frame):
    """The same z, drawn as each class."""
    return frame["pictures"][-DRAWS - CLASSES : -DRAWS]


def drawings(frame):
    """The eight draws, decoded."""
    return frame["pictures"][-DRAWS:]


def shape_of(picture):
    """How far a drawing leans to the right, in pixels across for one up, and how wide it is: the spread of its ink, in pixels."""
    ink = np.array(picture["pixels"]).reshape(28, 28)
    up, across = 27 - np.mgrid[:28, :28][0], np.mgrid[:28, :28][1]
    up, across = up - (ink * up).sum() / ink.sum(), across - (ink * across).sum() / ink.sum()
    return (ink * up * across).sum() / (ink * up * up).sum(), ((ink * across**2).sum() / ink.sum()) ** 0.5


def test_step_1_all_ten_lean_as_one_and_grow_wide_or_narrow_each_by_itself(lab, images):
    shifts = (-2.5, -1.5, -0.5, 0.5, 1.5)
    across, up = (
        frames(lab, *(state_of(lab, 1, **{axis: shift}) for shift in shifts)) for axis in ("shift1", "shift2")
    )
    assert len({tuple(picture["pixels"]) for frame in (*across, *up) for picture in row(frame)}) == 100
    if images.name == "mnist":
        leans = np.array([[shape_of(picture)[0] for picture in row(frame)] for frame in across])
        assert (np.diff(leans, axis=0) < 0).mean() > 0.85 and (leans[0] - leans[-1] > 0.2).all()
        widths = np.array([[shape_of(picture)[1] for picture in row(frame)] for frame in up])
        grows = widths[-1] - widths[0]
        assert (grows[[4, 7, 9]] > 0.5).all() and (grows[[2, 6]] < -0.5).all()


def test_step_2_a_wide_cloud_is_never_another_digit(lab, images):
    shown = frames(lab, *(state_of(lab, 2, draw=draw) for draw in range(6)))
    pictures = [picture for frame in shown for picture in drawings(frame)]
    assert len({tuple(picture["pixels"]) for picture in pictures}) == 6 * DRAWS
    if images.name == "mnist":
        assert by_neighbours(images, pictures).count(9) >= 0.9 * len(pictures)


def test_step_3_dark_dots_are_those_of_the_class_and_lie_all_over_the_disc(lab, images):
    means = []
    for label in ("0", "1", "7"):
        (frame,) = frames(lab, state_of(lab, 3, label=label))
        discs = [call for call in frame["calls"] if call[0] == "disc" and call[4].get("fill") == "ink"]
        count = int((images.test_labels[:1000] == int(label)).sum())
        assert len(discs) == count
        places = np.array([call[1:3] for call in discs], dtype=float)
        unit = frame["regions"]["plane"]["width"] - 32
        middle = np.array([frame["regions"]["plane"]["x"] + 26, frame["regions"]["plane"]["y"] + 24]) + unit / 2
        means.append((places.mean(0) - middle) / unit * 7)
        if images.name == "mnist":
            assert (places.std(0) / unit * 7 > 0.5).all(), "as wide as half of the prior, at the least"
    if images.name == "mnist":
        assert np.abs(means).max() < 0.9, "and near its middle"


def test_step_4_a_wrong_label_costs_distortion_and_no_rate(lab, images):
    own, other = frames(lab, state_of(lab, 4, label="its own"), state_of(lab, 4))
    assert number(own, "Rate") == number(other, "Rate")
    if images.name == "mnist":
        assert number(other, "Distortion") > number(own, "Distortion") + 20
        assert by_neighbours(images, row(own)) == list(range(10))
