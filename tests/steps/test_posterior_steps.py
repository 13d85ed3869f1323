"""PosteriorLab's steps keep their promises, by the numbers and pictures that the lab itself shows."""

import re

import pytest
from drive import by_neighbours, frames, number, state_of

from vae_core.labs import PosteriorLab

DRAWS = 8


@pytest.fixture(scope="module")
def lab() -> PosteriorLab:
    return PosteriorLab()


@pytest.fixture(scope="module")
def losses() -> PosteriorLab:
    return PosteriorLab(steps="losses")


LINE = re.compile(r"theirs: distortion / 784 \+ rate = ([\d.]+) \(before: ([\d.]+)\)")


def drawings(frame):
    """The eight draws, decoded."""
    return frame["pictures"][-DRAWS:]


def same_axes(*shown):
    """No axis has moved: the posterior's and that of the cost."""
    axes = [[call for call in frame["calls"] if call[0] == "axis"] for frame in shown]
    assert len(axes[0]) == 2 and all(each == axes[0] for each in axes)
    return True


def cost_bars(frame):
    """Of the two bars of the cost, from the left: where each part begins and how long it is."""
    y = frame["regions"]["cost"]["y"]
    return [call[1:4] for call in frame["calls"] if call[0] == "box" and call[2] > y and call[5].get("fill") != "muted"]


def other_loss(frame):
    """Of somebody who divides the distortion by the number of pixels."""
    return number(frame, "Distortion") / 784 + number(frame, "Rate")


def test_step_1_other_draws_are_the_same_digit(lab, images):
    shown = frames(lab, *(state_of(lab, 1, draw=draw) for draw in range(6)))
    pictures = [picture for frame in shown for picture in drawings(frame)]
    assert len({tuple(picture["pixels"]) for picture in pictures}) == 6 * DRAWS and same_axes(*shown)
    assert len({number(frame, "Rate") for frame in shown}) == 1
    if images.name == "mnist":
        assert set(by_neighbours(images, pictures)) == {9}


def test_step_2_a_point_has_no_end_of_its_rate(lab):
    begun, point = frames(lab, state_of(lab, 2), state_of(lab, 2, stretch=0.0))
    assert number(point, "Rate") == float("inf") > 100 > number(begun, "Rate")
    assert same_axes(begun, point)
    assert [call[0] for call in point["calls"]].count("endless") == 1
    assert "endless" not in [call[0] for call in begun["calls"]]
    bars = [[call for call in frame["calls"] if call[0] == "box" and call[5].get("fill") == "accent"] for frame in (begun, point)]  # fmt: skip
    assert all(bar[3] > 4 for bar in bars[0]) and all(bar[3] == 2 for bar in bars[1])


def test_step_3_four_times_the_variance_draws_other_digits(lab, images):
    begun, wide = frames(lab, state_of(lab, 3), state_of(lab, 3, stretch=4.0))
    assert number(wide, "Rate") < number(begun, "Rate") - 5
    assert (
        same_axes(begun, wide) and cost_bars(begun)[-2:] == cost_bars(wide)[-2:]
    )  # the lower bar is what it was before
    if images.name == "mnist":
        assert by_neighbours(images, drawings(begun)) == DRAWS * [9]
        assert sorted(by_neighbours(images, drawings(wide))) == 3 * [7] + 5 * [9]  # chapter 1 tells it
        assert number(wide, "Distortion") > number(begun, "Distortion") + 10
        assert number(wide, "ELBO") < number(begun, "ELBO") - 5


def test_step_4_a_shifted_unit_draws_a_clean_7(lab, images):
    begun, half, shifted = frames(lab, *(state_of(lab, 4, shift=shift) for shift in (0.0, -0.5, -1.5)))
    assert same_axes(begun, half, shifted) and number(shifted, "ELBO") < number(half, "ELBO") < number(begun, "ELBO")
    (other,) = frames(lab, state_of(lab, 3))
    assert number(other, "ELBO") == number(begun, "ELBO"), "the same draws as in the step before"
    if images.name == "mnist":
        assert by_neighbours(images, drawings(begun)) == DRAWS * [9]
        assert by_neighbours(images, [*drawings(shifted), shifted["pictures"][-DRAWS - 1]]) == (DRAWS + 1) * [7]
        assert 7 in by_neighbours(images, drawings(half))


def test_a_cost_beyond_the_axis_still_shows_its_rate(lab):
    (frame,) = frames(lab, state_of(lab, shift=-3.0))
    (rate,) = [c for c in frame["calls"] if c[0] == "box" and c[5].get("fill") == "rate" and c[5]["alpha"] == 1]
    assert number(frame, "Rate") > 20 and rate[3] >= 4


def test_losses_1_the_cost_is_least_where_the_encoder_left_the_cloud(losses):
    stretches = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0)
    shown = frames(losses, *(state_of(losses, 1, stretch=stretch) for stretch in stretches))
    costs = [-number(frame, "ELBO") for frame in shown]
    assert same_axes(*shown)
    assert 0.75 <= stretches[costs.index(min(costs))] <= 1.5
    assert min(costs[0], costs[-1]) > min(costs) + 2


def test_losses_2_the_other_loss_is_least_at_the_end_of_the_slider(losses):
    shown = frames(losses, *(state_of(losses, 2, stretch=stretch) for stretch in (0.25, 0.5, 1.0, 2.0, 3.0, 4.0)))
    theirs = [other_loss(frame) for frame in shown]
    assert theirs == sorted(theirs, reverse=True) and theirs[-1] < theirs[2] - 5
    lines = [next(word for word in frame["words"] if word.startswith("theirs")) for frame in shown]
    said = [tuple(map(float, match.groups())) for line in lines if (match := LINE.fullmatch(line))]
    assert len(said) == len(lines)
    assert said == [pytest.approx((loss, theirs[2]), abs=0.11) for loss in theirs]  # of rounded terms
    assert "4" == f"{losses.controls['stretch'].max:g}"


def test_losses_3_the_other_loss_gains_where_a_9_is_drawn_as_a_1(losses, images):
    begun, shifted = frames(losses, state_of(losses, 3), state_of(losses, 3, shift=-1.0))
    assert same_axes(begun, shifted)
    if images.name == "mnist":
        assert number(shifted, "ELBO") < number(begun, "ELBO") - 100
        assert other_loss(shifted) < other_loss(begun) - 0.2
        assert by_neighbours(images, drawings(begun)) == DRAWS * [9]
        assert by_neighbours(images, drawings(shifted)).count(1) >= 6
