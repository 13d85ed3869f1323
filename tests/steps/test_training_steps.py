"""Each step of TrainingLab does what its sentence says: on MNIST, whose run the sentences are about."""

import numpy as np
import pytest
from drive import frames, number, state_of

from vae_core.labs.training import CURVES, FIRST_EPOCH, SPANS, SUMS, TrainingLab

DESK, PHONE = 766, 319


@pytest.fixture(scope="module")
def lab():
    return TrainingLab()


@pytest.fixture(scope="module")
def of_mnist(lab):
    """Whether the sentences are about this run; of any other they promise that everything moves as they say."""
    return lab.album.images.name == "mnist"


def again(frame):
    """What is drawn again: ten pictures (10, 784). On a desk the test images above them are pointed out with them."""
    box = frame["regions"]["again"]
    rows = [each["pixels"] for each in frame["pictures"] if box["y"] <= each["y"] < box["y"] + box["height"]]
    assert len(rows) in (10, 20)
    return np.array(rows[-10:])


def alike(pictures):
    """The least correlation between two of them."""
    return np.corrcoef(pictures).min()


def curves(frame):
    """The points of the two curves, in drawing order: test then train, or distortion then rate."""
    lines = [call for call in frame["calls"] if call[0] == "line" and len(call[1]) > 5]
    assert len(lines) == 2
    return [np.array(call[1]) for call in lines], [call[2].get("dash") for call in lines]


def axes(frame):
    return [call for call in frame["calls"] if call[0] == "axis"]


def at(lab, step, *snapshots, width=DESK, **acts):
    return frames(lab, *(state_of(lab, step, snapshot=k, **acts) for k in snapshots), width=width)


def test_the_run_stands_still_but_for_the_line_that_moves(lab):
    """No axis and no curve changes with the snapshot, whatever is shown from wherever."""
    last = len(lab.album.steps) - 1
    for shown in CURVES:
        for span in SPANS:
            first, *others = at(lab, None, 0, 3, last, curves=shown, span=span)
            for frame in others:
                assert axes(frame) == axes(first)
                for here, there in zip(curves(frame)[0], curves(first)[0], strict=True):
                    np.testing.assert_array_equal(here, there)


def test_train_is_dashed_over_test_and_both_are_seen(lab):
    (frame,) = at(lab, None, 4, curves=SUMS)
    assert curves(frame)[1] == [None, [5, 4]]
    (terms,) = at(lab, None, 4)
    assert curves(terms)[1] == [None, None]


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_step_1_the_first_thing_learned_is_one_smudge_for_all(lab, of_mnist, width):
    begun, *later = at(lab, 1, *range(9), width=width)
    assert begun["summary"].count("after 0 steps (untrained)") == 1
    if not of_mnist:
        assert not np.array_equal(again(begun), again(later[-1]))
        return
    mean = lab.album.images.train.float().div(255).mean(0).flatten().numpy()
    shown = again(begun)
    assert np.abs(shown - 0.5).max() < 0.15  # grey all over
    assert abs(np.corrcoef(shown.mean(0), mean)[0, 1]) < 0.1
    for snapshot in (3, 4, 5, 6):
        assert alike(again(later[snapshot - 1])) > 0.9  # the same for all ten
    smudge = again(later[5])
    assert min(np.corrcoef(each, mean)[0, 1] for each in smudge) > 0.9


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_step_2_the_drawings_begin_to_differ_after_forty_steps(lab, of_mnist, width):
    begun, hint, apart, epoch, last = (again(f) for f in at(lab, 2, 5, 6, 7, 8, len(lab.album.steps) - 1, width=width))
    if not of_mnist:
        assert alike(last) < alike(begun)
        return
    assert 1 - alike(begun) < 0.02 and 0.04 < 1 - alike(hint) < 0.1
    assert alike(apart) < 0.6 and alike(epoch) < 0.35 and alike(last) < 0.1
    assert [lab.album.steps[k] for k in (5, 6, 7)] == [20, 40, 80]


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_step_3_the_rate_has_a_hump_while_the_drawings_show_the_same_smudge(lab, of_mnist, width):
    before, hump, after = at(lab, 3, 3, 4, 5, width=width)
    (frame,) = frames(lab, state_of(lab, 3), width=width)
    assert frame == hump
    assert [tile["mark"] for tile in frame["tiles"][1:]] == ["distortion", "rate"]
    if not of_mnist:
        return
    assert number(hump, "Rate") > 4 * max(number(before, "Rate"), number(after, "Rate"))
    assert number(hump, "Rate") > max(row[0] for k, row in enumerate(lab.album.terms["test"]) if k != 4)
    _, rate = curves(frame)[0]
    assert min(rate[3, 1], rate[5, 1]) - rate[4, 1] > 25  # pixels
    assert alike(again(hump)) > 0.9 and any(word == f"{number(hump, 'Rate')}" for word in frame["words"])


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_step_4_at_the_end_train_lies_lower(lab, of_mnist, width):
    (end,) = at(lab, 4, len(lab.album.steps) - 1, width=width)
    assert state_of(lab, 4)["span"] == SPANS.index(FIRST_EPOCH)
    (test, train), dashes = curves(end)
    assert dashes[1]  # test and train, not the terms
    first_epoch = next(k for k, step in enumerate(lab.album.steps) if step >= lab.album.steps_per_epoch)
    assert len(test) == len(train) == len(lab.album.steps) - first_epoch
    if of_mnist:
        assert number(end, "Test") - number(end, "Train") > 2 and train[-1, 1] - test[-1, 1] > 5  # nats, pixels


def test_the_cursor_leaves_the_axis_its_numbers_and_what_is_written_covers_the_lines(lab):
    """No word is struck through by the line that moves: it stops at the axis's numbers, and the rest is written over it."""
    for width in (DESK, PHONE):
        (frame,) = at(lab, None, 4, width=width)
        foot = next(call[1]["y"] + call[1]["height"] for call in frame["calls"] if call[0] == "axis")
        upright = [call[1] for call in frame["calls"] if call[0] == "line" and call[1][0][0] == call[1][1][0]]
        assert not [line for line in upright if line[0][1] < foot + 12 < line[1][1]]
        order = [call[1] for call in frame["calls"] if call[0] in ("line", "text")]
        written = order.index("first epoch ends")
        cursor = frame["handles"][0]["x"]
        assert max(i for i, what in enumerate(order) if not isinstance(what, str) and what[0][0] == cursor) < written
        assert frame["handles"][0]["room"]  # its hint stands beside it, off the line


def test_what_comes_before_the_first_epoch_is_named_at_the_edge(lab):
    early, late = at(lab, None, 2, len(lab.album.steps) - 1, span=FIRST_EPOCH)
    assert [call[1] for call in early["calls"] if call[0] == "beyond"] == ["step 2"]
    assert not [call for call in late["calls"] if call[0] == "beyond"]
