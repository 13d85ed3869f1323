"""RateDistortionLab's steps keep their promises, by the numbers and pictures that the lab itself shows."""

import pytest
import torch
from drive import by_neighbours, frames, number, state_of

from vae_core.labs import RateDistortionLab
from vae_core.labs.ratedistortion import SHOWN


@pytest.fixture(scope="module")
def lab() -> RateDistortionLab:
    return RateDistortionLab()


@pytest.fixture(scope="module")
def by_beta(lab):
    """What the lab shows at each β, as it begins otherwise."""
    betas = lab.controls["beta"].options
    return dict(zip(betas, frames(lab, *(state_of(lab, beta=beta) for beta in betas)), strict=True))


def again(frame):
    return frame["pictures"][SHOWN : 2 * SHOWN]


def prior(frame):
    return frame["pictures"][2 * SHOWN : 3 * SHOWN]


def pixels(pictures):
    return torch.tensor([picture["pixels"] for picture in pictures])


def bars(frame):
    """How many of the units' bars have the colour of a rate, and how many are flat."""
    units = frame["regions"]["units"]
    found = [call for call in frame["calls"] if call[0] == "box" and call[2] > units["y"] and call[5].get("fill")]
    rate = [call for call in found if call[5]["fill"] == "rate"]
    flat = [call for call in found if call[5]["fill"] == "muted" and call[4] == 1.5]
    assert len(rate) + len(flat) == 10
    return len(rate)


def same_axes(*shown):
    """No axis moves with β: the plane is painted once, and its numbers are the same."""
    axes = [[call for call in frame["calls"] if call[0] == "axis"] for frame in shown]
    assert all(each == axes[0] for each in axes)
    return True


def test_step_1_units_come_to_life_a_few_at_a_time_as_the_price_falls(lab, by_beta, images):
    betas = [*by_beta]
    (begun,) = frames(lab, state_of(lab, 1))
    assert same_axes(begun, *by_beta.values())
    assert bars(begun) == 0 and begun["summary"].startswith("β = 100:")
    used = [bars(by_beta[beta]) for beta in reversed(betas)]
    assert used == sorted(used) and bars(by_beta["1"]) == 10
    assert len(set(used)) >= 5, "not all at once"
    if images.name == "mnist":
        first = next(beta for beta in reversed(betas) if bars(by_beta[beta]))
        assert (first, bars(by_beta[first]), bars(by_beta["3.2"])) == ("18", 3, 10)


def test_step_2_a_low_price_draws_well_again_and_invents_badly(lab, by_beta, images):
    (begun,) = frames(lab, state_of(lab, 2))
    assert begun["pictures"] == by_beta["0.01"]["pictures"]
    if images.name == "mnist":
        x = pixels(begun["pictures"][:SHOWN])
        assert by_neighbours(images, again(begun)) == by_neighbours(images, begun["pictures"][:SHOWN])
        cheap, dear = ((pixels(again(by_beta[b])) - x).square().sum(1).mean() for b in ("0.01", "10"))
        assert cheap < dear / 2
        # how far a draw from the prior is from the nearest of all training digits
        assert agreement(images, prior(begun)) < agreement(images, prior(by_beta["1"]))


def agreement(images, pictures):
    """Of the ten training images nearest to each picture, how many show one digit, on the average."""
    nearest = torch.cdist(pixels(pictures), images.train[:10_000].flatten(1) / 255).topk(10, largest=False).indices
    digits = images.train_labels[nearest]
    return (digits == digits.mode(1).values[:, None]).sum(1).float().mean().item()


def test_step_3_a_dead_unit_changes_nothing_and_the_first_changes_all(lab):
    begun, *moved = frames(lab, *(state_of(lab, 3, shift=shift) for shift in (0.0, -3.0, 3.0)))
    (first,) = frames(lab, state_of(lab, 3, unit="1", shift=3.0))
    assert same_axes(begun, *moved, first)
    for frame in moved:
        assert (pixels(again(frame)) - pixels(again(begun))).abs().max() < 0.02
        assert abs(number(frame, "Distortion of these") - number(begun, "Distortion of these")) < 0.2
    assert (pixels(again(first)) - pixels(again(begun))).abs().flatten(1).max(1).values.min() > 0.3
    assert number(first, "Distortion of these") > number(begun, "Distortion of these") + 50


def test_step_4_narrow_clouds_hold_and_wide_ones_do_not(lab, images):
    acts = ({}, {"noise": 3.0}, {"beta": "10"}, {"noise": 3.0, "beta": "10"})
    begun, cheap, own, dear = shown = frames(lab, *(state_of(lab, 4, **act) for act in acts))
    assert same_axes(*shown)
    rise, fall = (
        number(after, "Distortion of these") - number(before, "Distortion of these")
        for before, after in ((begun, cheap), (own, dear))
    )
    assert 0 < rise < 3 and fall > 20 * rise
    assert (pixels(again(cheap)) - pixels(again(begun))).abs().mean() < 0.01
    if images.name == "mnist":
        held = by_neighbours(images, begun["pictures"][:SHOWN])
        assert by_neighbours(images, again(cheap)) == by_neighbours(images, again(begun)) == held
        assert sum(a != b for a, b in zip(by_neighbours(images, again(dear)), held, strict=True)) >= 4


def test_step_5_no_dot_lies_clearly_below_a_line(lab, by_beta, images):
    """Of what each β makes small, no model of another β has clearly less: at most a hundredth, which is that of training."""
    spec = lab.canvas.spec["models"]
    for model in spec:
        loss = [other["distortion"] + model["beta"] * other["rate"] for other in spec]
        own = model["distortion"] + model["beta"] * model["rate"]
        assert min(loss) > (0.99 if images.name == "mnist" else 0.9) * own
    slopes = []
    for frame in by_beta.values():
        (line,) = [c for c in frame["calls"] if c[0] == "line" and c[2].get("colour") == "accent"]
        (x1, y1), (x2, y2) = line[1]
        slopes.append((y2 - y1) / (x2 - x1))
    ratios = [slope / slopes[0] for slope in slopes]
    assert ratios == pytest.approx([m["beta"] / spec[0]["beta"] for m in spec])
    assert frames(lab, state_of(lab, 5))[0]["summary"].startswith("β = 1:")
