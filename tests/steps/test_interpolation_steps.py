"""What the steps of `InterpolationLab` promise, by what the lab itself shows.

It gives those that hold for its models: each is asked of the book's own, and of two others. Where one is left out, what it
promises must be missing too.
"""

import re
from itertools import pairwise

import pytest
from drive import frames, number, state_of

from vae_core import load_pretrained
from vae_core.labs import InterpolationLab

LINE, ARC, BLEND = "lerp (line)", "slerp (arc)", "pixels (blend)"
WALK = [i / 20 for i in range(21)]


@pytest.fixture(
    scope="module",
    params=[(), ("ae-2", "vae-2"), ("ae-2-bernoulli", "vae-20")],
    ids=lambda names: " ".join(names) or "own",
)
def lab(request, images) -> InterpolationLab:
    return InterpolationLab(*map(load_pretrained, request.param), images=images)


@pytest.fixture
def certain(lab, images) -> bool:
    """Whether every step must be there: the book's own models, on MNIST."""
    return images.name == "mnist" and {model.latent_dim for model in lab.models} == {10}


def step_of(lab, words) -> int | None:
    """The number of the step that has these words, or none."""
    return next((i + 1 for i, step in enumerate(lab.steps) if words in step.words), None)


def distances(frame):
    return [number(frame, tile["name"]) for tile in frame["tiles"]]


def bands(frame):
    """By model, what the votes say from left to right: a digit for each run of places; and how many agree at each place."""
    boxes = [call for call in frame["calls"] if call[0] == "box" and call[5].get("alpha") == 0.3]
    both = boxes[:25], boxes[25:]
    said = []
    for places in both:
        base = max(y + tall for _, _, y, _, tall, _ in places)
        texts = [
            c for c in frame["calls"] if c[0] == "text" and c[4].get("base") == "middle" and c[4].get("weight") == 700
        ]
        runs = [int(text) for _, text, _, y, _ in texts if base - 20 < y < base]
        said.append((runs, [round(10 * tall / 17) for *_, tall, _ in places]))
    return said


def shown(frame):
    """The distances beside the large drawings, by model."""
    return [float(word) for word in frame["words"] if re.fullmatch(r"\d\.\d\d", word)]


def lengths(frame):
    """How long the codes are that are drawn, by model, in those of the ends."""
    return [float(word.split("×")[1]) for word in frame["words"] if word.startswith("code’s length")]


def grey(picture):
    """The share of half-inked pixels among those with ink."""
    ink = [pixel for pixel in picture["pixels"] if pixel > 0.25]
    return sum(pixel < 0.75 for pixel in ink) / len(ink)


def test_step_1_between_the_0s_and_the_1s_the_bands_say_other_digits_and_fewer_agree(lab, images, certain):
    step = step_of(lab, "Press *Play*")
    assert step == 1
    start, middle, end = frames(lab, *(state_of(lab, step, t=t) for t in (0, 0.5, 1)))
    assert [frame["handles"][0]["x"] for frame in (start, middle, end)] == sorted(
        f["handles"][0]["x"] for f in (start, middle, end)
    )
    assert bands(start) == bands(middle) == bands(end)  # the whole walk, wherever one stands on it
    for runs, agree in bands(start):
        if images.name == "mnist":
            assert runs[0] == 0 and runs[-1] == 1 and set(runs[1:-1]) - {0, 1}
            assert min(agree) <= 6 and agree[0] >= 9 and agree[-1] == 10
    (phone,) = frames(lab, state_of(lab, step), width=317)
    for frame in (start, phone):  # what the step brings on the screen has the handle in it
        walk, handle = frame["regions"]["walk"], frame["handles"][0]
        assert walk["y"] < handle["y"] - 9 and handle["y"] + 9 < walk["y"] + walk["height"]
    labels = [
        (y, x) for _, _, x, y, style in (c for c in phone["calls"] if c[0] == "text") if style.get("base") == "middle"
    ]
    assert labels and all(y != below or next_x - x > 13 for (y, x), (below, next_x) in pairwise(labels))
    for frame, place in ((start, 0), (middle, 12), (end, 24)):  # the count that the sentence speaks of
        said = [word for word in frame["words"] if word.startswith("nearest 10: ")]
        assert [int(word.split()[2]) for word in said] == [agree[place] for _, agree in bands(frame)]
    assert len({tuple(p["pixels"]) for frame in (start, middle, end) for p in frame["pictures"][0:3:2]}) == 6


def test_step_2_a_blend_is_both_digits_in_grey_and_its_curve_rises_above_that_of_lerp(lab, certain):
    step = step_of(lab, "Set *Path* to *pixels*")
    (before, after), path = frames(lab, state_of(lab, step), state_of(lab, step, path=BLEND)), {}
    lerps = frames(lab, *(state_of(lab, step, t=t) for t in WALK))
    blends = frames(lab, *(state_of(lab, step, t=t, path=BLEND) for t in WALK))
    for i in range(2):
        line, blend = ([distances(frame)[i] for frame in each] for each in (lerps, blends))
        path[i] = blend[10] > line[10] and max(blend) > max(line) - 0.01
    known = all(set(runs) == {0, 1} for runs, _ in bands(after))
    assert step is not None or not certain
    assert (step is not None) <= (all(path.values()) and known)
    if step is None:
        return
    for here, there, near, far in zip(shown(before), shown(after), distances(before), distances(after), strict=True):
        assert (here, there) == (near, far) and far > near + 0.02  # enough to be seen in two decimals
    for one, other in zip(before["pictures"][0:3:2], after["pictures"][0:3:2], strict=True):
        assert grey(other) > grey(one) + 0.1
    dashed = [call for call in after["calls"] if call[0] == "line" and call[2].get("dash") == [3, 3]]
    solid = [call for call in before["calls"] if call[0] == "line" and call[2].get("width") == 2.5]
    assert len(dashed) == 2 and [call[1] for call in dashed] == [call[1] for call in solid]  # the axis has not moved


def test_step_3_on_the_arc_the_code_stays_as_long_and_the_drawings_are_others(lab, certain):
    step = step_of(lab, "Set *Path* to *slerp*")
    assert step is not None
    line, arc = frames(lab, state_of(lab, step), state_of(lab, step, path=ARC))
    assert max(lengths(line)) < 0.98 and lengths(arc) == [1, 1]
    if certain:
        assert max(lengths(line)) < 0.75
    assert shown(line) == distances(line) != distances(arc) == shown(arc)
    for one, other in zip(line["pictures"][0:3:2], arc["pictures"][0:3:2], strict=True):
        assert max(abs(a - b) for a, b in zip(one["pixels"], other["pixels"], strict=True)) > 0.25


def test_step_4_from_one_digit_to_another_of_its_kind_all_are_of_that_kind(lab, certain):
    step = step_of(lab, "only the handwriting changes")
    assert step is not None or not certain
    if step is None:
        return
    label = int(re.findall(r"from one (\d) to another", lab.steps[step - 1].words)[0])
    start, end = frames(lab, state_of(lab, step), state_of(lab, step, t=1))
    for runs, agree in bands(start):
        assert runs == [label] and min(agree) >= 8
    for one, other in zip(start["pictures"][0:3:2], end["pictures"][0:3:2], strict=True):
        assert sum(abs(a - b) for a, b in zip(one["pixels"], other["pixels"], strict=True)) > 20  # of 784


def test_step_5_from_a_4_to_a_9_even_the_blend_has_no_bump(lab, certain):
    step = step_of(lab, "no bump")
    state = {"from": "4", "to": "9", "path": BLEND}
    walk = frames(lab, *(state_of(lab, t=t, **state) for t in WALK))
    flat = all(max(curve[5:16]) <= max(curve[0], curve[-1]) + 0.01 for curve in zip(*map(distances, walk), strict=True))
    assert step is not None or not certain
    assert (step is not None) <= flat
    if step:
        assert state_of(lab, step, t=WALK[-1]) == state_of(lab, t=WALK[-1], **state)
        assert (
            all(handle["quiet"] for handle in walk[0]["handles"][1:])
            and "pick a picture to walk from" in walk[0]["words"]
        )
