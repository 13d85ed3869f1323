"""Each step of BoundLab does what its sentence says. The digit is in the package, so all of it holds whatever the data are."""

import pytest
from drive import frames, number, state_of

from vae_core.labs import BoundLab
from vae_core.labs.bound import SIZES

BOUND, MISSING = "Bound at K = ", "Below log p(x)"


@pytest.fixture(scope="module")
def lab() -> BoundLab:
    return BoundLab()


def along(lab, step, sizes=SIZES, **acts):
    """What stands at each of these K, with q as the step's reader has set it."""
    return frames(lab, *(state_of(lab, step, k=k, **acts) for k in sizes))


def bounds(lab, shown, sizes=SIZES):
    assert same_axes(*shown)
    return [number(frame, BOUND + k) for frame, k in zip(shown, sizes, strict=True)]


def same_axes(*shown):
    axes = [[call for call in frame["calls"] if call[0] == "axis"] for frame in shown]
    assert len(axes[0]) == 2 and all(each == axes[0] for each in axes)
    return True


def spread(frame):
    (note,) = (tile["note"] for tile in frame["tiles"] if tile["name"].startswith(BOUND))
    return float(note.split()[1]) if note.startswith("spread") else None


def test_step_1_the_bound_rises_to_the_line_and_its_spread_shrinks(lab):
    shown = along(lab, 1)
    rises = bounds(lab, shown)
    assert rises[:10] == sorted(rises[:10]) and rises[-1] > rises[0] + 1.4
    spreads = [each for frame in shown if (each := spread(frame)) is not None]
    assert len(spreads) == len(SIZES) - 1 and spreads[8] < spreads[0] / 4
    assert max(rises[-3:]) - min(rises[-3:]) < 0.05 and abs(number(shown[-1], MISSING)) < 0.1


def test_step_2_a_wider_q_falls_at_1_and_has_come_back_at_100(lab):
    sizes = ("1", "100", "5,000")
    begun = bounds(lab, along(lab, 2, sizes), sizes)
    shown = along(lab, 2, sizes, stretch=1.5)
    wide = bounds(lab, shown, sizes)
    assert -2.3 < wide[0] - begun[0] < -1.8
    assert wide[1] > begun[1] - 0.02 and abs(number(shown[-1], MISSING)) < 0.1
    assert number(shown[-1], "Effective size") > 2 * number(along(lab, 2)[-1], "Effective size")


def test_step_3_a_narrow_qs_bound_is_nearly_level_far_below_the_line(lab):
    sizes = ("1,000", "2,500", "5,000")
    shown = along(lab, 3, sizes, stretch=0.5)
    narrow = bounds(lab, shown, sizes)
    assert narrow[-1] - narrow[0] < 0.3 and number(shown[-1], MISSING) > 1.5


def test_step_4_one_draw_has_half_of_the_weight_where_q_looks_beside(lab):
    begun, shifted = frames(lab, state_of(lab, 4), state_of(lab, 4, shift=2.0))
    assert same_axes(begun, shifted)
    share = [float(tile["value"].split()[0]) for frame in (begun, shifted) for tile in frame["tiles"] if tile["name"] == "Largest weight"]  # fmt: skip
    assert share[0] < 10 and share[1] > 40
    assert number(begun, "Effective size") > 50 and number(shifted, "Effective size") < 5
    pieces = [[call for call in frame["calls"] if call[0] == "box" and call[5].get("alpha") == 1] for frame in (begun, shifted)]  # fmt: skip
    assert pieces[1][-1][3] > 5 * pieces[0][-1][3]
    said = [words for call in shifted["calls"] if call[0] == "words" for words, _ in call[1]]
    assert any("5,000 draws are worth 3" in words for words in said)
