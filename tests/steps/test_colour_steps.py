"""ColourLab's steps keep their promises, by the numbers and pictures that the lab itself shows, on pictures that are always at hand."""

import numpy as np
import pytest
from drive import frames, number, state_of

from vae_core.labs import ColourLab

CHOSEN, WALK, CLOUD, PRIOR = 7, slice(-23, -16), slice(-16, -8), slice(-8, None)


@pytest.fixture(scope="module")
def lab() -> ColourLab:
    return ColourLab()


def pixels(frame, part):
    return np.array([picture["pixels"] for picture in frame["pictures"][part]])


def top(frame, lab):
    """The image, decoded, and with its pixels drawn."""
    count = len(lab.controls["image"].options)
    return pixels(frame, slice(count, count + 3))


def test_step_1_only_a_width_of_one_loses_the_image(lab):
    names = lab.controls["pixel"].options
    shown = frames(lab, *(state_of(lab, 1, pixel=name) for name in names))
    one, learned, levels = (number(frame, "Error") for frame in shown)
    assert one > 1.15 * learned and one > 1.15 * levels


def test_step_2_a_width_of_one_is_snow(lab):
    begun, learned = frames(lab, state_of(lab, 2), state_of(lab, 2, pixel="σ learned"))
    assert number(begun, "σ") == 255 > 4 * number(learned, "σ")
    snow, less = (np.abs(shown[2] - shown[1]).mean() for shown in (top(begun, lab), top(learned, lab)))
    assert snow > 2 * less


def test_step_3_unit_1_moves_the_image_and_unit_32_hardly(lab):
    states = [state_of(lab, 3, unit=unit, shift=3.0) for unit in ("1", "32")]
    begun, first, last = frames(lab, state_of(lab, 3), *states)
    moved = [np.abs(pixels(frame, WALK)[-1] - pixels(frame, WALK)[0]).mean() for frame in (first, last)]
    assert moved[0] > 2 * moved[1]
    assert np.abs(pixels(first, CLOUD) - pixels(begun, CLOUD)).mean() > 0.01
    assert first["handles"][0]["x"] > begun["handles"][0]["x"]


def test_step_4_a_wide_cloud_costs_and_a_point_has_no_end(lab):
    begun, wide, point = frames(lab, *(state_of(lab, 4, stretch=stretch) for stretch in (1.0, 3.0, 0.0)))
    assert number(wide, "Error") > number(begun, "Error") and number(wide, "Bits") > number(begun, "Bits")
    assert number(point, "Rate") == number(point, "Bits") == float("inf")
    assert number(begun, "Error") - 5 < number(point, "Error") <= number(begun, "Error")


def test_step_5_draws_of_the_cloud_are_alike_and_those_of_the_prior_are_not(lab):
    shown = frames(lab, *(state_of(lab, 5, draw=draw) for draw in range(4)))
    apart = [np.concatenate([pixels(frame, part) for frame in shown]).std(0).mean() for part in (CLOUD, PRIOR)]
    assert apart[1] > 2 * apart[0]
