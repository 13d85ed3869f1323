"""Each step of ElboLab does what its sentence says."""

import re
from itertools import product

import numpy as np
import pytest
import torch
from drive import frames, state_of

from vae_core.exact import EXACT_MODELS
from vae_core.labs.elbo import BUMPS, DECODERS, LINEAR, MEAN, STD, ElboLab

DESK, PHONE = 766, 319
GRID = [{"mean": mean, "std": std} for mean, std in product((-3.0, -1.2, 0.0, 0.8, 3.0), (0.05, 0.6, 1.2, 2.0))]


@pytest.fixture(scope="module")
def lab():
    return ElboLab()


@pytest.fixture(scope="module")
def propose():
    return ElboLab(steps="proposing")


def number(frame, what):
    """log p(x), the ELBO or KL, as the equation above the bars has it."""
    found = re.match(r"(\S+) = (\S+) \+ (\S+) nats", equation(frame))
    assert found
    return float(found[("log p(x)", "ELBO", "KL").index(what) + 1].replace("−", "-"))


def upper(frame):
    """Where the bar of log p(x) ends."""
    (box,) = [call for call in frame["calls"] if call[0] == "box" and call[-1].get("fill") == "ink"]
    return box[1] + box[3]


def red(frame):
    """How many pixels the gap takes, of which one is there to be seen whatever it is."""
    (box,) = [call for call in frame["calls"] if call[0] == "box" and call[-1].get("fill") == "gap"]
    return box[3]


def equation(frame):
    """The numbers above the bars."""
    said = ["".join(words for words, _ in call[1]) for call in frame["calls"] if call[0] == "words"]
    return next(words for words in said if " nats" in words)


def curve(frame, colour, width):
    """The heights of a curve over z, in pixels above the axis."""
    curves = frame["regions"]["curves"]
    (points,) = [
        call[1]
        for call in frame["calls"]
        if call[0] == "line"
        and (call[-1]["colour"], call[-1].get("width")) == (colour, width)
        and not call[-1].get("dash")
        and len(call[1]) > 50
        and call[1][0][0] == curves["x"]
        and call[1][-1][0] == curves["x"] + curves["width"]
    ]
    z, y = np.array(points).T
    return 8 * (z - curves["x"]) / curves["width"] - 4, curves["y"] + curves["height"] - 20 - y


def q_of(frame):
    return curve(frame, "accent", 2.5)


def posterior_of(frame):
    return curve(frame, "ink", 2.5)


def off(frame):
    """The numbers of what lies beyond the left end of the nats."""
    return [call[1] for call in frame["calls"] if call[0] == "beyond" and call[4] == -1]


def axes(frame):
    return [call for call in frame["calls"] if call[0] == "axis"]


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_step_1_where_the_red_bar_is_gone_q_lies_on_the_posterior(lab, width):
    begun, fitted = frames(lab, state_of(lab, 1), state_of(lab, 1, mean=0.8, std=0.6), width=width)
    assert red(begun) > 60 and red(fitted) == 1 and number(fitted, "KL") == 0
    assert equation(fitted).endswith(" nats: q = posterior") and equation(begun).endswith(" nats, least 0")
    assert np.abs(q_of(begun)[1] - posterior_of(begun)[1]).max() > 30
    assert np.abs(q_of(fitted)[1] - posterior_of(fitted)[1]).max() < 1e-6
    assert begun["handles"][0]["to"].keys() == {"mean"} and begun["handles"][1]["to"].keys() == {"std"}


@pytest.mark.parametrize("width", [DESK, PHONE])
@pytest.mark.parametrize("decoder", DECODERS)
def test_step_2_the_upper_bar_stands_still_while_q_moves_and_moves_with_x(lab, decoder, width):
    still = frames(lab, *(state_of(lab, 2, decoder=decoder, **q) for q in GRID), width=width)
    assert np.ptp([upper(frame) for frame in still]) == 0
    assert all(axes(frame) == axes(still[0]) for frame in still)
    assert {number(frame, "log p(x)") for frame in still} == {number(still[0], "log p(x)")}
    assert all(
        (len(off(frame)) == 2) == (number(frame, "ELBO") < -10) for frame in still
    )  # cut, with an arrow and its number
    assert all(
        off(frame) in ([], [f"−{-number(frame, 'ELBO'):.1f}", f"{-number(frame, 'ELBO'):.1f}"]) for frame in still
    )
    moved = frames(lab, *(state_of(lab, 2, decoder=decoder, x=x) for x in (-0.5, 0.0, 1.0, 2.0, 3.0)), width=width)
    assert np.ptp([upper(frame) for frame in moved]) > 40 and all(axes(frame) == axes(still[0]) for frame in moved)


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_step_3_the_red_bar_grows_and_on_one_bump_is_least(lab, width):
    best_on_both = state_of(lab, 3, mean=0.0, std=0.85)
    begun, narrow, both, left, right = frames(
        lab,
        state_of(lab, 3),
        state_of(lab, 3, std=0.2),
        best_on_both,
        *(state_of(lab, 3, mean=side, std=0.2) for side in (-1.3, 1.3)),
        width=width,
    )
    z, heights = posterior_of(begun)
    inner = [i for i in range(1, len(z) - 1) if heights[i] > max(heights[i - 1], heights[i + 1]) and heights[i] > 20]
    assert len(inner) == 2
    assert 4 * min(red(left), red(right)) < red(both) < red(begun) < red(narrow) - 20 and not off(narrow)
    for one in (left, right):
        assert number(one, "KL") == pytest.approx(0.724, abs=5e-4)
        assert equation(one).endswith("+ 0.724 nats, least 0.724")
        assert red(one) > 15
    answers = [gap_at(lab, BUMPS, 2.0, mean, std) for mean in (-0.2, 0.0, 0.2) for std in np.arange(0.6, 2.01, 0.05)]
    assert min(answers) == pytest.approx(number(both, "KL"), abs=1e-3)  # no q over both does better


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_step_4_a_small_red_bar_remains(lab, width):
    begun, best, *others = frames(
        lab,
        state_of(lab, 4),
        state_of(lab, 4, mean=1.0, std=0.4),
        *(state_of(lab, 4, mean=1 + a / 20, std=0.4 + b / 20) for a, b in product(range(-4, 5), range(-4, 5))),
        width=width,
    )
    least = min(number(frame, "KL") for frame in others)
    assert number(best, "KL") == least == pytest.approx(0.074, abs=5e-4)
    assert equation(best).endswith("least 0.074") and 1.5 < red(best) < 0.1 * red(begun)


def test_propose_1_what_is_left_is_the_least_that_is_named(propose):
    begun, fitted = frames(propose, state_of(propose, 1), state_of(propose, 1, mean=1.3, std=0.2))
    assert number(begun, "KL") > 3 and number(fitted, "KL") == pytest.approx(0.724, abs=5e-4)
    assert equation(fitted).endswith("least 0.724") and 40 < red(fitted) < 60


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_propose_2_the_wide_q_is_called_far_worse(propose, width):
    narrow, wide = frames(propose, state_of(propose, 2), state_of(propose, 2, mean=0.0, std=1.2), width=width)
    assert number(wide, "KL") == pytest.approx(7.016, abs=5e-4) and red(wide) > 9 * red(narrow)
    assert off(wide) == []


def test_propose_3_only_the_wide_q_draws_on_both_bumps(propose):
    wide, narrow = frames(propose, state_of(propose, 3), state_of(propose, 3, mean=1.3, std=0.2))
    assert {"128 of 256 draws ←", "→ 128"} <= set(wide["words"])
    assert {"0 of 256 draws ←", "→ 256"} <= set(narrow["words"])
    for frame, least, most in ((narrow, 0, 1e-6), (wide, 20, 90)):
        z, heights = q_of(frame)
        bumps = posterior_of(frame)[1] > 0.1 * posterior_of(frame)[1].max()
        drawn = 256 * heights[bumps & (z < 0)].sum() / heights.sum()
        assert least <= drawn < most
    assert q_of(wide)[1][np.argmin(np.abs(q_of(wide)[0] + 1.35))] > 10


def test_the_handles_of_q_are_apart_and_inside_whatever_q_is(lab):
    for width in (DESK, PHONE):
        shown = frames(lab, *(state_of(lab, decoder=decoder, **q) for decoder in DECODERS for q in GRID), width=width)
        for frame in shown:
            top, side, _ = frame["handles"]
            box = frame["regions"]["curves"]
            assert np.hypot(top["x"] - side["x"], top["y"] - side["y"]) > 24
            assert all(box["x"] < each["x"] < box["x"] + box["width"] and box["y"] < each["y"] for each in (top, side))


def test_the_width_is_dragged_from_where_it_stands_also_at_the_edge(lab):
    (frame,) = frames(lab, state_of(lab, mean=3.0, std=1.8))
    assert frame["handles"][1]["to"]["std"] == pytest.approx(1.8 + 10 / (482 / 8), abs=0.01)
    assert ["beyond", "mean + std: 4.80"] in [call[:2] for call in frame["calls"]]


def test_a_q_too_tall_is_cut_with_its_height_and_changes_no_other_curve(lab):
    wide, tall = frames(lab, state_of(lab, decoder=LINEAR), state_of(lab, decoder=LINEAR, std=0.05))
    assert "↑ 8.0" in tall["words"] and not any(word.startswith("↑") for word in wide["words"])
    np.testing.assert_array_equal(posterior_of(wide)[1], posterior_of(tall)[1])


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_a_bar_beyond_the_axis_leaves_a_stub_of_its_colour_beside_it(lab, width):
    (frame,) = frames(lab, state_of(lab, decoder=BUMPS, x=-3.0), width=width)
    assert number(frame, "log p(x)") < -10
    end = axes(frame)[-1][1]["x"]
    stubs = [call for call in frame["calls"] if call[0] == "box" and call[1] + call[3] == end]
    assert [call[-1].get("fill") or call[-1]["stroke"] for call in stubs][:3] == ["ink", "ink", "gap"]
    breaks = [call for call in frame["calls"] if call[0] == "box" and call[-1].get("fill") == "paper"]
    assert len(breaks) == len(off(frame)) == 3 and {call[1] for call in breaks} == {end}, "a number stands on no bar"


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_the_arrows_of_the_handle_of_x_stay_inside(lab, width):
    for frame in frames(lab, state_of(lab, x=-3.0), state_of(lab, x=3.0), width=width):
        chart, handle = frame["regions"]["chart"], frame["handles"][2]
        assert chart["x"] + 18 < handle["x"] < chart["x"] + chart["width"] - 18


def gap_at(lab, decoder, x, mean, std):
    lab.controls["decoder"].index = DECODERS.index(decoder)
    for name, value in {"x": x, "mean": mean, "std": std}.items():
        lab.controls[name].value = value
    found = lab.answer()["gap"]
    for control in lab.specification:
        widget = lab.controls[control.name]
        setattr(widget, control.linked, control.value)
    return found


def test_no_q_on_the_sliders_comes_below_the_least_gap_that_is_told(lab):
    """Every mean and std of the sliders, at three x of each decoder."""
    mean, std = (torch.arange(s.min, s.max + s.step / 2, s.step, dtype=torch.float64) for s in (MEAN, STD))
    pairs = torch.cartesian_prod(mean, std)
    for model, told in zip(EXACT_MODELS.values(), lab.canvas.spec["least"], strict=True):
        for i in (4, 16, 20):
            x = torch.full((len(pairs),), -3 + 0.25 * i, dtype=torch.float64)
            assert told[i] == pytest.approx(abs(model.gap(x, *pairs.T).min().item()), abs=1e-5)
