"""What each step of GradientLab promises, held to what the lab shows once the reader has acted."""

import re

import pytest
from drive import frames, number, state_of

from vae_core.labs.gradient import BATCHES, FIRST, GradientLab

NAMES = ("pathwise", "score function", "score function, baseline")
TILES = ("Pathwise", "Score function", "… with baseline")
WIDTHS = (766, 317)  # of the canvas on a desk and on a phone


@pytest.fixture(scope="module")
def lab():
    return GradientLab()


def rails(frame):
    """The columns of the dots on both rails, in drawing order: noise, draws."""
    discs = [call[1:3] for call in frame["calls"] if call[0] == "disc"]
    epsilon = discs[0][1]
    z = next(y for _, y in discs if y != epsilon)
    return [[x for x, y in discs if y == rail] for rail in (epsilon, z)]


def axes(frame):
    """Where the ticks of every axis stand, and at its feet the words that are seen there."""
    return [call for call in frame["calls"] if call[0] == "axis"]


def brackets(frame):
    """How long each estimator's bracket is, in pixels."""
    return [frame["regions"][name]["width"] for name in NAMES]


def spreads(frame):
    return [float(tile["note"].split()[1].strip(",")) for tile in frame["tiles"][1:]]


def promises(frame):
    """What the line below the curve says of the way from the ring."""
    told = ["".join(words for words, _ in call[1]) for call in frame["calls"] if call[0] == "words"]
    return [words for words in told if words.startswith("from ○")]


def middle(box):
    return box["x"] + box["width"] / 2


@pytest.mark.parametrize("width", WIDTHS)
def test_step_1_mean_and_std_move_every_z_and_no_noise_and_only_the_button_is_chance(lab, width):
    moved = [{}, {"mean": 0.5}, {"std": 0.9}]
    at, *others, pressed = frames(lab, *(state_of(lab, 1, **act) for act in [*moved, {"draw": 1}]), width=width)
    epsilon, z = rails(at)
    assert len(epsilon) == len(z) == 8
    for other in others:
        assert rails(other)[0] == epsilon
        assert all(abs(new - old) > 0.2 for new, old in zip(rails(other)[1], z, strict=True))
    shifts = [new - old for new, old in zip(rails(others[0])[1], z, strict=True)]
    assert max(shifts) - min(shifts) < 1e-6 and max(shifts) < -10  # all by the same way
    assert not set(rails(pressed)[0]) & set(epsilon) and not set(rails(pressed)[1]) & set(z)
    again, _ = frames(lab, state_of(lab, 1), state_of(lab, 1, mean=0.5), width=width)
    assert rails(again) == [epsilon, z]  # nothing but the button


@pytest.mark.parametrize("width", WIDTHS)
def test_step_2_the_large_dot_rises_by_its_slope_times_the_way_it_went(lab, width):
    places = [0.6 + 0.05 * i for i in range(17)]
    shown = frames(lab, *(state_of(lab, 2, mean=mean) for mean in places), width=width)
    panel = shown[0]["regions"]["curve"]
    up = (panel["height"] - 68) / 10  # pixels for one of f, whose axis ends at 10
    slopes = [
        float(next(word for word in frame["words"] if word.startswith("slope ")).split()[1].replace("−", "-"))
        for frame in shown
    ]
    heights = [float(next(word for word in frame["words"] if word.startswith("height ")).split()[1]) for frame in shown]
    dots = [frame["regions"]["dot"] for frame in shown]
    for i, (before, after, slope) in enumerate(zip(dots, dots[1:], slopes, strict=False)):
        assert heights[i + 1] - heights[i] == pytest.approx(slope * 0.05, abs=0.012)  # as printed, to a hundredth each
        assert after["x"] > before["x"]
        assert (before["y"] - after["y"]) / up == pytest.approx(slope * 0.05, rel=0.03)
        assert panel["y"] < after["y"] < panel["y"] + panel["height"]
    assert axes(shown[0])[0] == axes(shown[-1])[0]

    slope, height, ring = slopes[8], heights[8], middle(dots[8])  # where it begins
    (begun,) = frames(lab, state_of(lab, 2), width=width)
    assert not any("slope" in said for said in promises(begun))
    for mean, frame, now in zip(places, shown, heights, strict=True):
        if abs(mean - 1) < 0.01:
            continue
        (said,) = promises(frame)
        pattern = r"from ○(?: \(mean 1.00, std 0.60\))?: (−?[\d.]+) × slope ([\d.]+) = (−?[\d.]+); (.* [\d.]+)"
        ((way, named, product, went),) = re.findall(pattern, said)
        way, product = (float(text.replace("−", "-")) for text in (way, product))
        assert way == pytest.approx(mean - 1) and float(named) == slope
        assert product == pytest.approx(way * slope, abs=0.008)  # as printed
        rise = (1 if went.startswith("rose") else -1) * float(went.split()[1])
        assert rise == pytest.approx(now - height, abs=0.012)
        assert abs(rise - product) == pytest.approx(way**2, abs=0.012)  # for z²: the smaller the step, the nearer
        rings = [call for call in frame["calls"] if call[0] == "disc" and "fill" not in call[4]]
        assert [call[1] for call in rings] == [pytest.approx(ring)]
        low = panel["y"] + panel["height"]
        assert all(
            call[3] + 4 <= low for call in frame["calls"] if call[0] == "words" and call[1][0][0].startswith("from ○")
        )


@pytest.mark.parametrize("width", WIDTHS)
def test_step_3_each_heap_is_centred_on_the_exact_slope_and_the_pathwise_bracket_is_the_shortest(lab, width):
    shown = frames(lab, *(state_of(lab, 3, draw=draw) for draw in range(FIRST - 1, FIRST + 9)), width=width)
    for frame in shown:
        exact = number(frame, "Exact")
        path, score, baseline = brackets(frame)
        assert path < baseline < score and score > 2.5 * path
        for name, tile, spread in zip(NAMES, TILES, spreads(frame), strict=True):
            assert abs(number(frame, tile) - exact) < 4 * spread / BATCHES**0.5
            line = frame["regions"]["heaps"]
            assert abs(middle(frame["regions"][name]) - middle(line)) < 0.04 * line["width"]
            assert not any("off by" in each["note"] for each in frame["tiles"])
    assert len({frame["summary"] for frame in shown}) == 10


@pytest.mark.parametrize("width", WIDTHS)
def test_step_4_adding_ten_changes_no_slope_and_only_the_plain_score_function_scatters_more(lab, width):
    plain, lifted = frames(lab, state_of(lab, 4), state_of(lab, 4, f="z² + 10"), width=width)
    path, score, baseline = (b / a for a, b in zip(brackets(plain), brackets(lifted), strict=True))
    assert path == pytest.approx(1) and baseline == pytest.approx(1) and score > 4
    assert number(plain, "Exact") == number(lifted, "Exact")
    assert axes(plain) == axes(lifted)  # what is the same looks the same
    assert plain["regions"]["dot"] == pytest.approx(lifted["regions"]["dot"])
    box, heaps = lifted["regions"]["score function"], lifted["regions"]["heaps"]
    assert heaps["x"] < box["x"] and box["x"] + box["width"] < heaps["x"] + heaps["width"]  # whole on the axis


@pytest.mark.parametrize("width", WIDTHS)
def test_step_5_with_a_small_std_one_bracket_shrinks_one_grows_and_one_hardly_changes(lab, width):
    stds = [0.6, 0.5, 0.4, 0.3, 0.2]
    shown = frames(lab, *(state_of(lab, 5, std=std) for std in stds), width=width)
    path, score, baseline = zip(*map(brackets, shown), strict=True)
    assert list(path) == sorted(path, reverse=True) and path[-1] < 0.4 * path[0]
    assert score[-1] / score[0] == pytest.approx(1.34, abs=0.01)  # as by the law
    assert max(baseline) < 1.12 * min(baseline)
    assert all(axes(frame) == axes(shown[0]) for frame in shown)


@pytest.mark.parametrize("width", WIDTHS)
def test_step_6_on_sin_8z_pathwise_scatters_most_and_at_a_jump_it_is_a_point_beside_the_exact_slope(lab, width):
    wave, jump = frames(lab, *(state_of(lab, 6, f=f) for f in ("sin 8z", "1 if z > 0, else 0")), width=width)
    path, *scores = brackets(wave)
    assert path > 3 * max(scores)
    for tile, spread in zip(TILES, spreads(wave), strict=True):  # the draw that the step begins with misleads nobody
        assert abs(number(wave, tile) - number(wave, "Exact")) < 1.5 * spread / BATCHES**0.5
    assert "0, spread 0" in jump["words"] and any(
        "exact: 0.166" in words for call in jump["calls"] if call[0] == "words" for words, _ in call[1]
    )
    path, *scores = brackets(jump)
    assert path < 1e-6 < min(scores)
    off = middle(jump["regions"]["heaps"]) - middle(jump["regions"]["pathwise"])
    assert off > 20  # pixels to the left of the line of the exact slope
    assert number(jump, "Pathwise") == 0 and number(jump, "Exact") > 0.1
    assert jump["tiles"][1]["note"] == "spread 0, off by −0.166"


@pytest.mark.parametrize("f", ["z²", "z² + 10", "(z² − 1)²", "sin 8z", "1 if z > 0, else 0"])
def test_no_slider_and_no_handle_moves_an_axis(f, lab):
    acts = [
        {},
        {"mean": -2},
        {"mean": 2, "std": 1.5},
        {"std": 0.2, "samples": "2"},
        {"samples": "64"},
        {"draw": 30},
        {"by": "std"},
    ]
    shown = frames(lab, *(state_of(lab, f=f, **act) for act in acts))
    assert all(axes(frame) == axes(shown[0]) for frame in shown)
    mean, std = (shown[0]["handles"][i]["to"] for i in (1, 0))
    assert mean["mean"] > 1 and std["std"] < 0.6  # both drawn to the right, the cloud's left edge inwards


def test_what_lies_beyond_an_axis_is_told_at_its_edge(lab):
    acts = {"f": "z² + 10", "std": 0.2, "samples": "2", "mean": 2}
    wide, far = frames(lab, state_of(lab, **acts), state_of(lab, mean=2, std=1.5, samples="64"))
    told = [call[1] for call in wide["calls"] if call[0] == "beyond"]
    spread = next(tile["note"].split()[1] for tile in wide["tiles"] if tile["name"] == "Score function")
    assert (
        any(word.endswith(f", spread {spread}") for word in wide["words"])
        and sum(word.endswith(" more") for word in told) >= 2
    )
    edges = [call for call in far["calls"] if call[0] == "beyond"]
    assert edges and "↑" in far["words"]


def test_an_empty_heap_says_where_its_estimates_are(lab):
    empty = "most lie beyond this axis"
    begun, far = frames(lab, state_of(lab), state_of(lab, f="(z² − 1)²", mean=2, std=1.5))
    assert empty not in begun["words"]
    beyond = [int(call[1].split()[0]) for call in far["calls"] if call[0] == "beyond" and call[1].endswith(" more")]
    assert sum(beyond) > BATCHES / 2 and far["words"].count(empty) >= 1
    assert far["words"].count(empty) * BATCHES / 2 < sum(beyond)
