"""DrawLab's steps keep their promises, by the numbers and pictures that the lab itself shows. Drawing and model are the same whatever
the data are; the test digits beside them are not."""

import pytest
from drive import by_neighbours, frames, number, state_of

from vae_core.labs import DrawLab

DRAWS = 8


@pytest.fixture(scope="module")
def lab() -> DrawLab:
    return DrawLab()


def note(frame, tile):
    (found,) = (each["note"] for each in frame["tiles"] if each["name"] == tile)
    return found


def share(frame, tile):
    """The percent of test digits that cost less."""
    words = note(frame, tile).split(";")[0]
    return 100 if "every" in words else int(words.split()[1])


def back(frame):
    """The drawing that is given back."""
    return frame["pictures"][1]


def draws(frame):
    return frame["pictures"][2 : 2 + DRAWS]


def same_axes(*shown):
    axes = [[call for call in frame["calls"] if call[0] == "axis"] for frame in shown]
    assert len(axes[0]) == 3 and all(each == axes[0] for each in axes)
    return True


def lines(frame):
    """The colours of the upright lines over the hills."""
    top = frame["regions"]["hills"]["y"]
    return [
        call[2]["colour"]
        for call in frame["calls"]
        if call[0] == "line" and call[1][0][1] > top and call[1][0][0] == call[1][1][0]
    ]


def test_step_1_a_4_comes_back_a_little_different_at_ordinary_costs(lab, images):
    (frame,) = frames(lab, state_of(lab, 1))
    gets, given = (picture["pixels"] for picture in (frame["pictures"][0], back(frame)))
    apart = sum((a - b) ** 2 for a, b in zip(gets, given, strict=True)) / sum(a**2 for a in gets)
    assert 0.02 < apart < 0.3
    assert lines(frame) == ["distortion", "rate"]
    if images.name == "mnist":
        assert by_neighbours(images, [back(frame), *draws(frame)]) == (1 + DRAWS) * [4]
        assert all(10 < share(frame, tile) < 60 for tile in ("Distortion", "Rate"))


def test_step_2_three_pixels_raise_both_costs_and_five_the_distortion_alone(lab, images):
    begun, three, five = frames(lab, *(state_of(lab, 2, right=right) for right in (0.0, 3.0, 5.0)))
    assert same_axes(begun, three, five)
    inks = [sum(frame["pictures"][0]["pixels"]) for frame in (begun, three, five)]
    assert inks == pytest.approx(3 * inks[:1], rel=1e-3)
    floors = [frame["notes"][0]["words"] for frame in (begun, three, five)]
    assert floors == 3 * floors[:1], "the greys are the same"
    for tile, more in (("Distortion", 80), ("Rate", 5)):
        assert number(three, tile) > number(begun, tile) + more
    assert abs(number(five, "Rate") - number(begun, "Rate")) < 0.5
    assert number(five, "Distortion") > 2 * number(three, "Distortion") > 2 * number(begun, "Distortion")
    assert lines(three) == ["muted", "distortion", "muted", "rate"]
    if images.name == "mnist":
        assert min(share(three, "Distortion"), share(three, "Rate")) >= 98
        assert share(five, "Distortion") == 100 and share(five, "Rate") < 50


def test_step_3_a_face_comes_back_as_a_0_and_only_the_distortion_tells(lab, images):
    (frame,) = frames(lab, state_of(lab, 3))
    assert number(frame, "Distortion") > 200
    if images.name == "mnist":
        assert by_neighbours(images, [back(frame)]) == [0]
        assert share(frame, "Distortion") == 100 and 20 < share(frame, "Rate") < 80


def test_step_4_the_draws_are_4s_and_9s(lab, images):
    shown = frames(lab, *(state_of(lab, 4, draw=draw) for draw in range(4)))
    pictures = [picture for frame in shown for picture in draws(frame)]
    assert len({tuple(picture["pixels"]) for picture in pictures}) == 4 * DRAWS
    if images.name == "mnist":
        for frame in shown:
            assert set(by_neighbours(images, draws(frame))) == {4, 9}
        assert 5 <= by_neighbours(images, pictures).count(4) <= 27


def test_step_5_a_dash_costs_an_ordinary_distortion_and_only_the_rate_tells(lab, images):
    (frame,) = frames(lab, state_of(lab, 5))
    assert "A ready drawing, dash." in frame["summary"]
    if images.name == "mnist":
        assert share(frame, "Distortion") < 60 and share(frame, "Rate") >= 98
