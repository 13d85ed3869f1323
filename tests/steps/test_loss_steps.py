"""LossLab's steps keep their promises, by the numbers and pictures that the lab itself shows."""

import math

import pytest
import torch
from drive import frames, number, state_of

from vae_core import load_images
from vae_core.accounting import FOUND
from vae_core.data import to_pixels
from vae_core.labs import LossLab
from vae_core.labs.loss import at, settings
from vae_core.likelihoods import Gaussian

DESK, PHONE = 766, 319
WIDTHS = pytest.mark.parametrize("width", [DESK, PHONE])


@pytest.fixture(scope="module")
def lab() -> LossLab:
    return LossLab()


@pytest.fixture(scope="module")
def real():
    return load_images("mnist", fallback="digits")


def beta(frame):
    return frame["data"]["beta"]


def trained(frame):
    """The β of the model that is shown."""
    return frame["data"]["trained"]


def axis(frame):
    """The axis of β: all its strokes, and its words."""
    strokes = [call for call in frame["calls"] if call[0] == "line" and call[2].get("colour") in ("muted", "ink")]
    return strokes, [word for word in frame["words"] if word.startswith("10") or "ELBO" in word]


def row(frame, which):
    """One row of ten pictures: 0 of the test set, 1 redrawn, 2 from the prior."""
    return frame["pictures"][10 * which : 10 * which + 10]


def pixels(frame, which):
    return torch.tensor([picture["pixels"] for picture in row(frame, which)])


def spread(frame, which):
    """How far the ten pictures of a row are from one another: the variance of a pixel, summed over pixels."""
    return pixels(frame, which).var(0).sum().item()


def off(frame):
    """How far the redrawn digits are from the test digits: squared error, the mean of ten."""
    return (pixels(frame, 0) - pixels(frame, 1)).square().sum(1).mean().item()


def moved(name, **changes):
    """Where the controls stand after a step and a hand on one of them: no longer a loss that was found."""
    return at(name, **changes)


@WIDTHS
def test_step_1_both_of_pytorchs_own_are_the_elbo(lab, width):
    today, before = frames(
        lab,
        state_of(lab, 1),
        state_of(lab, 1, found="pytorch/examples, 2017", **settings(FOUND["pytorch/examples, 2017"].loss)),
        width=width,
    )
    assert all("β = 1" in frame["words"] for frame in (today, before))
    assert beta(today) == beta(before) == 1 and trained(today) == trained(before) == 1
    assert axis(today) == axis(before) and today["handles"][0]["x"] == before["handles"][0]["x"]
    ends = ["loss = error + kl.sum()", "loss = error + kl.sum() / x.numel()"]
    assert all(end in frame["words"] for end, frame in zip(ends, (today, before), strict=True))
    assert today["pictures"] == before["pictures"]


@WIDTHS
def test_step_2_one_drawing_for_all_until_the_error_is_a_sum(lab, width):
    begun, mended = frames(
        lab, state_of(lab, 2), state_of(lab, 2, **moved("keras, 2016", over="sum / batch")), width=width
    )
    assert beta(begun) == 784 and trained(begun) == 100 and beta(mended) == trained(mended) == 1
    assert "a small MNIST network at β = 100: none beyond" in begun["words"]
    assert "a small MNIST network trained at β = 1" in mended["words"]
    assert number(begun, "In use") == 0 and number(begun, "Rate") < 0.1 and number(mended, "In use") >= 5
    for which in (1, 2):
        assert spread(begun, which) < 0.02 * spread(begun, 0) < 0.2 * spread(mended, which)
    assert axis(begun) == axis(mended)


@WIDTHS
def test_step_3_a_small_weight_is_more_than_one_and_a_weight_of_one_says_nothing(lab, width):
    begun, heavy = frames(
        lab, state_of(lab, 3), state_of(lab, 3, **moved("PyTorch-VAE (AntixK)", weight="1")), width=width
    )
    assert beta(begun) == pytest.approx(1.536) and trained(begun) == 1
    assert beta(heavy) == pytest.approx(6144) and trained(heavy) == 10
    assert begun["handles"][0]["x"] < heavy["handles"][0]["x"] and axis(begun) == axis(heavy)
    assert begun["handles"][0]["hint"] == "drag β = 1.54" and "β = 6,144" in heavy["words"]
    assert number(begun, "In use") > number(heavy, "In use") and off(heavy) > 1.3 * off(begun)
    assert spread(heavy, 2) < 0.5 * spread(begun, 2)


@WIDTHS
def test_step_4_a_free_rate_redraws_as_well_and_draws_badly(lab, real, width):
    begun, book = frames(
        lab, state_of(lab, 4), state_of(lab, 4, **moved("pytorch-vae (sksq96)", kl="sum")), width=width
    )
    assert beta(begun) == 1 / 1024 and trained(begun) == 0.01 and beta(book) == trained(book) == 1
    assert axis(begun) == axis(book)
    assert 0.9 < off(begun) / off(book) < 1.1, "the redrawn digits stay about as good as they were"
    redrawn, drawn = ((pixels(begun, which) - pixels(book, which)).abs().mean() for which in (1, 2))
    assert drawn > 2.5 * redrawn
    ink = [pixels(frame, 2).sum(1).mean().item() for frame in (begun, book)]
    assert ink[0] < 0.6 * ink[1], "what is drawn from the prior is faint and in pieces"
    if real.name == "mnist":
        assert ink[1] == pytest.approx(to_pixels(real.test).sum(1).mean().item(), rel=0.15)
    assert number(begun, "Rate") > 2 * number(book, "Rate")


@WIDTHS
def test_step_5_one_word_takes_beta_from_beyond_the_axis_to_a_half(lab, width):
    begun, mended = frames(
        lab, state_of(lab, 5), state_of(lab, 5, **moved("sigma-vae-pytorch", over="sum")), width=width
    )
    assert beta(begun) == 150_528 and trained(begun) == 10
    assert [call[1] for call in begun["calls"] if call[0] == "beyond"] == ["β = 150,528"]
    assert begun["handles"][0]["x"] == max(stroke[1][0][0] for stroke in axis(begun)[0])
    assert beta(mended) == 0.5 and not [call for call in mended["calls"] if call[0] == "beyond"]
    assert "β = 1 for σₓ = 0.707" in mended["words"] and axis(begun) == axis(mended)


def test_beta_is_dragged_by_the_weight(lab):
    (frame,) = frames(lab, state_of(lab, **moved("pytorch/examples, today")))
    (handle,) = frame["handles"]
    decade = (766 - 24) / 10
    assert handle["to"]["found"] == 0
    weights = lab.canvas.spec["weights"]
    assert weights[handle["to"]["weight"]] == min(weights, key=lambda each: abs(each / 10 ** (10 / decade) - 1))


def test_the_axis_shows_what_the_weight_can_reach_and_that_is_what_a_drag_reaches(lab):
    for width in (DESK, PHONE):
        for name in FOUND:
            begun, other = frames(
                lab, state_of(lab, **at(name)), state_of(lab, **moved(name, weight="0.1")), width=width
            )
            band, same = (
                [call[1:5] for call in frame["calls"] if call[0] == "box" and call[5].get("alpha") == 0.3]
                for frame in (begun, other)
            )
            assert len(band) == 1 and band == [pytest.approx(each) for each in same], "it stays while the weight moves"
            left, _, wide, _ = band[0]
            assert left - 1 < begun["handles"][0]["x"] < left + wide + 1
            decade = (width - 24) / 10
            end = max(stroke[1][0][0] for stroke in axis(begun)[0])
            reach = min(end, begun["handles"][0]["x"] + decade * (1 - math.log10(FOUND[name].loss.weight)))
            assert beta(begun) > 1e5 or left + wide == pytest.approx(reach)


def test_a_tile_says_at_which_beta_it_was_measured_and_a_constant_stands_apart(lab):
    coins, bells = frames(lab, state_of(lab, **at("keras, 2016")), state_of(lab, **at("PyTorch-VAE (AntixK)")))
    notes = {tile["name"]: tile["note"].replace("\u00a0", " ") for tile in coins["tiles"]}
    assert notes["Rate"] == notes["Distortion"] == "nats, at β = 100" and notes["In use"] == "of 10, at β = 100"
    notes = {tile["name"]: tile["note"].replace("\u00a0", " ") for tile in bells["tiles"]}
    assert notes["Distortion"] == "+ 720.4, at β = 1"
    member = next(each for each in lab.canvas.spec["models"][1] if each["beta"] == 1)
    flawless = -Gaussian(std=1.0).log_prob(torch.zeros(784), torch.zeros(784)).item()
    assert number(bells, "Distortion") == pytest.approx(member["distortion"] - flawless, abs=0.06)


def test_what_is_drawn_is_within_the_width_and_the_notes_say_who_got_what(lab):
    for width in (DESK, PHONE):
        shown = frames(lab, *(state_of(lab, **at(name)) for name in FOUND), width=width)
        for frame, name in zip(shown, FOUND, strict=True):
            texts = [call for call in frame["calls"] if call[0] == "text"]
            mono = [call for call in texts if "(" in call[1] and call[2] < 10]
            assert all(call[2] + 6.1 * len(call[1]) <= width + 1 for call in mono if width == PHONE)
            assert [note["words"] for note in frame["notes"]][1:] == [FOUND[name].does, FOUND[name].got]
            assert frame["notes"][0]["words"].startswith(FOUND[name].repository)
