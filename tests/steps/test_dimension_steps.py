"""DimensionLab's steps keep their promises, by the numbers and pictures that the lab itself shows."""

import re
from itertools import pairwise

import pytest
import torch
from drive import by_neighbours, frames, state_of

from vae_core.labs import DimensionLab
from vae_core.labs.dimension import DIMENSIONS, DRAWS

COST = re.compile(r"(\d+) dimensions, (\d+) active: distortion ([\d.]+), rate ([\d.∞]+), sum ([\d.∞]+)")


@pytest.fixture(scope="module")
def lab() -> DimensionLab:
    return DimensionLab()


def costs(frame):
    """Distortion and rate by dimension."""
    found = COST.findall(frame["summary"])
    return {int(units): (float(distortion), float(rate.replace("∞", "inf"))) for units, _, distortion, rate, _ in found}


def active(frame):
    return {int(units): int(used) for units, used, *_ in COST.findall(frame["summary"])}


def drawings(frame):
    """The four draws by dimension."""
    rows = frame["pictures"][-DRAWS * len(DIMENSIONS) :]
    return {size: rows[DRAWS * i : DRAWS * (i + 1)] for i, size in enumerate(DIMENSIONS)}


def apart(one, other):
    """How far pixels are from each other: the mean and the most."""
    pixels = [torch.tensor([picture["pixels"] for picture in pictures]) for pictures in (one, other)]
    off = (pixels[0] - pixels[1]).abs()
    return off.mean().item(), off.max().item()


def same_axes(*shown):
    """One scale for every digit, noise and term: the axis of nats and the words that say how high the units' boxes are."""
    axes = [([call for call in frame["calls"] if call[0] == "axis"], frame["words"].count("8 nats")) for frame in shown]
    assert axes[0][0] and axes[0][1] == 1 and all(each == axes[0] for each in axes)
    return True


def bars(frame):
    """How high each unit's bar is, dimension by dimension: of the active ones, and of the others."""
    units = frame["regions"]["units"]
    found = [
        c for c in frame["calls"] if c[0] == "box" and c[1] >= units["x"] and c[5].get("fill") in ("rate", "muted")
    ]
    rows = {}
    for _, _, y, _, height, style in found:
        size = DIMENSIONS[-1 - round((units["y"] + units["height"] - y - height) / 60)]
        rows.setdefault(size, {"rate": [], "muted": []})[style["fill"]].append(height)
    return rows


def test_step_1_two_dimensions_draw_another_digit_and_ten_are_as_good_as_fifty(lab, images):
    (frame,) = frames(lab, state_of(lab, 1))
    drawn = drawings(frame)
    assert [len(pictures) for pictures in drawn.values()] == 6 * [DRAWS]
    if images.name == "mnist":
        digits = {size: set(by_neighbours(images, pictures)) for size, pictures in drawn.items()}
        assert digits == {2: {9}} | {size: {4} for size in DIMENSIONS[1:]}
        to_x = {size: apart(pictures, DRAWS * [frame["pictures"][20]])[0] for size, pictures in drawn.items()}
        assert to_x[2] > 1.3 * to_x[5] > 1.6 * to_x[8] and to_x[50] > 0.8 * to_x[8]


def test_step_2_the_distortion_falls_and_the_rate_rises_on_one_scale(lab, images):
    digits = lab.controls["digit"].options
    shown = frames(lab, state_of(lab, 2), *(state_of(lab, 2, digit=digit) for digit in digits))
    assert same_axes(*shown)
    rates = [[rate for _, rate in costs(frame).values()] for frame in shown]
    assert all(rate[0] < rate[1] < max(rate[2:]) for rate in rates)
    if images.name == "mnist":
        distortions = [distortion for distortion, _ in costs(shown[0]).values()]
        assert all(wide < narrow - 2 for narrow, wide in pairwise(distortions))
        assert all(wide > narrow for narrow, wide in pairwise(rates[0]))
        assert sum(costs(frame)[2][0] > costs(frame)[10][0] for frame in shown[1:]) == len(digits)


def test_step_3_fourteen_of_fifty_bars_are_not_flat_and_at_0_none_has_an_end(lab, images):
    begun, point = frames(lab, state_of(lab, 3), state_of(lab, 3, noise=0.0))
    assert same_axes(begun, point)
    used = active(begun)
    for size, heights in bars(begun).items():
        assert (len(heights["rate"]), len(heights["muted"])) == (used[size], size - used[size])
        assert set(heights["muted"]) <= {1.5}, "a flat bar is a line"
        assert min(heights["rate"]) > 1.5
    if images.name == "mnist":
        assert used == {2: 2, 5: 5, 8: 8, 10: 10, 20: 13, 50: 14}
    assert "50 dimensions" in begun["words"] and f"{used[50]} active" in begun["words"]
    assert all(rate == float("inf") for _, rate in costs(point).values())
    endless = [call for call in point["calls"] if call[0] == "endless"]
    assert sum(way == "up" for _, _, way, _ in endless) == sum(DIMENSIONS) and len(endless) == sum(DIMENSIONS) + 6
    assert point["words"].count("∞ ↑") == 6
    assert all(picture["pixels"] == row[0]["pixels"] for row in drawings(point).values() for picture in row)


def test_step_4_noise_on_grey_units_costs_and_changes_no_drawing(lab, images):
    begun, grey, used = frames(
        lab, state_of(lab, 4), state_of(lab, 4, noise=3.0), state_of(lab, 4, noise=3.0, on="active")
    )
    assert same_axes(begun, grey, used)
    for size in (20, 50):
        before, after = costs(begun)[size], costs(grey)[size]
        idle = size - active(begun)[size]
        assert after[1] - before[1] == pytest.approx(2.9 * idle, rel=0.02)  # (9 − 1 − log 9) / 2 each
        assert abs(after[0] - before[0]) < 1
        mean, most = apart(drawings(begun)[size], drawings(grey)[size])
        assert mean < 0.005 and most < 0.1
        assert apart(drawings(begun)[size], drawings(used)[size])[0] > 10 * mean
    for size in (2, 5, 8, 10):  # where no unit is grey nothing happens
        assert costs(grey)[size] == costs(begun)[size] and drawings(grey)[size] == drawings(begun)[size]
    if images.name == "mnist":
        for size in DIMENSIONS:
            assert (
                sum(costs(used)[size]) > sum(costs(begun)[size]) + 5
                and costs(used)[size][0] > costs(begun)[size][0] + 10
            )


def test_step_5_a_1_gains_nothing_from_more_than_two_dimensions_and_the_second_8_does(lab, images):
    one, eight = frames(lab, state_of(lab, 5), state_of(lab, 5, digit="8, another"))
    assert same_axes(one, eight)
    if images.name == "mnist":
        total = {size: sum(terms) for size, terms in costs(one).items()}
        assert min(total, key=total.__getitem__) == 2 and total[10] - total[2] < 3
        assert all(set(by_neighbours(images, pictures)) == {1} for pictures in drawings(one).values())
        total = {size: sum(terms) for size, terms in costs(eight).items()}
        assert all(total[2] > total[size] + 30 for size in DIMENSIONS[1:])
        assert {size: by_neighbours(images, drawings(eight)[size])[0] for size in (8, 20)} == {8: 8, 20: 8}
