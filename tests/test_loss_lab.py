"""LossLab's two sides agree: β, lines of code and pictures; one of the found losses sets the other controls."""

import gzip
from itertools import product

import numpy as np
import pytest
from drive import frames, state_of

from vae_core.accounting import ERRORS, FOUND, KL, OVER, Loss
from vae_core.labs import LossLab
from vae_core.labs.loss import BATCHES, BEGIN, OWN, SIZES, UNITS, WEIGHTS, family, settings
from vae_core.likelihoods import Bernoulli, Gaussian


@pytest.fixture(scope="module")
def made() -> LossLab:
    return LossLab()


@pytest.fixture
def lab(made) -> LossLab:
    put(made, found=BEGIN)
    return made


def put(lab, **words):
    for name, word in words.items():
        widget = lab.controls[name]
        widget.index = widget.options.index(word)


def test_the_page_counts_as_python_does_in_every_combination(lab):
    """Each error, reduction and KL, with sizes and weights that go round."""
    combinations = list(product(ERRORS, OVER, KL))
    given = [
        Loss(error, over, kl, WEIGHTS[i % len(WEIGHTS)], [*SIZES.values()][i % 4], UNITS[i % 5], BATCHES[i % 6])
        for i, (error, over, kl) in enumerate(combinations)
    ]
    shown = frames(lab, *(state_of(lab, found=OWN, **settings(loss)) for loss in given))
    for loss, frame in zip(given, shown, strict=True):
        assert frame["data"]["beta"] == pytest.approx(loss.beta, rel=1e-12)
        code = frame["words"][1:4]
        assert code == loss.code().splitlines()
        assert frame["words"][0].startswith(f"# x is ({loss.batch_size}, {loss.input_dim})")
    assert len(given) == 2 * 4 * 6


def test_a_phone_shows_the_same_lines_broken(lab):
    for found in FOUND.values():
        (frame,) = frames(lab, state_of(lab, found=OWN, **settings(found.loss)), width=319)
        shown = "".join(frame["words"][: frame["words"].index("β")]).replace(" ", "")
        assert shown.endswith(found.loss.code().replace("\n", "").replace(" ", ""))


def test_choosing_a_found_loss_sets_the_others_and_changing_one_makes_it_ones_own(lab):
    for name, found in FOUND.items():
        put(lab, found=name)
        assert lab.loss == found.loss and lab.values["found"] == name
        put(lab, batch="512" if found.loss.batch_size != 512 else "1")
        assert lab.values["found"] == OWN and lab.loss == Loss(**{**vars(found.loss), "batch_size": 512})
        put(lab, batch=str(found.loss.batch_size))
        assert lab.values["found"] == name, "all as it was, so it is called so again"
    put(lab, batch="512")
    put(lab, found=OWN)
    assert lab.loss.batch_size == 512
    put(lab, over="sum", kl="mean")
    assert lab.values["found"] == OWN and lab.beta == Loss(**vars(lab.loss)).beta


def test_it_begins_as_a_loss_that_was_found(lab):
    assert lab.loss == FOUND[lab.values["found"]].loss and lab.beta == pytest.approx(1.536)


@pytest.mark.parametrize("name", FOUND)
def test_the_pictures_are_those_of_pytorch(lab, name):
    put(lab, found=name)
    answer = lab.answer()
    coins = FOUND[name].loss.error == "cross-entropy"
    assert lab.model.likelihood == (Bernoulli() if coins else Gaussian(1.0))
    (frame,) = frames(lab, state_of(lab, found=name))
    shown = np.array([picture["pixels"] for picture in frame["pictures"]])
    assert np.abs(shown[10:20] - answer["redrawn"]).max() < 1 / 30 + 1e-5
    assert np.abs(shown[20:] - answer["drawn"]).max() < 1 / 30 + 1e-5
    assert answer["trained"] == frame["data"]["trained"] and answer["beta"] == lab.beta
    assert (answer["std"] is None) == coins


def test_the_model_is_the_nearest_by_the_ratio(lab):
    put(lab, found=OWN, error="cross-entropy", over="sum", kl="sum")
    betas = np.array(sorted(beta for beta, member in family() if not member.endswith("gaussian")))
    for weight in WEIGHTS:
        put(lab, weight=np.format_float_positional(weight, trim="-"))
        told = lab.answer()["trained"]
        assert np.abs(np.log(told / weight)) == np.abs(np.log(betas / weight)).min()


def test_the_numbers_of_each_model_are_measured(lab, images):
    for members, error in zip(lab.canvas.spec["models"], ERRORS, strict=True):
        assert [each["beta"] for each in members] == sorted(beta for beta, _ in lab._family[error])
        rates = [each["rate"] for each in members]
        assert rates[0] > 10 > 0.5 > rates[-1] and members[-1]["active"] == 0
        costs = [each["distortion"] for each in members]
        assert np.all(np.diff(rates) < 0.5) and costs[-1] > costs[0] + 5
        if images.name == "mnist":  # on which they were trained
            assert np.all(np.diff(costs) > -1)


def test_a_page_has_room_for_it(lab):
    assert len(gzip.compress(lab.html().encode())) < 350_000
